"""Interrupting a transfer at random offsets, each time in another way."""

import os
import random
import signal
from dataclasses import dataclass, field

from client.demo.ministry import Unit
from tests.support.cutting import Cutting
from tests.support.live import Live

PATIENCE = 600.0  # seconds without any progress: a loaded machine needs many
WINDOW = 256 * 1024  # bytes that one interruption may cost
# Cells, WebSocket, TLS; and of each interruption a handshake and what is asked anew.
OVERHEAD, SESSION = 1.03, 64 * 1024


def most(size: int, count: int) -> float:
    """Return how many bytes may pass when ``size`` are interrupted ``count`` times."""
    return OVERHEAD * size + (count + 1) * (WINDOW + SESSION)


@dataclass
class Way:
    """One terminal's line, one direction of it, and what goes wrong there."""

    live: Live
    unit: Unit
    line: Cutting
    name: str  # "up" or "down"
    chance: random.Random
    hows: list[str] = field(default_factory=list)
    before: int = 0  # bytes that had passed when all began

    def __post_init__(self) -> None:
        self.before = self._all

    @property
    def _all(self) -> int:
        return self.line.up if self.name == "up" else self.line.down

    @property
    def passed(self) -> int:
        return self._all - self.before

    def interrupt(self, size: int, count: int) -> None:
        """Interrupt at ``count`` random offsets of ``size`` bytes."""
        begin = self._all
        for offset in sorted(self.chance.randrange(size) for _ in range(count)):
            self.line.stop_at(self.name, max(begin + offset, self._all + 1))
            assert self.line.stopped.wait(PATIENCE), (self, offset)
            how = self.chance.choice(("cut", "cut", "cut", "agent", "relay"))
            self.hows.append(how)
            if how == "relay":
                self.live.kill_relay()
                self.live.start_relay()
            self.line.cut()
            if how == "agent":
                pid = int(self.live.agent(self.unit).read_text())
                os.kill(pid, signal.SIGKILL)
                self.live.unlock(self.unit)
