"""``GET /session``: one terminal's sealed session over a WebSocket.

How a terminal connects
-----------------------
1. TLS 1.3 to the relay's address; no certificate date or name is checked, but
   SHA-256 of the certificate's SubjectPublicKeyInfo must be the root document's pin.
   (``tls = false`` in ``relay.toml`` gives plain HTTP on loopback, for tests.)
2. ``GET /session``, WebSocket upgrade, no subprotocol, no compression.  All messages
   are binary; a text message, or one over 16 KiB, closes.
3. The handshake is one whole message each, in this order (types and machines:
   :mod:`protocol.handshake`, :mod:`protocol.relay_session`)::

       relay    -> Challenge  signed day key and a fresh nonce
       terminal -> hello      HPKE to the day key: secret, key id, signature
       relay    -> Ready      the first sealed frame; the key confirmation
       both     -> cells

   The terminal sends nothing after ``hello`` before it opened ``Ready``.
4. Then each WebSocket message is exactly one cell (:mod:`protocol.line.cells`).
5. Objects on the line have a kind (:class:`protocol.line.frames.Kind`)::

       SUBMISSION  terminal -> relay  encode(Submit); answered by ACCEPT (index,
                                      leaf) and ACK when durable, or by CLOSE
       REQUEST     terminal -> relay  encode(Request); a Submit may come so too
       ANSWER      relay -> terminal  encode(Answer), on the lane of its request
       DELIVERY    relay -> terminal  encode(Delivery), on its submission's lane
       NOTICE      relay -> terminal  encode(Notice), lane 1

   The line's ACK of a DELIVERY acknowledges its cursor, as an Acknowledge request
   does.  The relay never sends a request.  What is owed and not acknowledged is
   sent again in each session, and once within a session: by lane, then by cursor,
   at most WINDOW under way (lane 0 and 1 beyond it).
6. The relay closes: 1001 when it drains, 1008 on any refusal (one code for all).
   10 s for the handshake; then 30 s in which nothing that is under way was counted
   (the line's ``Stalled``), or in which not even a WebSocket ping was answered.
   A lost answer is asked again in the next session with the same body.
"""

import asyncio
import socket
from contextlib import suppress
from typing import Any, Final

from aiohttp import WSCloseCode, WSMsgType, web

from protocol.directory_view import Terminal
from protocol.errors import ProtocolError, UnauthenticatedError
from protocol.handshake import HANDSHAKE_SECONDS
from protocol.line.cells import CELL, MAX_K
from protocol.relay_session import (
    Close,
    Established,
    Event,
    HelloReceived,
    RelaySession,
    Resolve,
    Send,
    TerminalResolved,
    start,
    step,
)
from server.logbook import logbook
from server.services.relay import Relay
from server.storage.interfaces import StoreBrokenError
from server.web.conversation import Conversation

MAX_MESSAGE: Final = MAX_K * CELL  # bytes: one cell; a hello is less
MAX_STRANGERS: Final = 256  # handshakes at a time; the next gets 503 (fails closed)
HEARTBEAT: Final = 30.0  # seconds between pings; no pong in half of it: closed
CLOSING: Final = 5.0  # seconds that a peer has to answer a close
UNSENT: Final = 2 * MAX_MESSAGE  # bytes in the kernel that can still be overtaken


class SessionRoute:
    """Handles ``GET /session``."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._strangers = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Carry one connection from its first byte to its last."""
        if self._strangers >= MAX_STRANGERS:
            return web.Response(status=503)
        socket_ = web.WebSocketResponse(
            compress=False,
            max_msg_size=MAX_MESSAGE + 1,  # aiohttp refuses what reaches its limit
            heartbeat=HEARTBEAT,
            timeout=CLOSING,
            writer_limit=1,  # every write waits for the transport: lanes stay real
        )
        self._strangers += 1
        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                await socket_.prepare(request)
                _shallow(request)
                terminal, established = await self._handshake(socket_)
        except (ProtocolError, TimeoutError, ConnectionError):
            await _close(socket_, WSCloseCode.POLICY_VIOLATION)
            return socket_
        finally:
            self._strangers -= 1
        conversation = Conversation(self._relay, terminal, established, socket_)
        self._relay.presence.join(conversation)
        # Between the proof and here its key may have been revoked.
        if not self._relay.directory.admits(terminal.key_id, self._relay.clock.wall()):
            conversation.end()
        try:
            code = await conversation.run()
        except StoreBrokenError as error:
            self._relay.fail(error)
            code = WSCloseCode.INTERNAL_ERROR
        finally:
            self._relay.presence.leave(conversation)
        await _close(socket_, code)
        return socket_

    async def _handshake(
        self, socket_: web.WebSocketResponse
    ) -> tuple[Terminal, Established]:
        """Return who is there, proven, after its Ready was sent.

        Raises:
            ProtocolError: it is nobody, or did not prove it; one answer for all.
        """
        relay = self._relay
        directory = relay.directory
        offered = relay.day_keys.current(directory.root.suite, directory.realm)
        session, effects = start(
            offered.signed,
            offered.key,
            directory.realm,
            relay.entropy,
            relay.clock.monotonic(),
        )
        await _send(socket_, effects)
        message = await socket_.receive()
        if message.type is not WSMsgType.BINARY:
            raise UnauthenticatedError
        return await self._prove(socket_, session, HelloReceived(message.data))

    async def _prove(
        self, socket_: web.WebSocketResponse, session: RelaySession, event: Event
    ) -> tuple[Terminal, Established]:
        session, effects = step(session, event)
        terminal: Terminal | None = None
        for effect in effects:
            if isinstance(effect, Resolve):
                with suppress(UnauthenticatedError):
                    now = self._relay.clock.wall()
                    terminal = self._relay.directory.terminal(effect.terminal, now)
        key = None if terminal is None else terminal.key
        session, effects = step(session, TerminalResolved(key))
        await _send(socket_, effects)
        for effect in effects:
            if isinstance(effect, Established) and terminal is not None:
                return terminal, effect
        raise UnauthenticatedError


async def _send(socket_: web.WebSocketResponse, effects: tuple[Any, ...]) -> None:
    for effect in effects:
        if isinstance(effect, Send):
            await socket_.send_bytes(effect.data)
        elif isinstance(effect, Close):
            raise UnauthenticatedError


async def _close(socket_: web.WebSocketResponse, code: int) -> None:
    with suppress(ConnectionError, RuntimeError):
        await socket_.close(code=code)


def _shallow(request: web.Request) -> None:
    """Keep little in buffers: what lies there can no longer be overtaken."""
    transport = request.transport
    if transport is None:
        raise ConnectionResetError
    transport.set_write_buffer_limits(high=UNSENT, low=0)
    found = transport.get_extra_info("socket")
    if found is not None and hasattr(socket, "TCP_NOTSENT_LOWAT"):
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT)


_log = logbook()
