"""A front before the relay that passes HTTPS requests and no WebSocket.

It holds the relay's certificate, as a reverse proxy of a ministry would, reads each
request whole, and does what such proxies do on bad days: lose an answer, send a
request twice, let an upgrade pass and nothing after it.
"""

import asyncio
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

import aiohttp
from aiohttp import web

from crypto.certificate import make_certificate
from crypto.types import Digest
from server.web.listener import listen, runner
from server.web.tls import server_context
from tests.support.keys import secret

CERTIFICATE = make_certificate(secret("front"), serial=b"1")
PIN: Digest = CERTIFICATE.pin
PATIENCE = 60.0  # seconds to stand or to be gone; a loaded machine needs some


@dataclass
class Front:
    """What it saw, and what goes wrong next."""

    target: str
    seen: list[tuple[str, int]] = field(default_factory=list)  # path, status
    upgrades: int = 0
    swallow: bool = False  # an upgrade passes, and nothing after it
    lose: Counter[str] = field(default_factory=Counter)  # answers to lose, by path
    double: Counter[str] = field(default_factory=Counter)  # requests to send twice
    change: Callable[[str, bytes], bytes] = lambda _, body: body
    address: str = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            self.upgrades += 1
            if not self.swallow:
                return web.Response(status=403, text="no upgrade here")
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            await socket.receive()
            return socket
        status, body = await self._pass(request)
        if self.double[request.path]:
            self.double[request.path] -= 1
            status, body = await self._pass(request)
        if self.lose[request.path]:
            self.lose[request.path] -= 1
            assert request.transport is not None
            request.transport.abort()
        return web.Response(status=status, body=body)

    async def _pass(self, request: web.Request) -> tuple[int, bytes]:
        kept = {k: v for k, v in request.headers.items() if k.startswith("Koerier-")}
        body = self.change(request.path, await request.read())
        async with (
            aiohttp.ClientSession() as client,
            client.request(
                request.method,
                self.target + request.path,
                data=body,
                headers=kept,
                ssl=False,
            ) as answer,
        ):
            self.seen.append((request.path, answer.status))
            return answer.status, await answer.read()


def certified(folder: Path) -> ssl.SSLContext:
    """Return the context of the certificate that tests pin."""
    return server_context(CERTIFICATE, folder / "front.pem")


def holding(pem: Path) -> ssl.SSLContext:
    """Return the context of a certificate that the relay gave its front."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(pem)
    return context


@asynccontextmanager
async def front(target: str, context: ssl.SSLContext) -> AsyncIterator[Front]:
    """Stand before the relay at ``target``, ``http://`` or ``https://``."""
    made = Front(target)
    app = web.Application(client_max_size=1 << 20)
    app.router.add_route("*", "/{path:.*}", made.handle)
    started = runner(app)
    await started.setup()
    try:
        made.address = await listen(started, "127.0.0.1:0", context)
        yield made
    finally:
        async with asyncio.timeout(30):
            await started.cleanup()


@contextmanager
def fronted(target: str, context: ssl.SSLContext) -> Iterator[Front]:
    """Stand before the relay in a thread, for tests that have no loop."""
    begun: Future[tuple[Front, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def stand() -> None:
        over = asyncio.Event()
        async with front(target, context) as made:
            begun.set_result((made, asyncio.get_running_loop(), over))
            await over.wait()

    thread = Thread(target=asyncio.run, args=(stand(),))
    thread.start()
    made, loop, over = begun.result(PATIENCE)
    try:
        yield made
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(PATIENCE)
