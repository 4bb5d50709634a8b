"""Connections between the processes of one world, and everything that befalls them.

A connection is ordered and reliable until it is cut, as TCP is: loss is a cut, or time.
What is sent arrives after the path's delay and at its rate; a sender waits while more
than a little is under way, so that lanes stay real.  A *silent* cut is told to one
side only; the other finds out by its own clocks.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import Context
from dataclasses import dataclass

from client.net.transport import LinkError
from tests.support.sim.chance import Chance
from tests.support.sim.loop import Process, SimLoop

UNDER_WAY = 32 * 1024  # bytes that a sender may have under way
PONG = 45.0  # seconds after which a relay's pings find that nobody is there
REFUSED = 3.0  # seconds that a connect to nobody takes


@dataclass(frozen=True)
class Path:
    """How good the way between two is."""

    delay: float  # seconds, one way
    rate: float  # bytes per second


PATHS = (
    Path(0.005, 10e6),
    Path(0.005, 10e6),
    Path(0.05, 1e6),
    Path(0.05, 1e6),
    Path(0.1, 256e3),
    Path(0.3, 64e3 / 8),
    Path(0.8, 64e3 / 8),
)


class Direction:
    """One way of a connection."""

    def __init__(self, loop: SimLoop, path: Path) -> None:
        self._loop = loop
        self._path = path
        self._last = 0.0  # when the last byte arrives
        self.frozen = 0.0  # nothing arrives before this time
        self.dead = False  # what is sent goes nowhere
        self.ended = False  # the receiver knows that it is over
        self._flying = 0
        self._arrived: deque[bytes] = deque()
        self._changed = asyncio.Event()
        self._flown = asyncio.Event()

    async def send(self, data: bytes) -> None:
        """Send; return when more may be sent."""
        now = self._loop.time()
        start = max(self._last, now + self._path.delay, self.frozen)
        self._last = start + len(data) / self._path.rate
        self._flying += len(data)
        # A cell that has left arrives, also if its sender dies.
        self._loop.call_at(self._last, self._arrive, data, context=Context())
        while self._flying > UNDER_WAY and not self.ended:
            self._flown.clear()
            await self._flown.wait()

    def _arrive(self, data: bytes) -> None:
        if self.dead or self.ended:
            return  # of a sender that does not know: its buffer stays full
        self._flying -= len(data)
        self._arrived.append(data)
        self._changed.set()
        self._flown.set()

    async def receive(self) -> bytes | None:
        """Return what comes next; None when it is over."""
        while not self._arrived:
            if self.ended:
                return None
            self._changed.clear()
            await self._changed.wait()
        return None if self.ended else self._arrived.popleft()

    def end(self) -> None:
        """Tell the receiver that it is over; what was under way is lost."""
        self.ended = True
        self._arrived.clear()
        self._changed.set()
        self._flown.set()


class Connection:
    """Both ways, and who is at the ends."""

    def __init__(
        self, loop: SimLoop, path: Path, ends: tuple[Process, Process]
    ) -> None:
        self.loop = loop
        self.ends = ends  # terminal, relay
        self._nobody = Context()  # the network belongs to no process
        self.day_key = ""  # that the terminal says it knows
        self.up = Direction(loop, path)
        self.down = Direction(loop, path)

    @property
    def over(self) -> bool:
        return self.up.ended and self.down.ended

    def cut(self) -> None:
        """End it; both sides are told."""
        self.up.end()
        self.down.end()

    def hang_up(self) -> None:
        """Close the terminal's end; the relay hears of it if anything gets there."""
        self.down.end()
        if not self.up.dead:
            self.up.end()

    def vanish(self) -> None:
        """Let it go nowhere; the relay's pings find out, the terminal must."""
        self.up.dead = self.down.dead = True
        self.loop.call_later(PONG, self.up.end, context=self._nobody)

    def freeze(self, seconds: float) -> None:
        """Let nothing arrive for a while."""
        until = self.loop.time() + seconds
        self.up.frozen = self.down.frozen = until


class TerminalEnd:
    """A :class:`client.net.transport.Transport`."""

    def __init__(self, connection: Connection, at_once: int) -> None:
        self._connection = connection
        self.at_once = at_once

    async def receive(self, limit: float | None) -> bytes:
        try:
            async with asyncio.timeout(limit):
                data = await self._connection.down.receive()
        except TimeoutError:
            data = None
        if data is None:
            raise LinkError(alarm=False)
        return data

    async def send(self, messages: Sequence[bytes]) -> None:
        for message in messages:
            if self._connection.down.ended:
                raise LinkError(alarm=False)
            await self._connection.up.send(message)


class RelayEnd:
    """A :class:`server.web.transport.Transport`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def receive(self) -> bytes | None:
        return await self._connection.up.receive()

    empty = False  # every cell waits for the line

    def put(self, cell: bytes) -> None:
        raise NotImplementedError

    async def send(self, cell: bytes) -> None:
        if self._connection.up.ended:
            raise ConnectionResetError
        await self._connection.down.send(cell)


class Network:
    """Who can reach the relay, and how well."""

    def __init__(self, loop: SimLoop, chance: Chance) -> None:
        self._loop = loop
        self._rng = chance.network
        self.connections: list[Connection] = []
        self.partitioned: set[str] = set()  # names of those who reach nobody
        self.refusing = 0.0  # chance that a connect is refused
        # The relay's door, while it has one.
        self.accept: Callable[[Connection], None] | None = None
        self.relay: Process | None = None

    async def connect(self, process: Process, day_key: str) -> Connection:
        """Return a connection of ``process`` to the relay; it knows this day key.

        Raises:
            LinkError: nobody answers.
        """
        path = self._rng.choice(PATHS)
        await asyncio.sleep(path.delay * 2)
        refused = self._rng.random() < self.refusing
        if refused or self.accept is None or process.name in self.partitioned:
            await asyncio.sleep(REFUSED)
            raise LinkError(alarm=False)
        if self.relay is None:
            raise LinkError(alarm=False)
        made = Connection(self._loop, path, (process, self.relay))
        made.day_key = day_key
        self.connections = [one for one in self.connections if not one.over]
        self.connections.append(made)
        self.accept(made)
        return made

    def of(self, process: Process) -> list[Connection]:
        """Return the open connections of a process."""
        return [c for c in self.connections if process in c.ends and not c.over]

    def dead(self, process: Process) -> None:
        """Close what a dead process had open, as a kernel does."""
        for connection in self.of(process):
            connection.cut()

    def partition(self, process: Process) -> None:
        """Let a terminal reach nobody."""
        self.partitioned.add(process.name)
        for connection in self.of(process):
            connection.vanish()
