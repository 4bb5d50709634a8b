"""A slow line in virtual time: bandwidth, delay and a small send buffer, both ways.

Each cell costs its own bytes and what WebSocket, TLS, TCP and IP add; it leaves when
the cells before it have left and arrives a one-way delay later.  Where the line is
slow decides who holds the queue: at the sender's own socket it is two cells, further
on it is a modem's or a carrier's buffer, which takes whatever comes.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

from protocol.line.effects import POOR, Effect, Profile
from protocol.line.machine import Line
from tests.support.line import Seal, connected

FRAMING = 8 + 22 + 40  # bytes: WebSocket header and mask, TLS record, TCP and IP
SOCKET = 2  # cells that a shell lets its own socket hold
MODEM = 1 << 20  # cells: more than anything sends


@dataclass
class SlowLine:
    """Two connected ends; ``run`` lets time pass."""

    rate: float  # bytes per second, each way
    delay: float  # seconds, one way
    at_relay: Callable[[Effect], None]
    at_terminal: Callable[[Effect], None] = lambda _: None
    profile: Profile = POOR
    buffer: int = MODEM  # cells that wait where the line is slow
    now: float = 0.0
    crossed: int = 0  # bytes of cells that arrived at the relay
    _queue: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _count: int = 0
    _free: dict[int, float] = field(default_factory=dict)
    _buffered: dict[int, int] = field(default_factory=dict)
    _wakes: dict[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        ends = connected(self.profile)
        self.terminal, self.relay = ends.terminal, ends.relay
        self.feed: Callable[[], None] = lambda: None

    def cut(self) -> None:
        """Lose all that is under way and connect again at once."""
        self._queue.clear()
        self._free.clear()
        self._buffered.clear()
        for line, up in ((self.terminal, 0), (self.relay, 1)):
            line.cut(self.now)
            line.connect(Seal(up), Seal(1 - up), self.now)

    def at(self, when: float, action: Callable[[], None]) -> None:
        """Do something at a time that is to come."""
        self._count += 1
        heapq.heappush(self._queue, (when, self._count, action))

    def run(self, until: float) -> None:
        """Let time pass until ``until``."""
        self._pump()
        while self._queue and self._queue[0][0] <= until:
            self.now, _, action = heapq.heappop(self._queue)
            action()
            self._pump()
        self.now = until

    def _pump(self) -> None:
        self.feed()
        for line, peer, effect in (
            (self.terminal, self.relay, self.at_relay),
            (self.relay, self.terminal, self.at_terminal),
        ):
            side = id(line)
            while self._buffered.get(side, 0) < self.buffer:
                cells = line.cells(self.now)
                if not cells:
                    wake = line.wake()
                    if wake is not None and wake > max(
                        self.now, self._wakes.get(side, 0)
                    ):
                        self._wakes[side] = wake
                        self.at(wake, lambda: None)
                    break
                self._write(side, cells[0], peer, effect)

    def _write(
        self, side: int, cell: bytes, peer: Line, effect: Callable[[Effect], None]
    ) -> None:
        begins = max(self.now, self._free.get(side, 0.0))
        left = begins + (len(cell) + FRAMING) / self.rate
        self._free[side] = left
        self._buffered[side] = self._buffered.get(side, 0) + 1

        def gone() -> None:
            self._buffered[side] -= 1

        def arrives() -> None:
            if peer is self.relay:
                self.crossed += len(cell)
            for one in peer.receive(cell, self.now):
                effect(one)

        self.at(left, gone)
        self.at(left + self.delay, arrives)
