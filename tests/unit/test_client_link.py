"""The terminal's end of the connection: whom it believes, and how it ends."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from client.net import link as link_module
from client.net.link import Link, LinkError
from crypto.types import Digest
from protocol.handshake import RootRelay
from protocol.line.effects import Effect, Side
from protocol.line.machine import Line
from tests.support.keys import drawn
from tests.support.session import NOON, REALM, Meeting, identity, public

Talk = Callable[[web.WebSocketResponse], Awaitable[None]]


class Clock:
    def wall(self) -> int:
        return NOON

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


class Handler:
    def __init__(self) -> None:
        self.opened = 0
        self.effects: list[Effect] = []

    def connected(self) -> None:
        self.opened += 1

    def effect(self, effect: Effect) -> None:
        self.effects.append(effect)


@asynccontextmanager
async def relay(talk: Talk) -> AsyncIterator[str]:
    async def session(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await talk(socket)
        return socket

    app = web.Application()
    app.router.add_get("/session", session)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"ws://{host}:{port}"
    finally:
        await runner.cleanup()


async def connect(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> tuple[bool, Handler]:
    """Connect once without TLS; return whether it ended in an alarm."""
    monkeypatch.setattr(link_module, "_check_pin", lambda *_: None)
    handler = Handler()
    link = Link(Line(Side.TERMINAL), handler, Clock(), drawn("link"))
    known = Meeting()
    async with relay(talk) as address:
        with pytest.raises(LinkError) as ended:
            await link.run(
                address,
                Digest(bytes(32)),
                RootRelay(public("relay"), known.client.relay.suite, REALM),
                identity("terminal"),
                NOON,
            )
    return ended.value.alarm, handler


async def test_a_challenge_that_is_not_the_relays_is_an_alarm(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def talk(socket: web.WebSocketResponse) -> None:
        await socket.send_bytes(b"not a challenge")
        await socket.receive()

    alarm, handler = await connect(talk, monkeypatch)
    assert alarm is True
    assert handler.opened == 0


async def test_a_relay_that_says_nothing_or_text_is_a_cut_and_no_alarm(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(link_module, "QUIET", 0.2)

    async def closes(socket: web.WebSocketResponse) -> None:
        await socket.close()

    async def texts(socket: web.WebSocketResponse) -> None:
        await socket.send_str("hallo")
        await socket.receive()

    for talk in (closes, texts):
        alarm, handler = await connect(talk, monkeypatch)
        assert (alarm, handler.opened) == (False, 0)


async def test_a_frame_that_does_not_open_is_an_alarm(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def talk(socket: web.WebSocketResponse) -> None:
        await socket.send_bytes(Meeting().challenge)
        await socket.receive_bytes()
        await socket.send_bytes(b"x" * 64)
        await socket.receive()

    alarm, handler = await connect(talk, monkeypatch)
    assert (alarm, handler.opened) == (True, 0)


async def test_nobody_at_the_address_is_a_cut() -> None:
    link = Link(Line(Side.TERMINAL), Handler(), Clock(), drawn("link"))
    with pytest.raises(LinkError) as ended:
        await link.run(
            "wss://127.0.0.1:1",
            Digest(bytes(32)),
            RootRelay(public("relay"), Meeting().client.relay.suite, REALM),
            identity("terminal"),
            NOON,
        )
    assert ended.value.alarm is False


class Socket:
    """What aiohttp says about the transport."""

    def __init__(self, der: bytes | None, *, tls: bool = True) -> None:
        self._der = der
        self._tls = tls

    def get_extra_info(self, _: str) -> "Socket | None":
        return self if self._tls else None

    def getpeercert(self, *, binary_form: bool) -> bytes | None:
        assert binary_form
        return self._der


@pytest.mark.parametrize(
    "socket", [Socket(None), Socket(b"no certificate"), Socket(b"", tls=False)]
)
def test_another_certificate_than_the_pinned_one_is_an_alarm(socket: Socket) -> None:
    with pytest.raises(LinkError) as refused:
        link_module._check_pin(socket, Digest(bytes(32)))  # type: ignore[arg-type] # noqa: SLF001
    assert refused.value.alarm is True
