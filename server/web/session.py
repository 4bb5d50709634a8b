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

       relay    -> Challenge  signed day key and a fresh nonce; the nonce alone to a
                              terminal that named the day key in ``Koerier-Day-Key``
       terminal -> hello      HPKE to the day key: secret, key id, signature
       relay    -> Ready      the first sealed frame; the key confirmation
       both     -> cells

   The terminal sends nothing after ``hello`` before it opened ``Ready``.
4. Then each WebSocket message is exactly one cell (:mod:`protocol.line.cells`).
   Where a WebSocket does not pass: :mod:`server.web.poll`, the same bytes.
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
   10 s for the handshake, 20 s when the hello is under way; then 30 s in which
   nothing that is under way was counted (the line's ``Stalled``), or in which not
   even a WebSocket ping was answered.
   A lost answer is asked again in the next session with the same body.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from aiohttp import WSCloseCode, web

from protocol.errors import ProtocolError
from protocol.line.cells import CELL, MAX_K
from server.services.relay import Relay
from server.storage.interfaces import StoreBrokenError
from server.web.conversation import Conversation
from server.web.handshake import DAY_KEY, Proven, meet
from server.web.strangers import Strangers
from server.web.tcp import UNSENT, received
from server.web.transport import Transport, WebSocketTransport

MAX_MESSAGE: Final = MAX_K * CELL  # bytes: one cell; a hello is less
HEARTBEAT: Final = 30.0  # seconds between pings; no pong in half of it: closed
CLOSING: Final = 5.0  # seconds that a peer has to answer a close
REFUSING: Final = 0.5  # seconds that a stranger has


class SessionRoute:
    """Handles ``GET /session``."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._strangers = Strangers()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Carry one connection from its first byte to its last."""
        socket = web.WebSocketResponse(
            compress=False,
            max_msg_size=MAX_MESSAGE + 1,  # aiohttp refuses what reaches its limit
            heartbeat=HEARTBEAT,
            timeout=CLOSING,
            writer_limit=1,  # every write waits for the transport: lanes stay real
        )
        try:
            # What a handshake needs is gone when it is over: an idle session keeps
            # none of it.
            proven = await self._shaken(request, socket)
        except (ProtocolError, TimeoutError, ConnectionError):
            await _close(request, socket, WSCloseCode.POLICY_VIOLATION, REFUSING)
            return socket
        transport = WebSocketTransport(socket, request.transport)
        code = await talk(self._relay, proven, transport)
        await _close(request, socket, code, CLOSING)
        return socket

    async def _shaken(
        self, request: web.Request, socket: web.WebSocketResponse
    ) -> Proven:
        async with self._strangers.handshake() as place:
            await socket.prepare(request)
            _shallow(request)

            def challenged() -> None:
                place.came = _since_now(request)

            known = request.headers.get(DAY_KEY, "")
            transport = WebSocketTransport(socket, request.transport)
            return await meet(self._relay, transport, known, challenged)


async def talk(relay: Relay, proven: Proven, transport: Transport) -> WSCloseCode:
    """Carry an open session to its end; return what the peer is told."""
    conversation = Conversation(relay, proven.terminal, proven.established, transport)
    relay.presence.join(conversation)
    # Between the proof and here its key may have been revoked.
    if not relay.directory.admits(conversation.terminal, relay.clock.wall()):
        conversation.end()
    try:
        return await conversation.run()
    except StoreBrokenError as error:
        relay.fail(error)
        return WSCloseCode.INTERNAL_ERROR
    finally:
        relay.presence.leave(conversation)


async def _close(
    request: web.Request,
    socket: web.WebSocketResponse,
    code: WSCloseCode,
    seconds: float,
) -> None:
    """Say why, and hang up; a peer that does not read is told nothing.

    aiohttp would wait for ever until such a peer took the close frame.
    """
    transport = request.transport
    if transport is None or transport.is_closing():  # TLS that ended has no buffer
        return
    if not transport.get_write_buffer_size():
        with suppress(ConnectionError, RuntimeError, TimeoutError):
            async with asyncio.timeout(seconds):
                await socket.close(code=code)
    transport.abort()


def _shallow(request: web.Request) -> None:
    """Keep little in our own buffer: what lies there can no longer be overtaken."""
    transport = request.transport
    if transport is None:
        raise ConnectionResetError
    transport.set_write_buffer_limits(high=UNSENT, low=0)


def _since_now(request: web.Request) -> Callable[[], int]:
    """Return what counts the bytes that come after this moment."""
    transport = request.transport
    connection = None if transport is None else transport.get_extra_info("socket")
    before = received(connection)
    return lambda: received(connection) - before
