"""``/livez``, ``/readyz``, ``/metrics``: on a listener of their own, never published.

Alive: the loop answers.  Ready: the store can be read, both logs are signed and no
witness has said that we are behind; anything else is 503 with one word per fault.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

Faults = Callable[[], Awaitable[tuple[str, ...]]]


def health_app(faults: Faults, metrics: Callable[[], bytes]) -> web.Application:
    """Return the application; ``faults`` names what is wrong, fixed words only."""

    async def alive(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def ready(_: web.Request) -> web.Response:
        found = await faults()
        if found:
            return web.Response(status=503, text="\n".join((*found, "")))
        return web.Response(text="ok\n")

    async def measured(_: web.Request) -> web.Response:
        return web.Response(body=metrics(), headers={"Content-Type": CONTENT_TYPE})

    app = web.Application(client_max_size=0)
    app.router.add_get("/livez", alive)
    app.router.add_get("/readyz", ready)
    app.router.add_get("/metrics", measured)
    return app
