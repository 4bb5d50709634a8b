"""Real programs on another day: days pass for them when a test says so.

A program has one reader of clocks (``client/clock.py``, ``server/clock.py``; ruff bans
every other).  Here it is started with that reader and its event loop's clock replaced
by ones that add what stands in a file which the test holds.  Nothing in the program
itself listens to such a file, so nobody who runs the installed one can move its clock.

::

    days = Days(folder / "days")
    with founded(folder, units, services_in=lambda log: Later(log, days)):
        days.later(5)
"""

import asyncio
import mmap
import selectors
import struct
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from client.clock import SystemClock as ClientClock
from client.demo.processes import Services
from server.clock import SystemClock as ServerClock

DAY: Final = 86_400
LOOK: Final = 0.5  # real seconds after which a waiting loop sees that days have passed
MAINS: Final = {
    "koerier": "client.cli.main",
    "koerier-relay": "server.cli",
    "koerier-witness": "server.witness.cli",
}
ROOT: Final = str(Path(__file__).parents[2])
PROGRAM: Final = (
    f"import sys; sys.path.insert(0, {ROOT!r});"
    " from tests.support.later import main; main()"
)
_SECONDS: Final = struct.Struct(">Q")


class Days:
    """How many seconds later it is for the programs of one ministry."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.seconds = 0
        self.later(0)

    def later(self, days: float) -> None:
        """Let days pass for everybody at once."""
        self.seconds += int(days * DAY)
        with self.file.open("r+b" if self.file.exists() else "wb") as file:
            file.write(_SECONDS.pack(self.seconds))


class Later(Services):
    """Services that read the clock of :class:`Days`."""

    def __init__(self, log_folder: Path, days: Days) -> None:
        super().__init__(log_folder)
        self._days = days

    def start(
        self,
        name: str,
        line: Sequence[str],
        ready: Path,
        *,
        passphrase: str | None = None,
    ) -> str:
        """Start a service as always, but on that day."""
        program, *rest = line
        moved = [
            *(sys.executable, "-c", PROGRAM),
            *(str(self._days.file), Path(program).name, *rest),
        ]
        return super().start(name, moved, ready, passphrase=passphrase)


def main() -> None:
    """Run the program that the arguments name, its clocks moved.

    Its event loop's too: what waits for an hour is due when days have passed.
    """
    file, name = Path(sys.argv[1]), sys.argv[2]
    with file.open("rb") as opened:
        shown = mmap.mmap(opened.fileno(), _SECONDS.size, access=mmap.ACCESS_READ)

    def moved(real: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return lambda owner: real(owner) + _SECONDS.unpack(shown[:])[0]

    for clock in (ClientClock, ServerClock):
        for what in ("wall", "monotonic"):
            setattr(clock, what, moved(getattr(clock, what)))
    loop: Any = asyncio.BaseEventLoop
    loop.time = moved(loop.time)
    selector: Any = selectors.DefaultSelector
    select = selector.select

    def looking(owner: Any, timeout: float | None = None) -> Any:  # noqa: ANN401 -- stands in for another
        return select(owner, LOOK if timeout is None else min(timeout, LOOK))

    selector.select = looking
    sys.argv = [name, *sys.argv[3:]]
    import_module(MAINS[name]).main()
