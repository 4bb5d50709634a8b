"""Hanging up on a connection that has ended: TLS has no buffer to ask for then."""

import asyncio
import ssl
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from aiohttp import WSCloseCode, web

from client.net import websocket
from client.net.connecting import Shallow
from server.web import session
from tests.support.front import certified


async def ended_twice(folder: Path) -> asyncio.WriteTransport:
    """Return the transport of a TLS connection that both sides have closed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async with await asyncio.start_server(
        hang_up, "127.0.0.1", 0, ssl=certified(folder)
    ) as server:
        host, port = server.sockets[0].getsockname()[:2]
        _, writer = await asyncio.open_connection(host, port, ssl=context)
        transport = writer.transport
        transport.close()
        transport.close()
        return transport


async def test_neither_end_asks_a_connection_that_has_ended(tmp_path: Path) -> None:
    transport = await ended_twice(tmp_path)
    assert transport.is_closing()
    request = cast("web.Request", SimpleNamespace(transport=transport))
    socket: Any = SimpleNamespace()  # nobody is told anything
    await session._close(request, socket, WSCloseCode.GOING_AWAY, 1.0)  # noqa: SLF001 -- looked into

    closed = []

    class Ended(Shallow):
        def __init__(self) -> None:
            self.transport = cast("asyncio.Transport", transport)

        async def close(self, **_: object) -> bool:
            closed.append(True)
            return True

        def __del__(self) -> None:
            pass

    await websocket._hang_up(Ended())  # noqa: SLF001 -- looked into
    assert closed == [True]
