"""A ministry of real processes on bad lines, whose days pass when a test says so.

::

    TFC, Bern   each through a line that stops at a byte and is cut there
    Jakarta     through a front that refuses every WebSocket; a second terminal of it
                is locked, and has the relay for itself
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from client.demo.ministry import BERN, JAKARTA, TFC, Ministry, Unit
from client.demo.processes import command, run
from client.files import private_folder
from tests.support.cutting import Cutting, cutting
from tests.support.front import Front, fronted, holding
from tests.support.later import Days, Later
from tests.support.live import Live, founded, until
from tests.support.second import SECOND
from tests.support.template import through

UNITS = (TFC, BERN, JAKARTA)
SOON = 10.0  # seconds of one round, until it is tried again


@dataclass
class Town:
    """The ministry, and everything between it and its relay."""

    live: Live
    days: Days
    lines: dict[Unit, Cutting]
    front: Front

    def later(self, days: int, unit: Unit) -> None:
        """Let days pass for everybody; return when a terminal has seen the new time.

        All those days are one moment here, so the relay asks witnesses what time it is
        when a terminal may have asked the relay already.
        """
        self.days.later(days)
        until(lambda: self._sees(unit), f"{unit.post} lives in the past")

    def _sees(self, unit: Unit) -> bool:
        self.live.ask(unit, "sync", wait=SOON)
        found = self.live.ask(unit, "checkup")
        return bool(found["online"] and found["age"] < found["limit"])


@contextmanager
def town(folder: Path, database: str | None = None) -> Iterator[Town]:
    """Keep a ministry up in ``folder`` until the block ends.

    Args:
        folder: made by ``tmp_path_factory``.
        database: a URL of the relay's; None: the embedded one.
    """
    days = Days(private_folder(folder / "clock") / "days")
    lines: dict[Unit, Cutting] = {}
    fronts: list[Front] = []
    with ExitStack() as stack:

        def led(ministry: Ministry) -> None:
            """Put lines and a front between the terminals and the relay."""
            entry = ministry.folder / "papers" / f"{SECOND.post}.entry"
            run(command("koerier-relay", "append", "--home", ministry.relay, entry))
            for unit in (TFC, BERN):
                lines[unit] = stack.enter_context(cutting(ministry.address))
                through(ministry.terminal(unit), lines[unit].address)
            pem = ministry.relay / "keys" / "tls.pem"
            held = fronted(f"https://{ministry.address}", holding(pem))
            fronts.append(stack.enter_context(held))
            through(ministry.terminal(JAKARTA), fronts[0].address)

        live = stack.enter_context(
            founded(folder, UNITS, database, lambda log: Later(log, days), led)
        )
        yield Town(live, days, lines, fronts[0])
