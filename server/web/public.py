"""The public listener: sessions for terminals, logs for monitors."""

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from server.services.relay import Relay
from server.storage.interfaces import StoreBrokenError
from server.web.monitor import MonitorRoutes
from server.web.poll import PollRoutes
from server.web.session import SessionRoute

MAX_BODY = 1_024  # bytes: what takes a body counts it itself


def guard(relay: Relay) -> Middleware:
    """Return the middleware that ends the process when the store broke."""

    @web.middleware
    async def ended(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except StoreBrokenError as error:
            relay.fail(error)
            raise web.HTTPServiceUnavailable from None

    return ended


def guarded(relay: Relay, handler: Handler) -> Handler:
    """Return ``handler``, ending the process when it finds that the store broke."""
    ended = guard(relay)

    async def handle(request: web.Request) -> web.StreamResponse:
        return await ended(request, handler)

    return handle


def public_app(relay: Relay) -> web.Application:
    """Return the application of the public listener.

    A session ends the process itself (:func:`server.web.session.talk`) and has no
    guard around it, which would stand there as long as the session does.
    """
    app = web.Application(client_max_size=MAX_BODY)
    app.router.add_get("/session", SessionRoute(relay).handle, allow_head=False)
    PollRoutes(relay).add(app)
    monitor = MonitorRoutes(relay)
    origin = "/log/{origin:[a-z0-9./-]+}"
    app.router.add_get(f"{origin}/checkpoint", guarded(relay, monitor.checkpoint))
    tile = f"{origin}/tile/{{path:.+}}"
    app.router.add_get(tile, guarded(relay, monitor.tile))
    return app
