"""The usual way to the relay: one WebSocket, one binary message for each cell."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

import aiohttp

from client.net.connecting import Shallow
from client.net.transport import DAY_KEY, LinkError, NotCarriedError

MAX_CELL: Final = 17 * 1024  # bytes of one WebSocket message: the largest sealed cell
CLOSING: Final = 3.0  # seconds that a close may take
# Seconds without a cell or a ping.  The relay pings every 30 s and gives up 15 s after
# one that was not answered: who hears nothing for so long talks to nobody.
SILENCE: Final = 90.0


class WebSocket:
    """A :class:`client.net.transport.Transport`."""

    at_once = 1  # what is written can no longer be overtaken

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._heard = False

    async def receive(self, limit: float | None) -> bytes:
        """Return the next message; see :class:`client.net.transport.Transport`."""
        try:
            # The library begins anew with each frame, pings too.
            message = await self._socket.receive(timeout=limit or SILENCE)
        except TimeoutError:
            raise self._ended() from None
        if message.type is not aiohttp.WSMsgType.BINARY:
            raise self._ended()
        self._heard = True
        data: bytes = message.data
        return data

    def _ended(self) -> LinkError:
        """A relay speaks first: who lets an upgrade pass and nothing else shows so."""
        return LinkError(alarm=False) if self._heard else NotCarriedError()

    async def send(self, messages: Sequence[bytes]) -> None:
        """Send each as one message."""
        try:
            for message in messages:
                await self._socket.send_bytes(message)
        except (aiohttp.ClientError, OSError):
            raise LinkError(alarm=False) from None


@asynccontextmanager
async def websocket(
    http: aiohttp.ClientSession, address: str, day_key: str = ""
) -> AsyncIterator[WebSocket]:
    """Open a WebSocket to ``https://host:port``; name the day key that is known.

    Raises:
        NotCarriedError: somebody answered, but with no WebSocket.
    """
    try:
        socket = await http.ws_connect(
            f"{address}/session",
            headers={DAY_KEY: day_key} if day_key else None,
            compress=0,
            max_msg_size=MAX_CELL,
            timeout=aiohttp.ClientWSTimeout(ws_close=CLOSING),
        )
    except aiohttp.WSServerHandshakeError:
        raise NotCarriedError from None
    try:
        yield WebSocket(socket)
    finally:
        await _hang_up(socket)


async def _hang_up(socket: aiohttp.ClientWebSocketResponse) -> None:
    """Close; a relay that does not read is told nothing.

    aiohttp would wait for ever until it took the close frame.
    """
    transport = socket.transport if isinstance(socket, Shallow) else None
    if transport is not None and transport.is_closing():  # TLS that ended has no buffer
        transport = None
    if transport is None or not transport.get_write_buffer_size():
        with suppress(aiohttp.ClientError, OSError):  # a TimeoutError is one too
            async with asyncio.timeout(CLOSING):
                await socket.close()
    if transport is not None:
        transport.abort()
