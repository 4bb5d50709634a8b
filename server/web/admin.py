"""The admin socket: what an operator does on the relay's own machine.

A Unix socket of mode 0600 under the home: whoever reaches it is the relay's own user.
Even so it can do nothing that a signature does not allow: an entry for the key log
proves itself, here as in a session.  It exists because the first entries come before
any terminal can have a session.

``POST /append``  body: one key log leaf; answer: its index
``GET /status``   JSON: sizes, published sizes, sessions, witnesses
"""

from collections.abc import Callable, Mapping

from aiohttp import web

from protocol.errors import BusyError, ProtocolError
from protocol.key_log_entry import MAX_LEAF
from server.services.relay import Relay
from server.web.public import guard

Status = Callable[[], Mapping[str, object]]


def admin_app(relay: Relay, status: Status) -> web.Application:
    """Return the application of the admin socket."""

    async def append(request: web.Request) -> web.Response:
        entry = await request.read()
        try:
            appended = await relay.logs.append(entry)
        except BusyError:
            return web.Response(status=503, text="busy\n")
        except ProtocolError as error:
            reason = f"{type(error).__name__}: {error}".removesuffix(": ")
            return web.Response(status=422, text=f"{reason}\n")
        return web.Response(text=f"{appended.index}\n")

    async def show(_: web.Request) -> web.Response:
        return web.json_response(status())

    app = web.Application(client_max_size=MAX_LEAF + 1, middlewares=[guard(relay)])
    app.router.add_post("/append", append)
    app.router.add_get("/status", show)
    return app
