"""The terminal's end of the connection: whom it believes, and how it ends."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from client.net.connecting import UNSENT, http
from client.net.link import Link
from client.net.transport import LinkError
from client.net.websocket import WebSocket, websocket
from crypto.certificate import make_certificate
from crypto.types import Digest
from protocol import relay_session
from protocol.handshake import RootRelay
from protocol.line.effects import Effect, Side
from protocol.line.frames import Kind
from protocol.line.machine import Line
from server.web.listener import listen, runner
from server.web.tls import server_context
from tests.support.front import CERTIFICATE, PIN
from tests.support.keys import drawn, secret
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
        self.turns: list[int] = []  # how many effects had come by then

    def connected(self) -> None:
        self.opened += 1

    def effect(self, effect: Effect) -> None:
        self.effects.append(effect)

    def turn(self) -> None:
        self.turns.append(len(self.effects))

    def feed(self) -> None:
        pass


@asynccontextmanager
async def relay(talk: Talk, folder: Path) -> AsyncIterator[str]:
    async def session(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await talk(socket)
        return socket

    app = web.Application()
    app.router.add_get("/session", session)
    started = runner(app)
    await started.setup()
    context = server_context(CERTIFICATE, folder / "tls.pem")
    try:
        yield "wss://" + await listen(started, "127.0.0.1:0", context)
    finally:
        await started.cleanup()


async def connect(talk: Talk, folder: Path, pin: Digest = PIN) -> tuple[bool, Handler]:
    """Connect once; return whether it ended in an alarm."""
    handler = Handler()
    async with relay(talk, folder) as address:
        alarm = await end_of(
            Link(Line(Side.TERMINAL), handler, Clock(), drawn("link")), address, pin
        )
    return alarm, handler


async def end_of(link: Link, address: str, pin: Digest = PIN) -> bool:
    """Run a link to its end; return whether that was an alarm."""
    with pytest.raises(LinkError) as ended:
        await link.run(
            address,
            pin,
            RootRelay(public("relay"), Meeting().client.relay.suite, REALM),
            identity("terminal"),
            NOON,
        )
    return ended.value.alarm


async def test_a_challenge_that_is_not_the_relays_is_an_alarm(
    tmp_path: Path,
) -> None:
    async def talk(socket: web.WebSocketResponse) -> None:
        await socket.send_bytes(b"not a challenge")
        await socket.receive()

    alarm, handler = await connect(talk, tmp_path)
    assert alarm is True
    assert handler.opened == 0


async def test_a_relay_that_says_nothing_or_text_is_a_cut_and_no_alarm(
    tmp_path: Path,
) -> None:
    async def closes(socket: web.WebSocketResponse) -> None:
        await socket.close()

    async def texts(socket: web.WebSocketResponse) -> None:
        await socket.send_str("hallo")
        await socket.receive()

    for talk in (closes, texts):
        alarm, handler = await connect(talk, tmp_path)
        assert (alarm, handler.opened) == (False, 0)


async def test_a_frame_that_does_not_open_is_an_alarm(
    tmp_path: Path,
) -> None:
    async def talk(socket: web.WebSocketResponse) -> None:
        await socket.send_bytes(Meeting().challenge)
        await socket.receive_bytes()
        await socket.send_bytes(b"x" * 64)
        await socket.receive()

    alarm, handler = await connect(talk, tmp_path)
    assert (alarm, handler.opened) == (True, 0)


async def test_nobody_at_the_address_is_a_cut() -> None:
    link = Link(Line(Side.TERMINAL), Handler(), Clock(), drawn("link"))
    assert await end_of(link, "wss://127.0.0.1:1") is False


async def test_another_certificate_than_the_pinned_one_is_an_alarm(
    tmp_path: Path,
) -> None:
    async def talk(_: web.WebSocketResponse) -> None:
        pytest.fail("a byte of ours reached another relay")

    other = make_certificate(secret("other"), serial=b"1")
    alarm, handler = await connect(talk, tmp_path, other.pin)
    assert (alarm, handler.opened) == (True, 0)


@pytest.mark.parametrize("der", [None, b"no certificate"])
async def test_what_shows_no_readable_certificate_is_an_alarm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, der: bytes | None
) -> None:
    async def talk(_: web.WebSocketResponse) -> None:
        pytest.fail("a byte of ours reached another relay")

    def certificate(_: ssl.SSLObject, *, binary_form: bool = False) -> bytes | None:
        return der if binary_form else None

    monkeypatch.setattr(ssl.SSLObject, "getpeercert", certificate)
    alarm, _ = await connect(talk, tmp_path)
    assert alarm is True


class Bursts:
    """A transport whose relay sends objects in bursts, and then is gone."""

    at_once = 1

    def __init__(self, *sizes: int) -> None:
        self._meeting, self._sizes = Meeting(), sizes
        self._messages: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._messages.put_nowait(self._meeting.challenge)
        self._relay: Line | None = None

    async def receive(self, _: float | None) -> bytes:
        if self._messages.empty():
            await asyncio.sleep(0)  # as a socket that has nothing
        message = await self._messages.get()
        if message is None:
            raise LinkError(alarm=False)
        return message

    async def send(self, messages: Sequence[bytes]) -> None:
        if self._relay is not None:
            return
        self._relay = Line(Side.RELAY)
        self._meeting.resolve(messages[0])
        send, opened = self._meeting.resolved(public("terminal"))
        assert isinstance(send, relay_session.Send)
        assert isinstance(opened, relay_session.Established)
        self._messages.put_nowait(send.data)
        self._relay.connect(opened.sealer, opened.opener, 0.0)
        self.task = asyncio.create_task(self._bursts())

    async def _bursts(self) -> None:
        assert self._relay is not None
        for size in self._sizes:
            for number in range(size):
                content = b"%d of %d" % (number, size)
                self._relay.offer(Kind.NOTICE, content, 1, 0.0)
                for cell in self._relay.cells(0.0, 8):
                    self._messages.put_nowait(cell)
            for _ in range(10):
                await asyncio.sleep(0)
        self._relay.offer(Kind.NOTICE, b"the last words", 1, 0.0)
        for cell in self._relay.cells(0.0, 8):
            self._messages.put_nowait(cell)
        self._messages.put_nowait(None)


async def test_what_comes_at_once_is_one_turn_and_a_cut_is_its_end() -> None:
    handler, line = Handler(), Line(Side.TERMINAL)
    link = Link(line, handler, Clock(), drawn("link"))
    with pytest.raises(LinkError):
        await link.over(
            Bursts(2, 1),
            RootRelay(public("relay"), Meeting().suite, REALM),
            identity("terminal"),
            NOON,
        )
    assert len(handler.effects) == 2 + 1 + 1
    assert handler.turns == [2, 3, 4]


async def test_a_write_waits_for_the_connection_so_that_lanes_stay_real(
    tmp_path: Path,
) -> None:
    silence = asyncio.Event()

    async def talk(_: web.WebSocketResponse) -> None:
        await silence.wait()  # reads nothing

    async def write_on(socket: WebSocket) -> None:
        async with asyncio.timeout(1.0):
            while True:
                await socket.send((bytes(16_384),))

    async with (
        relay(talk, tmp_path) as address,
        http(PIN) as client,
        websocket(client, address.replace("wss", "https")) as socket,
    ):
        with pytest.raises(TimeoutError):  # and not MemoryError
            await write_on(socket)
        waiting = socket._socket._writer.transport.get_write_buffer_size()  # noqa: SLF001 -- looked into
        silence.set()
    assert waiting <= UNSENT + 2 * 16_384


async def test_a_relay_that_is_gone_without_a_word_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("client.net.websocket.SILENCE", 0.2)
    gone = asyncio.Event()

    async def talk(socket: web.WebSocketResponse) -> None:
        await socket.send_bytes(b"the last word")
        await gone.wait()

    async with (
        relay(talk, tmp_path) as address,
        http(PIN) as client,
        websocket(client, address.replace("wss", "https")) as socket,
    ):
        assert await socket.receive(None) == b"the last word"
        try:
            async with asyncio.timeout(20):
                with pytest.raises(LinkError):
                    await socket.receive(None)
        finally:
            gone.set()
