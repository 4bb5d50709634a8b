"""The auditor's checklists of operations.md, and a relay whose old disk came back."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from client.demo.ministry import POST, TFC
from client.operator.rootfile import read_root
from tests.support.drills import Desktop
from tests.support.live import Live, founded, koerier, said, until


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Live, Desktop]]:
    with founded(tmp_path_factory.mktemp("audit")) as live:
        yield live, Desktop(live.ministry.folder)


def sent(live: Live, text: str) -> str:
    """Return a message that was delivered, with its receipt in the log."""
    message = live.send(text)
    live.follow(message, "delivered", "accepted")
    return message


def test_the_checklists_do_what_they_say(office: tuple[Live, Desktop]) -> None:
    live, desktop = office
    message = sent(live, "Voor de auditor.")
    (desktop.folder / "audited.id").write_text(message)
    paper = read_root(desktop.folder / "root.cbor").digest.hex()
    (desktop.folder / "paper.hash").write_text(paper)
    written, checked, proof = desktop.drill("audit-evidence")
    assert "Evidence written" in written
    assert "Every signature and every proof in this file holds." in checked
    assert proof.startswith("c2sp.org/tlog-proof@v1")
    first, copy, status = desktop.drill("audit-month")
    assert first == copy  # the same leaves, roots and verdicts, without the relay
    assert "computed leaf by leaf up to" in status
    (shown,) = desktop.drill("audit-watch")
    assert "alarm" not in shown.lower()
    alone = ("audit", "watch", "--once", "--root", desktop.folder / "root.cbor")
    where = ("--relay", live.ministry.address, *live.ministry.elsewhere)
    found = said(desktop.folder / "stranger", *alone, *where)
    assert found["alarms"] == []
    assert [log["log"] for log in found["logs"]] == ["key-log", "message-log"]


def restore_old_disk(live: Live, backup: Path) -> None:
    """Put a backup of the relay's database back, and start it, as somebody might."""
    live.kill_relay()
    data = live.ministry.relay / "data"
    for left in data.glob("relay.sqlite*"):
        left.unlink()
    shutil.copyfile(backup, data / "relay.sqlite")
    live.start_relay()


def known_witnesses(live: Live) -> None:
    """Write down where the witnesses of this machine listen, for the refill."""
    lines = [
        f'"{home.name}" = "http://{(home / "run/address").read_text().strip()}"'
        for home in live.ministry.witnesses
    ]
    config = live.ministry.relay / "relay.toml"
    before, _, _ = config.read_text(encoding="utf-8").partition("[witnesses]")
    config.write_text(f"{before}[witnesses]\n" + "\n".join(lines) + "\n")


def test_an_older_disk_of_the_relay_is_seen_by_everybody_until_it_caught_up(
    office: tuple[Live, Desktop],
) -> None:
    """It signs nothing before; terminal, witness and auditor keep or show evidence."""
    live, desktop = office
    sent(live, "Voor de kopie.")
    backup = desktop.folder / "relay.backup"
    desktop.type(f"koerier-relay backup --home relay --out {backup}")
    sent(live, "Na de kopie.")
    for unit in (POST, TFC):
        until(lambda unit=unit: live.ask(unit, "audit-status"))  # type: ignore[misc]
    assert said(live.post, "audit", "watch", "--once")["alarms"] == []
    before = said(live.post, "audit", "status")["message"]["size"]
    restore_old_disk(live, backup)

    def rollback() -> str:
        done = koerier(live.post, "audit", "watch", "--once", "--json")
        alarms = json.loads(done.stdout)["alarms"]
        told = [one for one in alarms if one["what"] == "rollback"]
        assert done.returncode == (6 if alarms else 0)
        return told[0]["evidence"] if told else ""

    folder = Path(until(rollback, "the auditor"))
    notes = sorted(folder.glob("*.note"))
    assert len(notes) == 2
    lines = [note.read_text(encoding="utf-8").split("\n") for note in notes]
    assert lines[0][0] == lines[1][0]  # one log
    assert int(lines[0][1]) < int(lines[1][1])

    def terminal() -> list[str]:
        status = said(live.post, "audit", "status")
        return list(status["evidence"])

    small, large = until(terminal, "the terminal")
    sizes = [int(note.split("\n")[1]) for note in (small, large)]
    assert sizes[0] < sizes[1] == before
    assert "relay-odd" in {one["what"] for one in alarms_of(live)}
    refused = live.send("Tijdens.")  # waits in the outbox: nothing is signed or taken
    assert live.ask(POST, "receipts", id=refused)["proof"] is None
    known_witnesses(live)
    watched, told, refilled, checked = desktop.drill(
        "audit-older-disk",
        meanwhile={2: live.kill_relay},
        statuses={0: 6, 1: 6},
    )
    assert "older disk" in watched
    assert told
    assert refilled is not None
    assert checked is not None
    live.start_relay()
    live.follow(refused, "delivered", "accepted")

    def over() -> bool:
        done = koerier(live.post, "audit", "watch", "--once", "--json")
        return not json.loads(done.stdout)["alarms"]

    until(over, "caught up")


def alarms_of(live: Live) -> list[dict[str, str]]:
    done = koerier(live.post, "alarms", "--json")
    found: list[dict[str, str]] = json.loads(done.stdout)
    return found
