"""Sessions over real sockets: who gets in, who is put out, and what costs nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest

from crypto.session import hello_size
from crypto.suite import SuiteId
from protocol.codec import decode, encode
from protocol.handshake import Challenge
from protocol.line.effects import Effect, ObjectComplete, Stalled
from protocol.line.frames import Kind
from protocol.line.machine import Line
from protocol.requests import (
    Ask,
    KeyLog,
    LogName,
    Request,
    Submit,
)
from server.services.directory import Directory
from server.storage.interfaces import Done, Next, StoreBrokenError
from server.web import conversation, session, strangers
from server.web.conversation import Conversation
from tests.support.keys import signing_key
from tests.support.ministry import ministry
from tests.support.relay import (
    PATIENCE,
    RefusedError,
    RunningRelay,
    TestTerminal,
    connected,
    ended,
    own,
    running,
    submit_to,
)

POLICY = aiohttp.WSCloseCode.POLICY_VIOLATION


@pytest.fixture
async def relay(tmp_path: Path) -> AsyncIterator[RunningRelay]:
    async with running(tmp_path, ministry()) as relay:
        yield relay


# --- who gets in


async def refused_with(relay: RunningRelay, *messages: bytes | str) -> int | None:
    """Send ``messages`` as a handshake; return how the relay closed."""
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{relay.url}/session") as socket,
    ):
        await socket.receive_bytes(timeout=PATIENCE)
        for message in messages:
            if isinstance(message, str):
                await socket.send_str(message)
            else:
                await socket.send_bytes(message)
        said = await socket.receive(timeout=PATIENCE)
        assert said.type is aiohttp.WSMsgType.CLOSE
        return socket.close_code


async def test_junk_for_a_hello_is_refused_and_nothing_is_said(
    relay: RunningRelay,
) -> None:
    size = hello_size(SuiteId.S1)
    for hello in (b"", b"junk", bytes(size), bytes(size + 1), "text"):
        assert await refused_with(relay, hello) == POLICY


async def test_a_message_larger_than_a_cell_closes(relay: RunningRelay) -> None:
    code = await refused_with(relay, bytes(session.MAX_MESSAGE + 1))
    assert code == aiohttp.WSCloseCode.MESSAGE_TOO_BIG


async def test_unknown_and_revoked_terminals_get_one_answer(
    relay: RunningRelay,
) -> None:
    people = relay.ministry
    tfc = own(relay, "tfc").key
    await relay.parts.relay.logs.append(
        people.restriction(tfc.id, by=people.operators["anna"])
    )
    for key in (tfc, signing_key(SuiteId.S1, "stranger")):
        with pytest.raises(RefusedError) as refused:
            async with connected(relay.url, people, key):
                pass
        assert refused.value.code == POLICY


async def test_a_recorded_hello_opens_nothing(relay: RunningRelay) -> None:
    recorded: list[bytes] = []
    send = aiohttp.ClientWebSocketResponse.send_bytes

    async def record(
        socket: aiohttp.ClientWebSocketResponse,
        data: bytes,
        compress: int | None = None,
    ) -> None:
        recorded.append(data)
        await send(socket, data, compress)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aiohttp.ClientWebSocketResponse, "send_bytes", record)
        async with relay.terminal(own(relay, "tfc")):
            pass
    assert await refused_with(relay, recorded[0]) == POLICY


async def test_each_connection_gets_a_nonce_of_its_own_under_one_day_key(
    relay: RunningRelay,
) -> None:
    challenges = []
    for _ in range(2):
        async with (
            aiohttp.ClientSession() as http,
            http.ws_connect(f"{relay.url}/session") as socket,
        ):
            data = await socket.receive_bytes(timeout=PATIENCE)
            challenges.append(decode(data, Challenge, limit=1 << 16))
    one, two = challenges
    assert one.day_key == two.day_key
    assert one.nonce != two.nonce


async def test_a_silent_stranger_is_put_out(
    relay: RunningRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strangers, "HANDSHAKE_SECONDS", 0.05)
    assert await refused_with(relay) == POLICY


async def test_the_oldest_stranger_makes_room_for_the_newest(
    relay: RunningRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strangers, "MAX_STRANGERS", 2)
    monkeypatch.setattr(strangers, "HANDSHAKE_SECONDS", 3600.0)
    async with aiohttp.ClientSession() as http, AsyncExitStack() as stack:
        came = []
        for _ in range(3):
            socket = await stack.enter_async_context(
                http.ws_connect(f"{relay.url}/session")
            )
            await socket.receive_bytes(timeout=PATIENCE)
            came.append(socket)
        said = await came[0].receive(timeout=20.0)
        assert (said.type, came[0].close_code) == (aiohttp.WSMsgType.CLOSE, POLICY)
        # Whoever is in does not count, and the two that came last still can be.
        async with relay.terminal(own(relay, "tfc")) as tfc:
            await tfc.ask(Ask.KEY_LOG, KeyLog(start=0))
        assert not came[2].closed


async def test_a_request_that_is_no_websocket_is_refused(relay: RunningRelay) -> None:
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{relay.url}/session") as response,
    ):
        assert response.status == 400
        assert "Server" not in response.headers


# --- who is put out


async def test_a_revoked_terminal_loses_its_session_and_nobody_else_does(
    relay: RunningRelay,
) -> None:
    people = relay.ministry
    async with (
        relay.terminal(own(relay, "tfc")) as tfc,
        relay.terminal(own(relay, "bern")) as bern,
    ):
        leaf = people.restriction(own(relay, "tfc").key.id, by=people.operators["anna"])
        await relay.parts.relay.logs.append(leaf)
        assert await ended(tfc) == POLICY
        await bern.ask(Ask.KEY_LOG, KeyLog(start=0))


async def test_a_key_that_ends_during_its_handshake_gets_no_session(
    relay: RunningRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Directory, "admits", lambda *_: False)
    async with relay.terminal(own(relay, "tfc")) as tfc:
        assert await ended(tfc) == POLICY


async def test_a_second_session_of_a_terminal_ends_the_first(
    relay: RunningRelay,
) -> None:
    tfc = own(relay, "tfc")
    async with relay.terminal(tfc) as first, relay.terminal(tfc) as second:
        assert await ended(first) == POLICY
        await second.ask(Ask.KEY_LOG, KeyLog(start=0))
        assert len(relay.parts.relay.presence) == 1


async def test_when_the_relay_stops_every_session_is_told(relay: RunningRelay) -> None:
    async with relay.terminal(own(relay, "tfc")) as tfc:
        relay.parts.relay.presence.close()
        assert await ended(tfc) == aiohttp.WSCloseCode.GOING_AWAY
    async with relay.terminal(own(relay, "tfc")) as late:
        assert await ended(late) == aiohttp.WSCloseCode.GOING_AWAY


async def held(
    relay: RunningRelay, monkeypatch: pytest.MonkeyPatch
) -> tuple[asyncio.Event, asyncio.Event]:
    """Hold commits back; return when one has begun, and what lets it go on."""
    await relay.parts.relay.committer.drained()
    begun, go_on = asyncio.Event(), asyncio.Event()
    write_each = relay.parts.store.write_each

    async def slow(following: Next[object], done: Done[object]) -> None:
        begun.set()
        await go_on.wait()
        await write_each(following, done)

    monkeypatch.setattr(relay.parts.store, "write_each", slow)
    return begun, go_on


async def unanswered(terminal: TestTerminal, submit: Submit) -> None:
    with pytest.raises(ConnectionResetError):
        await terminal.submit(submit)


async def test_a_relay_that_stops_answers_what_it_has_taken_and_takes_no_more(
    relay: RunningRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    presence = relay.parts.relay.presence
    begun, go_on = await held(relay, monkeypatch)
    came, take = asyncio.Event(), Conversation._take  # noqa: SLF001 -- where it comes

    def taking(self: Conversation, effect: Effect) -> None:
        take(self, effect)
        if isinstance(effect, ObjectComplete) and presence._closing:  # noqa: SLF001 -- looked into
            came.set()

    monkeypatch.setattr(Conversation, "_take", taking)
    to = own(relay, "tfc").mailbox
    async with relay.terminal(own(relay, "bern")) as bern:
        async with asyncio.TaskGroup() as group:
            taken = group.create_task(bern.submit(submit_to(to, name="1")))
            await begun.wait()
            presence.close()
            gone = group.create_task(presence.gone())
            late = group.create_task(unanswered(bern, submit_to(to, name="2")))
            await came.wait()
            assert not any(task.done() for task in (gone, taken, late))
            go_on.set()
        assert await ended(bern) == aiohttp.WSCloseCode.GOING_AWAY
    assert relay.parts.relay.logs.size(LogName.MESSAGE) == 1 + taken.result().index


async def test_a_peer_that_takes_nothing_holds_up_no_relay_that_stops(
    relay: RunningRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation, "TICK", 0.01)
    monkeypatch.setattr(Line, "wake", lambda _: 0.0)
    begun, go_on = await held(relay, monkeypatch)
    async with relay.terminal(own(relay, "bern")) as bern:
        bern.line.offer(
            Kind.SUBMISSION,
            encode(submit_to(own(relay, "tfc").mailbox)),
            2,
            bern.now(),
        )
        await bern.flush()
        await begun.wait()
        relay.parts.relay.presence.close()
        monkeypatch.setattr(Line, "tick", lambda *_: (Stalled(),))
        assert await ended(bern) == POLICY
    go_on.set()


async def test_hostile_frames_end_the_session_and_nothing_else(
    relay: RunningRelay,
) -> None:
    async def text(terminal: TestTerminal) -> None:
        await terminal.socket.send_str("hello")

    async def junk(terminal: TestTerminal) -> None:
        await terminal.socket.send_bytes(bytes(1024))

    async def twice(terminal: TestTerminal) -> None:
        terminal.line.offer(Kind.REQUEST, b"x", 2, terminal.now())
        (cell,) = terminal.line.cells(terminal.now())
        await terminal.socket.send_bytes(cell)
        await terminal.socket.send_bytes(cell)

    async def no_request(terminal: TestTerminal) -> None:
        terminal.line.offer(Kind.REQUEST, b"junk", 2, terminal.now())
        await terminal.flush()

    async def unknown_ask(terminal: TestTerminal) -> None:
        request = bytearray(encode(Request(number=1, ask=Ask.NACK, body=b"")))
        request[request.index(Ask.NACK)] = 23
        terminal.line.offer(Kind.REQUEST, bytes(request), 2, terminal.now())
        await terminal.flush()

    for attack in (text, junk, twice, no_request, unknown_ask):
        async with (
            relay.terminal(own(relay, "tfc")) as attacker,
            relay.terminal(own(relay, "bern")) as bystander,
        ):
            await attack(attacker)
            assert await ended(attacker) == POLICY
            await bystander.ask(Ask.KEY_LOG, KeyLog(start=0))


async def test_attachments_are_not_taken_yet(relay: RunningRelay) -> None:
    async with relay.terminal(own(relay, "tfc")) as terminal:
        future = asyncio.Future[object]()
        terminal._stored[b"a" * 16] = future  # type: ignore[assignment]  # noqa: SLF001 -- looked into
        terminal.line.offer_streamed(
            Kind.ATTACHMENT_UP, b"a" * 16, 1000, 4, terminal.now()
        )
        await terminal.flush()
        with pytest.raises(RefusedError):
            async with asyncio.timeout(PATIENCE):
                await future


async def test_a_peer_that_makes_no_progress_is_put_out(
    relay: RunningRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    tfc, bern = own(relay, "tfc"), own(relay, "bern")
    monkeypatch.setattr(conversation, "TICK", 0.01)
    async with relay.terminal(tfc) as receiver:
        monkeypatch.setattr(Line, "tick", lambda *_: (Stalled(),))
        async with relay.terminal(bern):
            assert await ended(receiver) == POLICY


async def test_a_store_that_breaks_during_a_session_ends_the_process(
    relay: RunningRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_: object) -> None:
        raise StoreBrokenError("IOERR_READ")

    async with relay.terminal(own(relay, "tfc")) as terminal:
        monkeypatch.setattr(relay.parts.relay.logs, "entries", broken)
        with pytest.raises(ConnectionResetError):
            await terminal.ask(Ask.KEY_LOG, KeyLog(start=0))
    with pytest.raises(StoreBrokenError):
        await relay.parts.relay.failure
    relay.parts.relay.fail(StoreBrokenError("again"))  # the first one counts
