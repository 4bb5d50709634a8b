"""What carries the cells of an open session, whichever way they travel.

A conversation sees this and nothing below it: a WebSocket, where one message is one
cell, or a pair of HTTPS requests (:mod:`server.web.poll`).  Who opened the transport
closes it.
"""

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

    async def send(self, cell: bytes) -> None:
        """Send one cell; return when another may be sealed.

        Raises:
            ConnectionError: the peer is gone.
        """


class WebSocketTransport:
    """One binary message is one cell."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket

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
