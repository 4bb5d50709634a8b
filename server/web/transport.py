"""What carries the cells of an open session, whichever way they travel.

A conversation sees this and nothing below it: a WebSocket, where one message is one
cell, or a pair of HTTPS requests (:mod:`server.web.poll`).  Who opened the transport
closes it.
"""

import asyncio
import struct
from typing import Final, Protocol

from aiohttp import WSMsgType, web

from protocol.errors import UnexpectedMessageError

_ENDS: Final = {WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED}


class Transport(Protocol):
    """One connection that a terminal has proven to be its own."""

    async def receive(self) -> bytes | None:
        """Return the next cell that came; None when the peer is gone.

        Raises:
            UnexpectedMessageError: something came that is no cell.
        """

    @property
    def empty(self) -> bool:
        """Whether all that was sent has left, so that ``put`` may be called."""

    def put(self, cell: bytes) -> None:
        """Send one cell, here and now; only while ``empty``."""

    async def send(self, cell: bytes) -> None:
        """Send one cell; return when another may be sealed.

        Raises:
            ConnectionError: the peer is gone.
        """


# RFC 6455, 5.2: a whole binary message, not masked, its size in the next two bytes.
_HEAD: Final = struct.Struct(">BBH")
_BINARY: Final = 0x82
_TWO_BYTES: Final = 126


class WebSocketTransport:
    """One binary message is one cell."""

    __slots__ = ("_socket", "_tcp")

    def __init__(
        self, socket: web.WebSocketResponse, tcp: asyncio.Transport | None
    ) -> None:
        self._socket = socket
        self._tcp = tcp

    @property
    def empty(self) -> bool:
        """Whether nothing waits for the peer; never once either side has closed."""
        tcp = self._tcp
        return (
            tcp is not None
            and not self._socket.closed
            and not tcp.is_closing()
            and not tcp.get_write_buffer_size()
        )

    def put(self, cell: bytes) -> None:
        """Write one message past aiohttp, whose way is a coroutine for each."""
        if self._tcp is not None:
            self._tcp.write(_HEAD.pack(_BINARY, _TWO_BYTES, len(cell)) + cell)

    async def receive(self) -> bytes | None:
        """Return the next message; see :class:`Transport`."""
        message = await self._socket.receive()
        if message.type is WSMsgType.BINARY:
            data: bytes = message.data
            return data
        if message.type in _ENDS:
            return None
        raise UnexpectedMessageError  # text, or what aiohttp itself refused

    async def send(self, cell: bytes) -> None:
        """Send one message; it waits for the transport, so lanes stay real."""
        await self._socket.send_bytes(cell)
