"""A witness over HTTP: C2SP tlog-witness, the mirror beside it, and the bulletins.

``POST /add-checkpoint``            C2SP; answer: signature lines, or its statuses
``POST /mirror``                    one :class:`server.mirror.Push`; answer: how many
                                    entries are held (200, or 409 where it must begin)
``GET /checkpoint/{origin}``        the note that was cosigned last
``GET /entries/{origin}/{start}``   one page (:mod:`protocol.mirror_page`): for a relay
                                    without its disk, and for a terminal that was away
``POST /bulletins``                 one signed restriction, or zeroise order; 204, or
                                    403 by nobody known
``POST /roots``                     root documents (:mod:`protocol.root_file`); 204 when
                                    they are followed, 403 when they do not hold
``GET /bulletins``                  all of them, :class:`protocol.bulletins.Bulletins`

Whoever asks is a stranger.  A bounded number is served at a time, each for a bounded
time; the next gets 503.  507 says that the disk is full and nothing changed.
"""

import asyncio
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from protocol.checkpoint import parse_decimal
from protocol.codec import decode, encode
from protocol.errors import BusyError, MalformedError, VerificationError
from protocol.mirror_page import MAX_BODY, MAX_PUSH, Page
from protocol.witness import Conflict, WitnessRefusal
from server.logbook import logbook
from server.mirror import Push, bounded
from server.storage.interfaces import StoreFullError
from server.witness.noticeboard import Noticeboard
from server.witness.roots import Roots
from server.witness.service import Witness

SIZE_TYPE: Final = "text/x.tlog.size"  # C2SP's media type of a size in a 409
AT_ONCE: Final = 32  # requests; each may hold a push in memory, 2.5 MiB
PATIENCE: Final = 20.0  # seconds for a body to come, and for an answer to go


def refusals(failure: asyncio.Future[None]) -> Middleware:
    """Return the middleware that turns refusals into statuses, and ends on OSError."""

    @web.middleware
    async def answered(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except Conflict as refusal:
            size = f"{refusal.size}\n".encode()
            return web.Response(
                status=409, body=size, headers={"Content-Type": SIZE_TYPE}
            )
        except WitnessRefusal as refusal:
            return web.Response(status=refusal.status)
        except MalformedError:
            return web.Response(status=400)
        except VerificationError:
            return web.Response(status=403)
        except BusyError:
            return web.Response(status=429)
        except StoreFullError:
            logbook().error("no-room")
            return web.Response(status=507)
        except OSError as error:  # of the disk: an fsync is not tried again
            if not failure.done():
                failure.set_exception(error)
            raise web.HTTPServiceUnavailable from None

    return answered


def few_at_once() -> Middleware:
    """Return the middleware that bounds what strangers can have in work."""
    running = 0

    @web.middleware
    async def counted(request: web.Request, handler: Handler) -> web.StreamResponse:
        nonlocal running
        if running >= AT_ONCE:
            return web.Response(status=503)
        running += 1
        try:
            response = await handler(request)
            # Sent here, so that whoever does not read counts too.
            async with asyncio.timeout(PATIENCE):
                await response.prepare(request)
                await response.write_eof()
        except TimeoutError:
            raise ConnectionResetError from None
        finally:
            running -= 1
        return response

    return counted


async def _body(request: web.Request) -> bytes:
    """Return the body.  Only this is given up when it is slow: work that began ends.

    Raises:
        MalformedError: it does not come.
    """
    try:
        async with asyncio.timeout(PATIENCE):
            return await request.read()
    except OSError:  # slow, hung up, a bad TLS record, no route: no disk that failed
        raise MalformedError from None


def witness_app(
    witness: Witness,
    board: Noticeboard,
    failure: asyncio.Future[None],
    roots: Roots | None = None,
) -> web.Application:
    """Return the application of a witness; without ``roots`` it follows none."""

    async def add_checkpoint(request: web.Request) -> web.Response:
        lines = await witness.add_checkpoint(await _body(request))
        await board.tidy()
        return web.Response(body=lines)

    async def mirror(request: web.Request) -> web.Response:
        push = decode(await _body(request), Push, limit=MAX_BODY)
        return web.Response(text=f"{await witness.mirror(push)}\n")

    async def latest(request: web.Request) -> web.Response:
        return web.Response(body=witness.latest(request.match_info["origin"]))

    async def entries(request: web.Request) -> web.Response:
        origin = request.match_info["origin"]
        start = parse_decimal(request.match_info["start"].encode())
        found = bounded(await witness.entries(origin, start, MAX_PUSH))
        return web.Response(
            body=encode(Page(origin=origin, start=start, entries=found))
        )

    async def post(request: web.Request) -> web.Response:
        await board.post(await _body(request))
        return web.Response(status=204)

    async def bulletins(_: web.Request) -> web.Response:
        return web.Response(body=board.served())

    async def follow(request: web.Request) -> web.Response:
        if roots is None:
            raise web.HTTPNotFound
        await roots.post(await _body(request), witness, board)
        return web.Response(status=204)

    middlewares = [few_at_once(), refusals(failure)]
    app = web.Application(client_max_size=MAX_BODY, middlewares=middlewares)
    app.router.add_post("/add-checkpoint", add_checkpoint)
    app.router.add_post("/mirror", mirror)
    app.router.add_get("/checkpoint/{origin:[a-z0-9./-]+}", latest)
    app.router.add_get("/entries/{origin:[a-z0-9./-]+}/{start:[0-9]+}", entries)
    app.router.add_post("/bulletins", post)
    app.router.add_post("/roots", follow)
    app.router.add_get("/bulletins", bulletins)
    return app
