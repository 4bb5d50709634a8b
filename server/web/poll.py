"""``POST /session...``: the session of :mod:`server.web.session` over plain HTTPS.

For posts behind something that passes requests and no WebSocket.  The same challenge,
hello, ready and cells, byte for byte; TLS and its pin are the same (docs/spec/line.md,
section 9).  All bodies are ``application/octet-stream``, no request has a query::

    POST /session                       -> 200  name(16) || challenge
    POST /session/hello  hello          -> 200  ready
    POST /session/up     1-32 cells     -> 204  when the line has taken them
    POST /session/down                  -> 200  1-32 cells, or 204 after HOLD seconds

The last three name their session in ``Koerier-Session`` (its name in hexadecimal), the
last two in ``Koerier-Cell`` the number of a cell: the first one in the body, the first
one that the terminal lacks (:mod:`server.web.exchange`).

404: no such session, for whatever reason; shake hands again.  A session lives in the
memory of this node, and ends as the one over a WebSocket does, or after QUIET seconds
without a request.  400: a number or a body that is none of ours; the session is over.
413: too large.  503: the relay stops.

The name is no secret that opens anything: who knows it and not the keys can end a
session, as everybody on the path can.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Final

from aiohttp import web

from protocol.errors import ProtocolError
from protocol.handshake import HANDSHAKE_SECONDS
from protocol.line.cells import MAX_BODY, bundle, unbundle
from protocol.relay_session import RelaySession
from server.logbook import logbook
from server.services.relay import Relay
from server.web.exchange import Exchange
from server.web.handshake import DAY_KEY, MAX_HELLO, Proven, begin, prove
from server.web.session import talk
from server.web.strangers import MAX_STRANGERS

NAME: Final = 16  # bytes of a session's name
SESSION, CELL = "Koerier-Session", "Koerier-Cell"
BODY_SECONDS: Final = 30.0  # that the body of a known session has to arrive
MAX_DIGITS: Final = 15  # of a cell's number

_NUMBER: Final = re.compile(rf"[0-9]{{1,{MAX_DIGITS}}}")


class PollRoutes:
    """Handles ``POST /session`` and what follows it."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._begun: dict[str, tuple[RelaySession, asyncio.TimerHandle]] = {}
        self._open: dict[str, Exchange] = {}
        self._conversations: asyncio.TaskGroup | None = None

    def add(self, app: web.Application) -> None:
        """Put the routes into ``app``, and the sessions into its lifetime."""
        app.cleanup_ctx.append(self._living)
        app.router.add_post("/session", self.begin)
        app.router.add_post("/session/hello", self.hello)
        app.router.add_post("/session/up", self.up)
        app.router.add_post("/session/down", self.down)

    async def _living(self, _: web.Application) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            self._conversations = group
            yield
            self._conversations = None
            for exchange in self._open.values():
                exchange.close()
        for _session, timer in self._begun.values():
            timer.cancel()

    # --- the handshake

    async def begin(self, request: web.Request) -> web.Response:
        """Return a session's name and its challenge."""
        if len(self._begun) >= MAX_STRANGERS:
            self._forget(next(iter(self._begun)))  # the oldest makes room
        known = request.headers.get(DAY_KEY, "")
        session, challenge = begin(self._relay, known)
        name = self._relay.entropy(NAME)
        loop = asyncio.get_running_loop()
        timer = loop.call_later(2 * HANDSHAKE_SECONDS, self._forget, name.hex())
        self._begun[name.hex()] = session, timer
        return _bytes(name + challenge)

    def _forget(self, name: str) -> RelaySession:
        session, timer = self._begun.pop(name)
        timer.cancel()
        return session

    async def hello(self, request: web.Request) -> web.Response:
        """Return Ready, and let the conversation begin."""
        name = request.headers.get(SESSION, "")
        if name not in self._begun:
            raise web.HTTPNotFound
        hello = await _body(request, MAX_HELLO, HANDSHAKE_SECONDS)
        if name not in self._begun:  # while it came, somebody else's did
            raise web.HTTPNotFound
        try:
            proven = prove(self._relay, self._forget(name), hello)
        except ProtocolError:
            raise web.HTTPNotFound from None
        if self._conversations is None:
            raise web.HTTPServiceUnavailable
        exchange = self._open[name] = Exchange()
        self._conversations.create_task(self._talk(name, proven, exchange))
        return _bytes(proven.ready)

    async def _talk(self, name: str, proven: Proven, exchange: Exchange) -> None:
        try:
            await talk(self._relay, proven, exchange)
        except Exception as error:  # noqa: BLE001 -- one session's fault ends no other
            logbook().error("session failed", exc_info=error)
        finally:
            del self._open[name]
            exchange.close()

    # --- the cells

    async def up(self, request: web.Request) -> web.Response:
        """Take cells of the terminal."""
        exchange, first = self._session(request)
        try:
            with exchange.asked():
                body = await _body(request, MAX_BODY, BODY_SECONDS)
                goes_on = await exchange.up(first, unbundle(body))
        except ProtocolError:
            exchange.close()
            raise web.HTTPBadRequest from None
        if not goes_on:
            raise web.HTTPNotFound
        return web.Response(status=204)

    async def down(self, request: web.Request) -> web.Response:
        """Return cells for the terminal, or nothing after a while."""
        exchange, first = self._session(request)
        try:
            with exchange.asked():
                cells = await exchange.down(first)
        except ProtocolError:
            exchange.close()
            raise web.HTTPBadRequest from None
        if cells is None:
            raise web.HTTPNotFound
        return _bytes(bundle(cells)) if cells else web.Response(status=204)

    def _session(self, request: web.Request) -> tuple[Exchange, int]:
        exchange = self._open.get(request.headers.get(SESSION, ""))
        if exchange is None:
            raise web.HTTPNotFound
        number = request.headers.get(CELL, "")
        if not _NUMBER.fullmatch(number):
            raise web.HTTPBadRequest
        return exchange, int(number)


async def _body(request: web.Request, limit: int, seconds: float) -> bytes:
    """Return a body whose length was named and is at most ``limit``."""
    length = request.content_length
    if length is None:
        raise web.HTTPLengthRequired
    if length > limit:
        raise web.HTTPRequestEntityTooLarge(limit, length)
    try:
        async with asyncio.timeout(seconds):
            return await request.content.readexactly(length)
    except asyncio.IncompleteReadError:
        raise web.HTTPBadRequest from None
    except TimeoutError:
        raise web.HTTPRequestTimeout from None


def _bytes(body: bytes) -> web.Response:
    return web.Response(body=body, headers={"Cache-Control": "no-store"})
