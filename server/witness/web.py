"""A witness over HTTP: C2SP tlog-witness, and the mirror beside it.

``POST /add-checkpoint``            C2SP; answer: signature lines, or its statuses
``POST /mirror``                    one :class:`server.mirror.Push`; answer: how many
                                    entries are held (200, or 409 where it must begin)
``GET /checkpoint/{origin}``        the note that was cosigned last
``GET /entries/{origin}/{start}``   a Push with entries, for a relay without its disk
"""

import asyncio
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from protocol.checkpoint import parse_decimal
from protocol.codec import decode, encode
from protocol.errors import MalformedError
from protocol.witness import Conflict, WitnessRefusal
from server.mirror import MAX_BODY, MAX_PUSH, Push, bounded
from server.witness.service import Witness

SIZE_TYPE: Final = "text/x.tlog.size"  # C2SP's media type of a size in a 409


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
        except OSError as error:  # an fsync that failed is not tried again
            if not failure.done():
                failure.set_exception(error)
            raise web.HTTPServiceUnavailable from None

    return answered


def witness_app(witness: Witness, failure: asyncio.Future[None]) -> web.Application:
    """Return the application of a witness."""

    async def add_checkpoint(request: web.Request) -> web.Response:
        return web.Response(body=await witness.add_checkpoint(await request.read()))

    async def mirror(request: web.Request) -> web.Response:
        push = decode(await request.read(), Push, limit=MAX_BODY)
        return web.Response(text=f"{await witness.mirror(push)}\n")

    async def latest(request: web.Request) -> web.Response:
        return web.Response(body=witness.latest(request.match_info["origin"]))

    async def entries(request: web.Request) -> web.Response:
        origin = request.match_info["origin"]
        start = parse_decimal(request.match_info["start"].encode())
        found = bounded(await witness.entries(origin, start, MAX_PUSH))
        return web.Response(
            body=encode(Push(origin=origin, start=start, entries=found))
        )

    app = web.Application(client_max_size=MAX_BODY, middlewares=[refusals(failure)])
    app.router.add_post("/add-checkpoint", add_checkpoint)
    app.router.add_post("/mirror", mirror)
    app.router.add_get("/checkpoint/{origin:[a-z0-9./-]+}", latest)
    app.router.add_get("/entries/{origin:[a-z0-9./-]+}/{start:[0-9]+}", entries)
    return app
