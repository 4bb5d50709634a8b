"""Two lines and what lies between them, with a cheap stand-in for the frame keys.

The stand-in counts cells as the real one does and refuses one that is changed, out of
order or of another direction; it costs a microsecond, so a test can afford millions.
"""

import zlib
from collections import deque
from dataclasses import dataclass, field

from crypto.errors import OpenError
from protocol.line.effects import FAST, Effect, Profile, Side
from protocol.line.machine import Line


class Seal:
    """Seals and opens the cells of one direction, 16 bytes longer."""

    def __init__(self, direction: int) -> None:
        self.direction = direction
        self.cells = 0

    def _tag(self, cell: bytes) -> bytes:
        number = (self.cells << 1 | self.direction).to_bytes(12, "big")
        return number + zlib.crc32(cell).to_bytes(4, "big")

    def seal(self, cell: bytes, /) -> bytes:
        tag = self._tag(cell)
        self.cells += 1
        return cell + tag

    def open_(self, sealed: bytes, /) -> bytes:
        cell = sealed[:-16]
        if sealed[-16:] != self._tag(cell):
            raise OpenError
        self.cells += 1
        return cell


@dataclass
class Ends:
    """A terminal's and a relay's line, with a queue of cells in each direction."""

    profile: Profile = FAST
    now: float = 0.0
    terminal: Line = field(init=False)
    relay: Line = field(init=False)
    up: deque[bytes] = field(default_factory=deque)
    down: deque[bytes] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self.terminal = Line(Side.TERMINAL, self.profile)
        self.relay = Line(Side.RELAY, self.profile)

    def connect(self) -> None:
        """Give both ends the frames of a fresh session."""
        self.up.clear()
        self.down.clear()
        self.terminal.connect(Seal(0), Seal(1), self.now)
        self.relay.connect(Seal(1), Seal(0), self.now)

    def cut(self) -> tuple[tuple[Effect, ...], tuple[Effect, ...]]:
        """Lose what is under way, and tell both ends."""
        self.up.clear()
        self.down.clear()
        return self.terminal.cut(self.now), self.relay.cut(self.now)

    def send(self, limit: int = 64) -> None:
        """Put what both may send now on its way."""
        self.up.extend(self.terminal.cells(self.now, limit))
        self.down.extend(self.relay.cells(self.now, limit))

    def arrive_up(self) -> tuple[Effect, ...]:
        """Let the relay take the next cell."""
        return self.relay.receive(self.up.popleft(), self.now)

    def arrive_down(self) -> tuple[Effect, ...]:
        """Let the terminal take the next cell."""
        return self.terminal.receive(self.down.popleft(), self.now)

    def settle(self) -> tuple[list[Effect], list[Effect]]:
        """Move cells until nothing moves; return what relay and terminal saw."""
        at_relay: list[Effect] = []
        at_terminal: list[Effect] = []
        while True:
            self.send()
            if not self.up and not self.down:
                return at_relay, at_terminal
            while self.up:
                at_relay.extend(self.arrive_up())
            while self.down:
                at_terminal.extend(self.arrive_down())
            self.now += 0.01


def connected(profile: Profile = FAST) -> Ends:
    """Return two ends with a session between them."""
    ends = Ends(profile)
    ends.connect()
    return ends
