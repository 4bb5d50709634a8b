"""The line test's own proxy does what it says: a test of a tool that others rest on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from tests.support.fault_proxy import FaultProxy, Faults, fault_proxy

PATIENCE = 30.0


@asynccontextmanager
async def echo() -> AsyncIterator[str]:
    talking: set[asyncio.StreamWriter] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talking.add(writer)
        with suppress(ConnectionError):
            while data := await reader.read(4_096):
                writer.write(data)
                await writer.drain()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        talking.discard(writer)

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    try:
        yield f"{host}:{port}"
    finally:
        server.close()
        async with asyncio.timeout(PATIENCE):
            while talking:  # noqa: ASYNC110 -- nobody tells
                await asyncio.sleep(0.01)


async def there_and_back(proxy: FaultProxy, content: bytes) -> float:
    """Return the seconds that ``content`` takes both ways."""
    host, _, port = proxy.address.rpartition(":")
    loop = asyncio.get_running_loop()
    reader, writer = await asyncio.open_connection(host, int(port))
    began = loop.time()
    writer.write(content)
    async with asyncio.timeout(PATIENCE):
        assert await reader.readexactly(len(content)) == content
    took = loop.time() - began
    writer.close()
    return took


async def ended(reader: asyncio.StreamReader) -> bool:
    """Say that the connection has ended, in whatever way."""
    async with asyncio.timeout(PATIENCE):
        with suppress(ConnectionError):
            return not await reader.read()
    return True


async def test_rate_and_delay_take_their_time_and_every_byte_is_counted() -> None:
    content = bytes(range(256)) * 40
    async with echo() as target:
        async with fault_proxy(target, Faults()) as free:
            quick = await there_and_back(free, content)
        slow = Faults(rate=40_960.0, delay=0.1, jitter=0.05)
        async with fault_proxy(target, slow) as proxy:
            took = await there_and_back(proxy, content)
            assert proxy.carried == (len(content), len(content))
    # Never faster than the line: the bytes once, as both ways overlap, and two delays.
    assert took >= len(content) / slow.rate + 2 * slow.delay > quick


async def test_a_cut_ends_every_connection_and_the_next_one_works() -> None:
    async with echo() as target, fault_proxy(target, Faults()) as proxy:
        host, _, port = proxy.address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"x")
        await reader.readexactly(1)
        proxy.cut()
        assert await ended(reader)
        writer.close()
        await there_and_back(proxy, b"again")
        assert proxy.connections == 2


async def test_a_partition_holds_everything_back_and_loses_nothing() -> None:
    async with echo() as target, fault_proxy(target, Faults()) as proxy:
        proxy.partitioned = True
        async with asyncio.TaskGroup() as group:
            task = group.create_task(there_and_back(proxy, b"held"))
            done, _ = await asyncio.wait([task], timeout=0.3)
            assert not done
            proxy.partitioned = False
        assert task.result() > 0


async def test_nobody_behind_the_proxy_is_a_connection_that_ends() -> None:
    async with fault_proxy("127.0.0.1:9", Faults()) as proxy:
        host, _, port = proxy.address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        assert await ended(reader)
        writer.close()
