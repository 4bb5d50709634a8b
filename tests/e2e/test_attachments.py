"""Attachments through real processes: sent, interrupted, resumed, saved."""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from client.demo.ministry import POST, TFC, Unit
from client.files import private_folder
from tests.support.campaign import Campaign
from tests.support.cutting import Cutting, cutting
from tests.support.keys import stretched
from tests.support.live import Live, founded, koerier, said

PATIENCE = 600.0  # seconds without any progress: a loaded machine needs many
WINDOW = 256 * 1024  # bytes that one interruption may cost
# Cells, WebSocket, TLS; and of each interruption a handshake and what is asked anew.
OVERHEAD, SESSION = 1.03, 64 * 1024


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with founded(tmp_path_factory.mktemp("live")) as ministry:
        yield ministry


def until(found: Callable[[], Any]) -> Any:  # noqa: ANN401 -- JSON
    """Return what ``found`` returns once it is true."""
    limit = time.monotonic() + PATIENCE
    while not (value := found()):
        assert time.monotonic() < limit
        time.sleep(0.1)
    return value


def complete(live: Live, message: str) -> bool:
    """Say whether the sender knows that everything arrived."""
    found = said(live.post, "receipts", message)
    return bool(found["to"][0]["complete"])


def test_files_arrive_are_listed_and_saved(live: Live, tmp_path: Path) -> None:
    files = {"kaart.png": stretched("kaart", 300_000), "leeg.txt": b""}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    attached = [part for name in files for part in ("--attach", tmp_path / name)]
    message = live.send("Zie de bijlagen.", *attached)
    until(lambda: complete(live, message))
    listed = said(live.tfc, "attach", "list", message)
    assert [one["name"] for one in listed] == list(files)
    assert [one["media"] for one in listed] == ["image/png", "text/plain"]
    assert "complete" in koerier(live.tfc, "inbox").stdout
    assert "kaart.png" in koerier(live.tfc, "read", message).stdout
    assert "complete" in koerier(live.post, "receipts", message).stdout
    out = private_folder(tmp_path / "out")
    said(live.tfc, "attach", "save", message, "--all", "--out", out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == files
    again = koerier(live.tfc, "attach", "save", message, "--all", "--out", out)
    assert again.returncode == 2
    assert sorted(path.name for path in out.iterdir()) == sorted(files)
    # Everybody has it: nothing of it is left at the sender.
    until(lambda: not list((live.post / "data" / "spool").iterdir()))


def test_what_lies_on_the_receivers_disk_is_ciphertext(
    live: Live, tmp_path: Path
) -> None:
    needle = b"Kenmerk-van-de-bijlage"
    (tmp_path / "plan.txt").write_bytes(needle * 1000)
    message = live.send("Zie bijlage.", "--attach", tmp_path / "plan.txt")
    until(lambda: complete(live, message))
    kept = list((live.tfc / "data" / "spool").iterdir())
    assert kept
    for path in (*live.tfc.rglob("*"), *live.ministry.relay.rglob("*")):
        assert not path.is_file() or needle not in path.read_bytes()


# --- interruptions


@dataclass
class Way:
    """One terminal's line, one direction of it, and what goes wrong there."""

    live: Live
    unit: Unit
    line: Cutting
    name: str  # "up" or "down"
    chance: random.Random
    hows: list[str] = field(default_factory=list)

    @property
    def passed(self) -> int:
        return self.line.up if self.name == "up" else self.line.down

    def through(self) -> None:
        """Let the terminal reach its relay by the line."""
        home = self.live.home(self.unit)
        assert koerier(home, "terminal", "lock").returncode == 0
        until(lambda: not (home / "run" / "agent.pid").exists())
        config = home / "koerier.toml"
        lines = config.read_text().splitlines()
        kept = [line for line in lines if not line.startswith("relay = ")]
        # Before the tables, so that it is none of theirs.
        relay = f'relay = "{self.line.address}"'
        config.write_text("\n".join([relay, *kept, ""]))
        self.live.unlock(self.unit)

    def interrupt(self, size: int, count: int) -> None:
        """Interrupt at ``count`` random offsets of ``size`` bytes."""
        begin = self.passed
        for offset in sorted(self.chance.randrange(size) for _ in range(count)):
            self.line.stop_at(self.name, max(begin + offset, self.passed + 1))
            assert self.line.stopped.wait(PATIENCE), (self, offset)
            how = self.chance.choice(("cut", "cut", "cut", "agent", "relay"))
            self.hows.append(how)
            if how == "relay":
                self.live.kill_relay()
                self.live.start_relay()
            self.line.cut()
            if how == "agent":
                run = self.live.home(self.unit) / "run"
                os.kill(int((run / "agent.pid").read_text()), signal.SIGKILL)
                self.live.unlock(self.unit)


def test_an_attachment_is_interrupted_at_random_offsets_and_goes_on(
    live: Live,
    tmp_path: Path,
    campaign: Campaign,
    record_testsuite_property: Callable[[str, object], None],
) -> None:
    size = campaign.pick(quick=3, ci=20, deep=200) * 1_000_000
    count = campaign.pick(quick=4, ci=10, deep=10)
    ((_, chance),) = campaign.rounds(quick=1, ci=1, deep=1)
    content = chance.randbytes(size)
    (tmp_path / "beeld.bin").write_bytes(content)
    with cutting(live.ministry.address) as one, cutting(live.ministry.address) as two:
        up, down = (
            Way(live, POST, one, "up", chance),
            Way(live, TFC, two, "down", chance),
        )
        up.through()
        down.through()
        # The addressee is away: it is sent first, and then it is fetched.
        assert koerier(live.tfc, "terminal", "lock").returncode == 0
        message = live.send("Zie bijlage.", "--attach", tmp_path / "beeld.bin")
        up.interrupt(size, count)
        until(lambda: said(live.post, "attach", "list", message)[0]["complete"])
        live.unlock(TFC)
        down.interrupt(size, count)
        until(lambda: complete(live, message))
    bound = OVERHEAD * size + (count + 1) * (WINDOW + SESSION)
    for way in (up, down):
        figures = f"{way.passed} of {size}, at most {bound:.0f}; {way.hows}"
        record_testsuite_property(way.name, figures)
        assert size < way.passed <= bound, figures
    assert live.check().returncode == 0
    out = private_folder(tmp_path / "out")
    said(live.tfc, "attach", "save", message, "--out", out)
    assert (out / "beeld.bin").read_bytes() == content
