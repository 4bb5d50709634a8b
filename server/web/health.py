"""``/livez`` and ``/readyz``: on a listener of their own, never published.

Alive: the loop answers.  Ready: the store can be read, both logs are signed and no
witness has said that we are behind; anything else is 503 with one word per fault.
"""

from collections.abc import Awaitable, Callable

from aiohttp import web

Faults = Callable[[], Awaitable[tuple[str, ...]]]


def health_app(faults: Faults) -> web.Application:
    """Return the application; ``faults`` names what is wrong, fixed words only."""

    async def alive(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def ready(_: web.Request) -> web.Response:
        found = await faults()
        if found:
            return web.Response(status=503, text="\n".join((*found, "")))
        return web.Response(text="ok\n")

    app = web.Application(client_max_size=0)
    app.router.add_get("/livez", alive)
    app.router.add_get("/readyz", ready)
    return app
