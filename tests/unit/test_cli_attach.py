"""``attach`` and ``send --attach`` at the command line, over an agent that is told."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from client.cli import attaching
from client.cli.attach import _named
from client.cli.main import main
from client.door import asking
from client.exits import AgentRefusal, Exit
from client.vault.spool import Spool, seal_file
from crypto.suite import SuiteId
from tests.support.keys import drawn, stretched

PLAIN = stretched("plain", 100_000)
SEND = ("send", "--to", "tfc", "--subject", "x", "--level", "Ongerubriceerd")


@dataclass
class Agent:
    """Answers as the agent does; ``files`` are those of the one message."""

    spool: Spool
    files: list[dict[str, Any]] = field(default_factory=list)
    sent: list[dict[str, Any]] = field(default_factory=list)
    refusing: Exception | None = None

    def ask(self, _home: object, method: str, /, **arguments: Any) -> Any:  # noqa: ANN401 -- JSON
        match method:
            case "spool":
                return {"folder": str(self.spool.folder), "suite": 1}
            case "attachments" | "attach-open":
                return self.files
            case _:
                assert method == "send"
                if self.refusing is not None:
                    raise self.refusing
                self.sent.append(arguments)
                return {"id": "3f2a91", "name": "", "size": 1, "online": True}

    def add(self, name: str, content: bytes = PLAIN) -> dict[str, Any]:
        """Let a blob have arrived under a name that its sender chose."""
        source = self.spool.folder.parent / "source"
        source.write_bytes(content)
        made = seal_file(
            self.spool,
            source,
            suite=SuiteId.S1,
            name=name,
            media="a/b",
            entropy=drawn(f"{name}/{len(self.files)}"),
            progress=lambda _: None,
        )
        line = made.line
        self.files.append(
            {
                "number": len(self.files) + 1,
                "name": name,
                "media": "a/b",
                "size": line.length,
                "level": None,
                "complete": True,
                "here": made.total,
                "total": made.total,
                "path": str(self.spool.path(made.file)),
                "suite": 1,
                "blob": line.blob.hex(),
                "key": line.key.hex(),
                "digest": line.digest.hex(),
            }
        )
        return self.files[-1]


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Agent:
    made = Agent(Spool(tmp_path / "spool"))
    monkeypatch.setattr(asking, "ask", made.ask)
    return made


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Result]:
    def command(*words: object, text: str = "Tekst.") -> Result:
        options = ("--home", str(tmp_path / "home"), "--lang", "en")
        return CliRunner().invoke(main, [*options, *map(str, words)], input=text)

    return command


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


Run = Callable[..., Result]


def test_the_only_attachment_is_saved_under_its_name(
    agent: Agent, run: Run, out: Path
) -> None:
    agent.add("kaart.png")
    done = run("attach", "save", "3f2a91", "--out", out)
    assert done.exit_code == 0, done.output
    assert (out / "kaart.png").read_bytes() == PLAIN
    assert (out / "kaart.png").stat().st_mode & 0o777 == 0o600
    assert names(out) == ["kaart.png"]


def test_several_are_chosen_by_name_number_or_all(
    agent: Agent, run: Run, out: Path
) -> None:
    for name in ("a.txt", "b.txt", "A.txt"):
        agent.add(name, name.encode())
    which = run("attach", "save", "3f2a91", "--out", out)
    assert which.exit_code == Exit.BAD_INPUT
    assert "3 attachments" in which.stderr
    unknown = run("attach", "save", "3f2a91", "--name", "c.txt", "--out", out)
    assert unknown.exit_code == Exit.BAD_INPUT
    assert run("attach", "save", "3f2a91", "--name", "2", "--out", out).exit_code == 0
    assert names(out) == ["b.txt"]
    (out / "b.txt").unlink()
    done = run("attach", "save", "3f2a91", "--all", "--out", out, "--json")
    # Two names that some disks take for one: neither is lost.
    assert [Path(path).name for path in json.loads(done.stdout)] == [
        "a.txt",
        "b.txt",
        "3-A.txt",
    ]
    one = run("attach", "save", "3f2a91", "--all", "--as", "x", "--out", out)
    assert one.exit_code == Exit.BAD_INPUT


@pytest.mark.parametrize(
    "name", ["../../.bashrc", "a/b", "C:\\x", "x\u202efdp.exe", "a\x1b[2J", ".hidden"]
)
def test_a_name_that_is_more_than_a_name_is_refused_and_can_be_replaced(
    agent: Agent, run: Run, out: Path, name: str
) -> None:
    agent.add(name)
    refused = run("attach", "save", "3f2a91", "--out", out)
    assert refused.exit_code == Exit.REFUSED
    assert "--as" in refused.stderr
    assert "\u202e" not in refused.stderr
    assert "\x1b" not in refused.stderr
    assert names(out) == []
    bad = run("attach", "save", "3f2a91", "--as", "../x", "--out", out)
    assert bad.exit_code == Exit.REFUSED
    done = run("attach", "save", "3f2a91", "--as", "eigen.bin", "--out", out)
    assert done.exit_code == 0, done.output
    assert names(out) == ["eigen.bin"]
    assert names(out.parent) == ["out", "source", "spool"]


def test_nothing_that_is_there_is_overwritten(
    agent: Agent, run: Run, out: Path
) -> None:
    agent.add("kaart.png")
    (out / "kaart.png").symlink_to(out / "elsewhere")
    done = run("attach", "save", "3f2a91", "--out", out)
    assert done.exit_code == Exit.BAD_INPUT
    assert names(out) == ["kaart.png"]
    assert not (out / "elsewhere").exists()


@pytest.mark.parametrize("offset", [0, 60, 20_000, -1])
def test_a_blob_that_changed_is_refused_and_nothing_is_released(
    agent: Agent, run: Run, out: Path, offset: int
) -> None:
    path = Path(agent.add("kaart.png")["path"])
    content = bytearray(path.read_bytes())
    content[offset] ^= 1
    path.write_bytes(content)
    done = run("attach", "save", "3f2a91", "--out", out)
    assert done.exit_code == Exit.INTEGRITY
    assert names(out) == []


def test_what_has_not_arrived_is_not_saved(agent: Agent, run: Run, out: Path) -> None:
    agent.add("kaart.png").update(path=None, suite=0, complete=False, here=500)
    done = run("attach", "save", "3f2a91", "--out", out)
    assert done.exit_code == Exit.QUEUED
    listed = run("attach", "list", "3f2a91")
    assert "0 % here" in listed.stdout
    agent.files.clear()
    assert "No attachments" in run("attach", "list", "3f2a91").stdout
    assert json.loads(run("attach", "list", "3f2a91", "--json").stdout) == []


def test_a_disk_without_room_is_said_before_anything_is_written(
    agent: Agent, run: Run, out: Path
) -> None:
    agent.add("kaart.png")["size"] = 1 << 62
    done = run("attach", "save", "3f2a91", "--out", out)
    assert done.exit_code == Exit.FAILED
    assert names(out) == []


def test_where_links_do_not_exist_it_is_renamed_and_still_overwrites_nothing(
    agent: Agent, run: Run, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object, **__: object) -> None:
        raise PermissionError(1, "no links here")

    monkeypatch.setattr("os.link", no_links)
    agent.add("kaart.png")
    assert run("attach", "save", "3f2a91", "--out", out).exit_code == 0
    assert names(out) == ["kaart.png"]


@pytest.mark.parametrize("links", [True, False])
def test_what_appears_meanwhile_is_not_overwritten_either(
    out: Path, monkeypatch: pytest.MonkeyPatch, *, links: bool
) -> None:
    def no_links(*_: object, **__: object) -> None:
        raise PermissionError(1, "no links here")

    if not links:
        monkeypatch.setattr("os.link", no_links)
    (out / "quarantine").write_bytes(b"ours")
    (out / "kaart.png").write_bytes(b"theirs")
    with pytest.raises(FileExistsError):
        _named(out / "quarantine", out / "kaart.png")
    assert (out / "kaart.png").read_bytes() == b"theirs"


# --- sending


def test_files_are_sealed_named_and_handed_over(
    agent: Agent, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "kaart.png").write_bytes(PLAIN)
    done = run(*SEND, "--attach", tmp_path / "kaart.png")
    assert done.exit_code == 0, done.output
    (one,) = agent.sent[0]["attachments"]
    assert (one["name"], one["media"], one["length"]) == (
        "kaart.png",
        "image/png",
        len(PLAIN),
    )
    assert names(agent.spool.folder) == [one["file"]]


def test_what_cannot_be_attached_sends_nothing_and_leaves_nothing(
    agent: Agent, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "one").write_bytes(PLAIN)
    missing = run(*SEND, "--attach", tmp_path / "one", "--attach", tmp_path / "two")
    assert missing.exit_code == Exit.BAD_INPUT
    assert "two" in missing.stderr
    many = [part for _ in range(65) for part in ("--attach", tmp_path / "one")]
    assert run(*SEND, *many).exit_code == Exit.BAD_INPUT
    folder = run(*SEND, "--attach", tmp_path / "one", "--attach", tmp_path)
    assert folder.exit_code == Exit.BAD_INPUT
    monkeypatch.setattr(Spool, "has_room", lambda *_: False)
    assert run(*SEND, "--attach", tmp_path / "one").exit_code == Exit.FAILED
    assert agent.sent == []
    assert names(agent.spool.folder) == []


def test_what_the_agent_refuses_is_taken_out_of_the_spool(
    agent: Agent, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "one").write_bytes(PLAIN)
    agent.refusing = AgentRefusal("agent.ambiguous", Exit.REFUSED, {})
    assert run(*SEND, "--attach", tmp_path / "one").exit_code == Exit.REFUSED
    assert names(agent.spool.folder) == []
    # No answer came: the message may be in the outbox, and needs it.
    agent.refusing = asking.NoAgentError()
    assert run(*SEND, "--attach", tmp_path / "one").exit_code == Exit.LOCKED
    assert len(names(agent.spool.folder)) == 1


def test_a_bar_is_shown_where_somebody_looks(
    agent: Agent, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "one").write_bytes(PLAIN)
    monkeypatch.setattr(attaching, "_looked_at", lambda: True)
    done = run(*SEND, "--attach", tmp_path / "one")
    assert done.exit_code == 0, done.output
    assert len(agent.sent) == 1
    assert "Sealing" in done.stderr
