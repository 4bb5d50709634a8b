"""``POST /session...`` as a stranger and a clumsy terminal use it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path

import aiohttp
import pytest

from crypto.session import hello_size
from crypto.suite import SuiteId
from protocol.errors import UnexpectedMessageError
from protocol.line.cells import MAX_BODY, MAX_BUNDLE, SHORT, bundle
from protocol.line.machine import Line
from server.storage.interfaces import StoreBrokenError
from server.web import exchange as exchange_module
from server.web import poll, strangers
from server.web.conversation import Conversation
from server.web.exchange import Exchange
from server.web.handshake import MAX_HELLO
from server.web.public import public_app
from tests.support.keys import signing_key
from tests.support.ministry import ministry
from tests.support.polling import Polling, shaken
from tests.support.relay import PATIENCE, RunningRelay, own, running, served

JUNK = bundle([bytes(SHORT)])


@pytest.fixture
async def relay(tmp_path: Path) -> AsyncIterator[RunningRelay]:
    async with running(tmp_path, ministry()) as relay:
        yield relay


@pytest.fixture
async def polling(relay: RunningRelay) -> AsyncIterator[Polling]:
    async with aiohttp.ClientSession() as client:
        yield Polling(client, relay.url)


async def gone(relay: RunningRelay) -> None:
    async with asyncio.timeout(PATIENCE):
        while len(relay.parts.relay.presence):  # noqa: ASYNC110 -- no event says so
            await asyncio.sleep(0.01)


async def test_a_hello_of_nobody_and_a_session_of_nobody_get_one_answer(
    relay: RunningRelay, polling: Polling
) -> None:
    size = hello_size(SuiteId.S1)
    for hello in (b"junk", bytes(size), bytes(size + 1)):
        name, _ = await polling.begin()
        assert (await polling.post("/hello", name, hello))[0] == 404
        assert (await polling.post("/hello", name, hello))[0] == 404  # spent
    stranger = signing_key(SuiteId.S1, "stranger")
    with pytest.raises(LookupError):
        await shaken(polling, relay.ministry, stranger)
    for path in ("/hello", "/up", "/down"):
        assert (await polling.post(path, "00" * 16, b""))[0] == 404
        assert (await polling.post(path, None, b""))[0] == 404


async def test_a_proven_terminal_has_one_session_and_one_hello(
    relay: RunningRelay, polling: Polling
) -> None:
    key = own(relay, "tfc").key
    first = await shaken(polling, relay.ministry, key)
    assert (await polling.post("/hello", first, b"again"))[0] == 404
    assert len(relay.parts.relay.presence) == 1
    await shaken(polling, relay.ministry, key)
    async with asyncio.timeout(PATIENCE):  # it was replaced
        while (await polling.post("/down", first, b"", 0))[0] != 404:  # noqa: ASYNC110 -- no event says so
            await asyncio.sleep(0.01)
    assert len(relay.parts.relay.presence) == 1


async def test_what_is_no_number_no_body_or_too_large_is_refused(
    relay: RunningRelay, polling: Polling
) -> None:
    key = own(relay, "tfc").key
    name = await shaken(polling, relay.ministry, key)
    for number in (None, "", "-1", "1.0", "+1", "9" * 16):
        assert (await polling.post("/up", name, JUNK, number))[0] == 400
        assert (await polling.post("/down", name, b"", number))[0] == 400
    assert (await polling.post("/up", name, bytes(MAX_BODY + 1), 0))[0] == 413
    begun, _ = await polling.begin()
    assert (await polling.post("/hello", begun, bytes(MAX_HELLO + 1)))[0] == 413

    async def drip() -> AsyncIterator[bytes]:
        yield JUNK

    assert (await polling.post("/up", name, drip(), 0))[0] == 411


@pytest.mark.parametrize(
    ("path", "body", "number"),
    [("/up", JUNK, 1), ("/up", b"\x01", 0), ("/down", b"", 40)],
)
async def test_a_hole_in_the_count_or_no_whole_cells_end_the_session(
    relay: RunningRelay, polling: Polling, path: str, body: bytes, number: int
) -> None:
    name = await shaken(polling, relay.ministry, own(relay, "tfc").key)
    assert (await polling.post(path, name, body, number))[0] == 400
    await gone(relay)
    assert (await polling.post("/down", name, b"", 0))[0] == 404


async def test_requests_at_once_have_an_end_and_who_ends_makes_room() -> None:
    exchange = Exchange()
    with ExitStack() as parked:
        for _ in range(exchange_module.MAX_ASKING):
            parked.enter_context(exchange.asked())
        with pytest.raises(UnexpectedMessageError), exchange.asked():
            pass
    with exchange.asked():
        pass
    exchange.close()


@pytest.mark.parametrize("path", ["/up", "/down"])
async def test_more_requests_than_any_terminal_has_end_the_session(
    relay: RunningRelay, polling: Polling, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = await shaken(polling, relay.ministry, own(relay, "tfc").key)
    monkeypatch.setattr(exchange_module, "MAX_ASKING", 0)
    assert (await polling.post(path, name, JUNK, 0))[0] == 400
    await gone(relay)


async def test_a_cell_that_does_not_open_ends_the_session(
    relay: RunningRelay, polling: Polling
) -> None:
    name = await shaken(polling, relay.ministry, own(relay, "tfc").key)
    await polling.post("/up", name, JUNK, 0)
    await gone(relay)
    assert (await polling.post("/up", name, JUNK, 1))[0] == 404


async def test_a_body_that_does_not_come_is_not_waited_for(
    relay: RunningRelay, polling: Polling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poll, "BODY_SECONDS", 0.05)
    name = await shaken(polling, relay.ministry, own(relay, "tfc").key)
    host, _, port = relay.url.removeprefix("http://").rpartition(":")
    head = (
        f"POST /session/up HTTP/1.1\r\nHost: x\r\nKoerier-Session: {name}\r\n"
        "Koerier-Cell: 0\r\nContent-Length: 257\r\n\r\n"
    )
    for more in (b"", b"half"):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(head.encode() + more)
        if more:
            writer.write_eof()
        async with asyncio.timeout(PATIENCE):
            status = (await reader.readline()).split()[1:2]
        writer.close()
        assert status in ([b"408"], [])  # who hung up is told nothing
    assert len(relay.parts.relay.presence) == 1


async def test_begun_handshakes_are_forgotten_in_time_and_number(
    relay: RunningRelay, polling: Polling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poll, "MAX_STRANGERS", 2)
    names = [(await polling.begin())[0] for _ in range(3)]
    hello = bytes(hello_size(SuiteId.S1))
    routes = [(await polling.post("/hello", name, hello))[0] for name in names]
    assert routes == [404] * 3
    monkeypatch.setattr(poll, "HANDSHAKE_SECONDS", 0.01)
    name, challenge = await polling.begin()
    await asyncio.sleep(0.05)
    with pytest.raises(LookupError):
        await shaken(
            polling, relay.ministry, own(relay, "tfc").key, begun=(name, challenge)
        )
    assert strangers.MAX_STRANGERS == 1024


async def test_a_terminal_that_asks_no_more_is_gone(
    relay: RunningRelay, polling: Polling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange_module, "HOLD", 0.2)
    monkeypatch.setattr(Line, "tick", lambda *_: ())  # nor does it stall
    name = await shaken(polling, relay.ministry, own(relay, "tfc").key)
    monkeypatch.setattr(exchange_module, "QUIET", 0.05)
    status, _ = await polling.post("/down", name, b"", 0)  # longer than QUIET
    assert status in {200, 204}
    await gone(relay)
    assert (await polling.post("/down", name, b"", 0))[0] == 404


async def test_a_fault_in_one_session_ends_no_other(
    relay: RunningRelay, polling: Polling, monkeypatch: pytest.MonkeyPatch
) -> None:
    bern = await shaken(polling, relay.ministry, own(relay, "bern").key)

    async def fails(_: Conversation) -> None:
        raise ValueError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr(Conversation, "run", fails)
        tfc = await shaken(polling, relay.ministry, own(relay, "tfc").key)
        assert (await polling.post("/down", tfc, b"", 0))[0] == 404
    status, _ = await polling.post("/down", bern, b"", 0)
    assert status == 200


async def test_a_store_that_breaks_ends_the_process(
    relay: RunningRelay, polling: Polling, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(_: Conversation) -> None:
        raise StoreBrokenError("IOERR_READ")

    monkeypatch.setattr(Conversation, "run", fails)
    await shaken(polling, relay.ministry, own(relay, "tfc").key)
    with pytest.raises(StoreBrokenError):
        await relay.parts.relay.failure


async def test_no_session_begins_when_the_listener_has_stopped(
    relay: RunningRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    routes: list[poll.PollRoutes] = []
    add = poll.PollRoutes.add

    def keep(self: poll.PollRoutes, app: aiohttp.web.Application) -> None:
        routes.append(self)
        add(self, app)

    monkeypatch.setattr(poll.PollRoutes, "add", keep)
    async with (
        served(public_app(relay.parts.relay)) as url,
        aiohttp.ClientSession() as client,
    ):
        routes[0]._conversations = None  # noqa: SLF001 -- as between two requests
        key = own(relay, "tfc").key
        with pytest.raises(LookupError):
            await shaken(Polling(client, url), relay.ministry, key)
    assert len(relay.parts.relay.presence) == 0


# --- the exchange alone


def cell(number: int) -> bytes:
    return bytes([number]) * SHORT


async def test_cells_are_taken_once_and_in_order() -> None:
    exchange = Exchange()
    taken: list[bytes | None] = []

    async def conversation() -> None:
        while (came := await exchange.receive()) is not None:
            taken.append(came)

    async with asyncio.TaskGroup() as group:
        group.create_task(conversation())
        assert await exchange.up(0, [cell(0), cell(1)])
        assert await exchange.up(0, [cell(0), cell(1)])  # again, by a proxy
        assert await exchange.up(1, [cell(1), cell(2)])  # half of it is news
        with pytest.raises(UnexpectedMessageError):
            await exchange.up(4, [cell(4)])
        exchange.close()
    assert taken == [cell(0), cell(1), cell(2)]
    assert await exchange.up(3, [cell(3)]) is False


async def test_a_second_body_waits_until_the_first_is_taken() -> None:
    exchange = Exchange()
    async with asyncio.TaskGroup() as group:
        one = group.create_task(exchange.up(0, [cell(0)]))
        two = group.create_task(exchange.up(1, [cell(1)]))
        assert [await exchange.receive(), await exchange.receive()] == [
            cell(0),
            cell(1),
        ]
        assert await one
        assert not two.done()
        exchange.close()
    assert two.result() is False


async def test_what_did_not_arrive_is_answered_again_and_what_did_is_forgotten() -> (
    None
):
    exchange = Exchange()
    for number in range(3):
        await exchange.send(cell(number))
    assert await exchange.down(0) == (cell(0), cell(1), cell(2))
    assert await exchange.down(0) == (cell(0), cell(1), cell(2))
    assert await exchange.down(2) == (cell(2),)
    for wrong in (1, 4):  # forgotten; not yet there
        with pytest.raises(UnexpectedMessageError):
            await exchange.down(wrong)
    exchange.close()
    assert await exchange.down(2) is None


async def test_only_the_newest_request_gets_cells() -> None:
    exchange = Exchange()
    async with asyncio.TaskGroup() as group:
        old = group.create_task(exchange.down(0))
        await asyncio.sleep(0)
        new = group.create_task(exchange.down(0))
        await asyncio.sleep(0)
        await exchange.send(cell(0))
    assert (old.result(), new.result()) == ((), (cell(0),))
    exchange.close()


async def test_no_more_than_one_body_is_kept_for_a_terminal_that_does_not_ask() -> None:
    exchange = Exchange()
    for number in range(MAX_BUNDLE):
        await exchange.send(cell(number))
    async with asyncio.TaskGroup() as group:
        over = group.create_task(exchange.send(cell(MAX_BUNDLE)))
        await asyncio.sleep(0)
        assert not over.done()
        assert await exchange.down(1) == tuple(map(cell, range(1, MAX_BUNDLE)))
        await over
    late = asyncio.gather(exchange.send(cell(0)), return_exceptions=True)
    await asyncio.sleep(0)
    exchange.close()
    (refused,) = await late
    assert isinstance(refused, ConnectionResetError)
