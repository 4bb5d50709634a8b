"""Commands of the terminal's life, by the real entry point and without an agent."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from client.agent import background
from client.agent.process import Agent, run_agent
from client.cli.main import main
from client.door import asking
from client.exits import Exit
from client.home import HomeError
from client.vault.database import Database, DiskError, VaultError
from client.vault.filelock import held
from client.vault.opening import DATABASE, LOCK, VAULT_KEY
from tests.support import typed
from tests.support.home_desk import HomeDesk, locked_desk
from tests.support.homes import ANNA, WORDS
from tests.support.light import make_light
from tests.support.ministry import Ministry
from tests.support.typed import told

NEW = "een heel nieuwe zin"
PAGE = 4_096  # bytes of the database


@pytest.fixture(autouse=True)
def _light(monkeypatch: pytest.MonkeyPatch) -> None:
    make_light(monkeypatch)


@pytest.fixture
def bern(hague: Ministry, tmp_path: Path) -> HomeDesk:
    return locked_desk(hague, tmp_path / "bern")


def koerier(desk: HomeDesk, *arguments: object, **words: str) -> Result:
    return typed.koerier(desk.home, *arguments, **words)


def alone(desk: HomeDesk, *arguments: object, **words: str) -> Result:
    return typed.alone(desk.home, *arguments, **words)


def inbox(desk: HomeDesk) -> Any:  # noqa: ANN401 -- JSON
    return json.loads(told(alone(desk, "inbox", "--json")))


# --- without an agent


def test_a_command_reads_and_queues_without_an_agent(bern: HomeDesk) -> None:
    (line,) = inbox(bern)
    shown = told(alone(bern, "read", line["id"]))
    assert "Welkom." in shown
    text = bern.home.path / "text"
    text.write_text("Later.")
    sent = alone(
        bern,
        *("send", "--to", "tfc", "--subject", "Later", "--level", "Dep.V"),
        *("--until", "2031-01-31", "--text", text, "--json"),
    )
    assert sent.exit_code == 4  # queued: there is no line
    (queued,) = json.loads(told(alone(bern, "outbox", "--json")))
    assert queued["to"][0]["post"] == "tfc"
    with held(bern.home.data / LOCK):  # each command let go of the vault
        busy = alone(bern, "inbox")
    assert "unlocked already" in told(busy, 2)


def test_without_a_passphrase_it_is_locked(bern: HomeDesk) -> None:
    for lang, word in (("nl", "vergrendeld"), ("en", "locked")):
        done = koerier(bern, "inbox", lang=lang)
        assert word in told(done, 5)
    assert "passphrase" in told(alone(bern, "inbox", word="fout"), 2)
    assert told(koerier(bern, "terminal", "lock"), 5)


def test_at_a_terminal_the_passphrase_is_asked_once(
    bern: HomeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def answer(question: str) -> str:
        asked.append(question)
        return WORDS[ANNA]

    monkeypatch.setattr("client.cli.shell._at_a_terminal", lambda: True)
    monkeypatch.setattr("getpass.getpass", answer)
    assert "tfc" in told(koerier(bern, "inbox"))
    assert len(asked) == 1


def test_a_member_who_is_named_is_who_unlocks(bern: HomeDesk) -> None:
    line = ["--member", "Niemand", "inbox"]
    reading, writing = os.pipe()
    os.write(writing, f"{WORDS[ANNA]}\n".encode())
    os.close(writing)
    done = CliRunner().invoke(
        main,
        ["--home", str(bern.home.path), "--passphrase-fd", str(reading), *line],
    )
    assert done.exit_code == 2


# --- the passphrase and the sheet


def sheet(bern: HomeDesk) -> str:
    """Let a new sheet be written, and return it as it is printed."""
    before = set(bern.home.path.glob("recovery-sheet*.txt"))
    done = koerier(
        bern,
        *("terminal", "passphrase", "--new-sheet"),
        passphrase_fd=WORDS[ANNA],
        new_passphrase_fd=WORDS[ANNA],
    )
    told(done)
    (file,) = set(bern.home.path.glob("recovery-sheet*.txt")) - before
    assert file.stat().st_mode & 0o077 == 0
    return file.read_text()


def test_a_passphrase_is_changed_and_a_weak_one_refused(bern: HomeDesk) -> None:
    change = ("terminal", "passphrase")
    for weak in ("kort", "aaaaaaaaaaaaaaaa"):
        done = koerier(bern, *change, passphrase_fd=WORDS[ANNA], new_passphrase_fd=weak)
        assert "at least 12" in told(done, 2)
    told(koerier(bern, *change, passphrase_fd=WORDS[ANNA], new_passphrase_fd=NEW))
    assert told(alone(bern, "inbox"), 2)
    assert "tfc" in told(alone(bern, "inbox", word=NEW))


@pytest.mark.parametrize("lang", ["nl", "en"])
def test_a_sheet_sets_a_new_passphrase(bern: HomeDesk, lang: str) -> None:
    text = sheet(bern)
    done = koerier(
        bern, "terminal", "recover", lang=lang, sheet_fd=text, passphrase_fd=NEW
    )
    assert ANNA in told(done)
    assert "tfc" in told(alone(bern, "inbox", word=NEW))


def test_a_row_typed_wrongly_is_named_and_asked_again(
    bern: HomeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = sheet(bern)
    rows = [line.split()[1] for line in text.splitlines()[4:13]]
    wrong = rows[3][:-1] + ("0" if rows[3][-1] != "0" else "1")
    lines = iter([*rows[:3], wrong, *rows[3:]])
    monkeypatch.setattr("getpass.getpass", lambda _: next(lines))
    done = koerier(bern, "terminal", "recover", passphrase_fd=NEW)
    assert "Row 4 is wrong" in told(done)
    other = koerier(
        bern, "terminal", "recover", sheet_fd="\n".join(rows[::-1]), passphrase_fd=NEW
    )
    assert "Row 1 is wrong" in told(other, 2)
    unreadable = koerier(bern, "terminal", "recover", "--sheet-fd", "987")
    told(unreadable, 2)


def test_a_new_sheet_ends_the_old_one(bern: HomeDesk) -> None:
    old, new = sheet(bern), sheet(bern)
    done = koerier(bern, "terminal", "recover", sheet_fd=old, passphrase_fd=NEW)
    told(done, 2)
    told(koerier(bern, "terminal", "recover", sheet_fd=new, passphrase_fd=NEW))


# --- check, backup, restore, members


def test_a_sound_vault_is_said_and_a_fault_is_status_six(bern: HomeDesk) -> None:
    assert "sound" in told(alone(bern, "terminal", "check"))
    assert json.loads(told(alone(bern, "terminal", "check", "--json"))) == {
        "faults": []
    }
    bern.take(bern.unlocked(ANNA))
    with bern.store.transaction():
        bern.terminal.vault.database.run(
            "UPDATE record SET document = ? WHERE way = 0", b"\x00"
        )
    bern.lock()
    done = alone(bern, "terminal", "check")
    assert "another hash" in told(done, 6)
    assert "another hash" in told(alone(bern, "terminal", "check", "--json"), 6)


def test_a_backup_is_written_and_restored_by_commands(bern: HomeDesk) -> None:
    file = bern.home.path.parent / "bern.backup"
    assert "bern.backup" in told(alone(bern, "terminal", "backup", "--out", file))
    again = alone(bern, "terminal", "backup", "--out", file)
    assert "already" in told(again, 2)
    for part in bern.home.data.glob("vault.db*"):
        part.unlink()
    hurt = told(alone(bern, "inbox"), 6)
    assert "vault.db" in hurt
    assert "koerier terminal restore" in hurt
    restore = ("terminal", "restore", file)
    told(koerier(bern, *restore, passphrase_fd=WORDS[ANNA]))
    assert len(inbox(bern)) == 1
    half = koerier(bern, *restore, "--invite", file, passphrase_fd=WORDS[ANNA])
    assert "together" in told(half, 2)


def test_members_are_listed(bern: HomeDesk) -> None:
    assert ANNA in told(alone(bern, "terminal", "member", "list"))
    (found,) = json.loads(told(alone(bern, "terminal", "member", "list", "--json")))
    assert (found["name"], found["seated"]) == (ANNA, True)


def test_files_that_are_no_invitation_or_proposal_are_refused(bern: HomeDesk) -> None:
    odd, out = bern.home.path / "odd", bern.home.path / "out"
    odd.write_bytes(b"x")
    add = ("terminal", "member", "add", "--invite", odd, "--name", "X", "--out", out)
    told(koerier(bern, *add, passphrase_fd=WORDS[ANNA]), 2)
    told(alone(bern, "terminal", "consent", odd, "--out", out), 2)
    assert not out.exists()
    told(alone(bern, "terminal", "position", "--out", out))
    told(alone(bern, "terminal", "position", "--post", "nergens", "--out", out), 2)


# --- the agent


def test_the_agents_last_words_are_told(
    bern: HomeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = bern.home.path / "log/agent.log"
    log.write_text("koerier: van gisteren\n")
    (bern.home.keys / VAULT_KEY).unlink()
    with pytest.raises(HomeError) as ended:
        background.start_agent(bern.home, "x", language="en")
    assert "No terminal" in ended.value.parts["why"]  # type: ignore[operator]
    assert "gisteren" not in ended.value.parts["why"]  # type: ignore[operator]
    monkeypatch.setattr(background, "LIMIT", -1.0)
    with held(bern.home.data / LOCK), pytest.raises(HomeError, match="running"):
        background.wait_until_free(bern.home)


def test_a_damaged_vault_is_named_before_anybody_is_told_unlocked(
    bern: HomeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = bern.home.data / DATABASE
    whole = file.read_bytes()
    start = len(whole) // PAGE // 2 * PAGE  # a page in the middle, as a disk may
    file.write_bytes(whole[:start] + bytes(PAGE) + whole[start + PAGE :])
    database = Database.open(file, bern.terminal.vault.key)  # nothing reads it yet
    assert not database.sound()
    database.close()
    served: list[Agent] = []
    monkeypatch.setattr(Agent, "run", served.append)
    with pytest.raises(HomeError, match=r"vault\.hurt") as hurt:
        run_agent(bern.home, WORDS[ANNA])
    assert hurt.value.status == Exit.INTEGRITY
    assert served == []
    with held(bern.home.data / LOCK):  # nobody owns it any more
        pass


@pytest.mark.parametrize(("ended", "status"), [(6, 6), (2, 2), (-9, 1), (5, 1)])
def test_unlocking_ends_as_the_agent_did(
    bern: HomeDesk, monkeypatch: pytest.MonkeyPatch, ended: int, status: int
) -> None:
    class Ended:
        returncode = ended

        def __init__(self, *_: object, **__: object) -> None:
            pass

        def poll(self) -> int:
            return ended

    monkeypatch.setattr("client.agent.background.subprocess.Popen", Ended)
    done = koerier(bern, "terminal", "unlock", passphrase_fd=WORDS[ANNA])
    assert done.exit_code == status
    assert "Unlocked" not in done.output


def test_who_is_named_and_does_not_sit_signs_nothing(
    bern: HomeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def agent(_: object, method: str, **__: object) -> object:
        asked.append(method)
        if method == "members":
            return [{"name": "Nobody", "seated": False}, {"name": ANNA, "seated": True}]
        return {"id": "3f2a91"}

    monkeypatch.setattr(asking, "ask", agent)
    for line in (("ack", "3f2a91"), ("sync",), ("watch",)):
        done = koerier(bern, "--member", "Nobody", *line)
        assert "Nobody does not sit at this terminal" in told(done, 2)
    assert set(asked) == {"members"}
    told(koerier(bern, "--member", ANNA, "ack", "3f2a91"))
    assert asked[-1] == "acknowledge"


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Exception]]:
    """What the link of an agent raises, one after the other; then it locks."""
    coming: list[Exception] = []

    async def failing(agent: Agent) -> None:
        while coming:
            error = coming.pop(0)
            from client.agent.process import passing_faults

            with passing_faults():
                raise error
        agent._stop.set()  # noqa: SLF001 -- as the command does

    monkeypatch.setattr(Agent, "_connect", failing)
    yield coming
    assert coming == []


def test_a_full_disk_does_not_end_an_agent_and_damage_does(
    bern: HomeDesk, faults: list[Exception]
) -> None:
    faults += [DiskError(), ExceptionGroup("", [DiskError()])]
    run_agent(bern.home, WORDS[ANNA])
    faults += [DiskError(), ExceptionGroup("", [VaultError()])]
    with pytest.raises(HomeError, match=r"vault\.hurt"):
        run_agent(bern.home, WORDS[ANNA])
    assert len(inbox(bern)) == 1  # nobody owns it any more


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [(DiskError, 1, "vault.disk"), (VaultError, 6, "vault.hurt")],
)
def test_a_command_that_meets_a_bad_disk_is_refused(
    bern: HomeDesk,
    monkeypatch: pytest.MonkeyPatch,
    error: type[Exception],
    status: int,
    code: str,
) -> None:
    bern.take(bern.unlocked(ANNA))

    def failing(*_: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(bern.terminal.vault.store.messages, "newest", failing)
        refusal = bern.refused("inbox")
    assert (refusal.code, refusal.exit_code) == (code, status)
    with monkeypatch.context() as patch:
        patch.setattr(bern.terminal.machine, "settle", failing)
        bern.lock()  # the lock is given back whatever settling met
    assert len(inbox(bern)) == 1
