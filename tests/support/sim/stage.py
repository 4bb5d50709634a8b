"""What all processes of one world stand on."""

from dataclasses import dataclass
from pathlib import Path

from tests.support.ministry import Ministry
from tests.support.sim.chance import Chance
from tests.support.sim.loop import SimLoop
from tests.support.sim.network import Network


class SimClock:
    """Wall and monotonic time, from the loop's."""

    def __init__(self, loop: SimLoop, start: int) -> None:
        self.start = start  # POSIX seconds
        self._loop = loop

    def wall(self) -> int:
        return self.start + int(self._loop.time())

    def monotonic(self) -> float:
        return self._loop.time()


@dataclass(frozen=True)
class Stage:
    """One world's loop, chance, network, people's documents, time and folder."""

    loop: SimLoop
    chance: Chance
    network: Network
    ministry: Ministry
    clock: SimClock
    folder: Path
