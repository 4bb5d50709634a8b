"""A slow, breaking line between real sockets: our own, because kernels differ.

::

    async with fault_proxy(relay.address, Faults(rate=8_000.0, delay=1.0)) as proxy:
        ...                              # connect to proxy.address
        proxy.cut()                      # every connection ends at once
        proxy.partitioned = True         # nothing passes, nothing is told

Each way has one rate for all connections together, a delay with jitter that reorders
nothing, and a buffer; beyond it the sender's own socket fills.  Bytes are counted as
TCP carries them, without IP.  What refuses an upgrade has to look into TLS:
:mod:`tests.support.front`.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

PIECE = 512  # bytes that pass at a time
READ_LIMIT = 4_096  # bytes that asyncio reads ahead


@dataclass
class Faults:
    """What kind of line it is; may be changed while it works."""

    rate: float = float("inf")  # bytes per second, each way
    delay: float = 0.0  # seconds, one way
    jitter: float = 0.0  # seconds more, at most
    buffer: int = 65_536  # bytes that wait within it, each way
    seed: int = 0


@dataclass
class _Way:
    """One direction, of all connections together."""

    carried: int = 0
    free: float = 0.0  # when the line is free again
    last: float = 0.0  # when the last piece arrives: nothing overtakes it


@dataclass
class FaultProxy:
    """See the module."""

    target: str
    faults: Faults
    address: str = ""
    partitioned: bool = False
    connections: int = 0
    _ways: tuple[_Way, _Way] = field(default_factory=lambda: (_Way(), _Way()))
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._rng = random.Random(self.faults.seed)

    @property
    def carried(self) -> tuple[int, int]:
        """Bytes up and down so far, of all connections."""
        return self._ways[0].carried, self._ways[1].carried

    @property
    def busy(self) -> bool:
        """Whether a connection is open."""
        return bool(self._open)

    def cut(self) -> None:
        """End every connection; what is under way is lost."""
        for writer in tuple(self._open):
            writer.transport.abort()

    async def handle(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        host, _, port = self.target.rpartition(":")
        self.connections += 1
        try:
            back, onward = await asyncio.open_connection(
                host, int(port), limit=READ_LIMIT
            )
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, onward}
        try:
            with suppress(ExceptionGroup):  # an end of either side ends both
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._pass(reader, onward, self._ways[0]))
                    group.create_task(self._pass(back, writer, self._ways[1]))
        finally:
            for end in (writer, onward):
                end.transport.abort()
                with suppress(ConnectionError):
                    await end.wait_closed()
            self._open -= {writer, onward}

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: _Way
    ) -> None:
        loop = asyncio.get_running_loop()
        pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(
            max(1, self.faults.buffer // PIECE)
        )

        async def out() -> None:
            while True:
                arrives, piece = await pieces.get()
                await asyncio.sleep(max(0.0, arrives - loop.time()))
                while self.partitioned:  # noqa: ASYNC110 -- nobody tells when it ends
                    await asyncio.sleep(0.05)
                if not piece:
                    raise ConnectionResetError
                writer.write(piece)
                await writer.drain()

        async def into() -> None:
            while True:
                piece = await reader.read(PIECE)
                way.carried += len(piece)
                way.free = max(way.free, loop.time()) + len(piece) / self.faults.rate
                late = self.faults.delay + self._rng.uniform(0.0, self.faults.jitter)
                way.last = max(way.last, way.free + late)
                await pieces.put((way.last, piece))
                if not piece:
                    return
                await asyncio.sleep(max(0.0, way.free - loop.time()))

        async with asyncio.TaskGroup() as group:
            group.create_task(out())
            group.create_task(into())


@asynccontextmanager
async def fault_proxy(target: str, faults: Faults) -> AsyncIterator[FaultProxy]:
    """Stand before ``host:port`` on a port of our own."""
    proxy = FaultProxy(target, faults)
    server = await asyncio.start_server(proxy.handle, "127.0.0.1", 0, limit=READ_LIMIT)
    host, port = server.sockets[0].getsockname()[:2]
    proxy.address = f"{host}:{port}"
    try:
        yield proxy
    finally:
        server.close()
        proxy.cut()
        await server.wait_closed()
        while proxy.busy:  # noqa: ASYNC110 -- until every connection is given up
            await asyncio.sleep(0.01)
