"""A slow connection in virtual time, for the real coroutines of both ends.

Each way has its rate, its delay, and a buffer where it is slow; what enters leaves in
order.  Every message costs its own bytes and what WebSocket, TLS, TCP and IP add, and
the other way carries TCP's acknowledgements.  A connection begins with the messages of
TCP, TLS and the upgrade, sized as measured through ``tests/support/fault_proxy.py``.
A cut loses what is under way and ends both ends.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from client.net.transport import LinkError

SEGMENT: Final = 1_428  # bytes of payload in a TCP segment
IP: Final = 52  # bytes of IP and TCP with timestamps, around each segment
RECORD: Final = 22  # bytes of a TLS record around a message
FRAME: Final = 8  # bytes of a WebSocket frame's header and mask
UP, DOWN = 0, 1
# What both ends say before the relay's challenge: who, and bytes without IP and TCP.
OPENING: Final = (
    (UP, 0), (DOWN, 0),  # TCP
    (UP, 517), (DOWN, 900),  # TLS: the relay's certificate is small and its own
    (UP, 370), (DOWN, 230),  # Finished and the upgrade; its answer
)  # fmt: skip


def on_wire(size: int) -> int:
    """Return the bytes that ``size`` bytes of TCP payload take."""
    return size + IP * max(1, -(-size // SEGMENT))


@dataclass
class Way:
    """One direction."""

    rate: float  # bytes per second
    delay: float  # seconds
    buffer: int  # messages that may wait to leave
    carried: int = 0  # bytes, everything included
    messages: deque[bytes] = field(default_factory=deque)
    waiting: int = 0
    _free: float = 0.0
    _moved: asyncio.Event = field(default_factory=asyncio.Event)
    over: bool = False

    def occupy(self, size: int) -> float:
        """Take ``size`` bytes of the line; return when they have left."""
        now = asyncio.get_running_loop().time()
        self._free = max(now, self._free) + size / self.rate
        self.carried += size
        return self._free

    async def put(self, message: bytes, back: "Way") -> None:
        """Send a message; return when the buffer has room for another."""
        if self.over:
            raise ConnectionResetError
        size = len(message) + FRAME + RECORD
        left = self.occupy(on_wire(size))
        self.waiting += 1
        loop = asyncio.get_running_loop()

        def gone() -> None:
            self.waiting -= 1
            self.move()

        def arrived() -> None:
            if not self.over:
                back.occupy(IP * -(-size // (2 * SEGMENT)))  # TCP acknowledges
                self.messages.append(message)
                self.move()

        loop.call_at(left, gone)
        loop.call_at(left + self.delay, arrived)
        while self.waiting >= self.buffer and not self.over:
            await self._moved.wait()

    async def get(self) -> bytes | None:
        """Return the next message, None when the connection is over."""
        while not self.messages and not self.over:
            await self._moved.wait()
        return None if self.over else self.messages.popleft()

    def move(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()


class Wire:
    """One connection."""

    def __init__(self, rate: float, delay: float, buffer: int, known: str = "") -> None:
        self.known = known  # the day key that the upgrade names
        self.ways = tuple(Way(rate, delay, buffer) for _ in (UP, DOWN))

    async def open_(self) -> None:
        """Let TCP, TLS and the upgrade pass, until the relay has sent its answer.

        Its challenge follows that at once.
        """
        loop = asyncio.get_running_loop()
        delay = 0.0
        for way, size in OPENING:
            await asyncio.sleep(delay)
            left, delay = self.ways[way].occupy(on_wire(size)), self.ways[way].delay
            await asyncio.sleep(left - loop.time())

    def cut(self) -> None:
        for way in self.ways:
            way.over = True
            way.move()

    @property
    def carried(self) -> tuple[int, int]:
        """Bytes up and down, everything included."""
        up, down = (way.carried for way in self.ways)
        return up, down


class TerminalEnd:
    """A :class:`client.net.transport.Transport`."""

    at_once = 1

    def __init__(self, wire: Wire) -> None:
        self._out, self._in = wire.ways

    async def receive(self, limit: float | None) -> bytes:
        try:
            async with asyncio.timeout(limit):
                message = await self._in.get()
        except TimeoutError:
            raise LinkError(alarm=False) from None
        if message is None:
            raise LinkError(alarm=False)
        return message

    async def send(self, messages: Sequence[bytes]) -> None:
        try:
            for message in messages:
                await self._out.put(message, self._in)
        except ConnectionResetError:
            raise LinkError(alarm=False) from None


class RelayEnd:
    """A :class:`server.web.transport.Transport`."""

    def __init__(self, wire: Wire) -> None:
        self._in, self._out = wire.ways

    async def receive(self) -> bytes | None:
        return await self._in.get()

    empty = False  # every cell waits for the wire

    def put(self, cell: bytes) -> None:
        raise NotImplementedError

    async def send(self, cell: bytes) -> None:
        await self._out.put(cell, self._in)
