"""A path that passes HTTPS requests and no WebSocket: the same session, all the same.

The terminal's real end, a front that holds the relay's certificate, the real relay.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from client.net import link as link_module
from client.net import poll as poll_module
from client.net.link import Link
from client.net.transport import LinkError
from protocol.codec import decode, encode
from protocol.handshake import RootRelay
from protocol.line.effects import (
    Effect,
    ObjectAccepted,
    ObjectAcknowledged,
    ObjectComplete,
    Side,
)
from protocol.line.frames import Kind
from protocol.line.machine import Line
from protocol.requests import Answer, Ask, Delivery, Entries, KeyLog, Request
from server.web import handshake
from server.web import poll as poll_routes
from tests.support.front import PIN, Front, certified, front
from tests.support.keys import drawn
from tests.support.ministry import ministry
from tests.support.relay import PATIENCE, RunningRelay, own, running, submit_to

UP, DOWN, HELLO = "/session/up", "/session/down", "/session/hello"


class Clock:
    """Monotonic time that a test may move on."""

    def __init__(self) -> None:
        self.later = 0.0

    def wall(self) -> int:
        return 0

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time() + self.later


@dataclass
class Terminal:
    """What its link brought."""

    line: Line = field(default_factory=lambda: Line(Side.TERMINAL))
    clock: Clock = field(default_factory=Clock)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    came: asyncio.Queue[Effect] = field(default_factory=asyncio.Queue)

    def connected(self) -> None:
        self.open.set()

    def effect(self, effect: Effect) -> None:
        if isinstance(effect, ObjectComplete) and effect.kind is Kind.DELIVERY:
            self.line.stored(effect.id)
        if not isinstance(effect, ObjectComplete) or effect.kind is not Kind.NOTICE:
            self.came.put_nowait(effect)

    def turn(self) -> None:
        pass

    def feed(self) -> None:
        pass

    async def next(self) -> Effect:
        async with asyncio.timeout(PATIENCE):
            return await self.came.get()


@pytest.fixture
async def relay(tmp_path: Path) -> AsyncIterator[RunningRelay]:
    async with running(tmp_path, ministry()) as relay:
        yield relay


@pytest.fixture
async def before(relay: RunningRelay, tmp_path: Path) -> AsyncIterator[Front]:
    async with front(relay.url, certified(tmp_path)) as made:
        yield made


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poll_module, "PAUSE", 0.0)
    monkeypatch.setattr("server.web.exchange.HOLD", 0.5)  # so that nothing lingers


@asynccontextmanager
async def connected(
    relay: RunningRelay, before: Front, post: str = "bern"
) -> AsyncIterator[tuple[Terminal, Link]]:
    terminal = Terminal()
    link = Link(terminal.line, terminal, terminal.clock, drawn(f"link/{post}"))
    async with asyncio.TaskGroup() as group:
        running_ = group.create_task(run(link, relay, before, post))
        async with asyncio.timeout(PATIENCE):
            await terminal.open.wait()
        yield terminal, link
        running_.cancel()


async def run(
    link: Link, relay: RunningRelay, before: Front, post: str = "bern"
) -> LinkError:
    people = relay.ministry
    known = RootRelay(people.relay.verify_key, people.suite, people.realm)
    try:
        await link.run(f"wss://{before.address}", PIN, known, own(relay, post).key, 0)
    except LinkError as error:
        return error
    raise AssertionError("a link ends by an error")


def ask(terminal: Terminal, link: Link, number: int = 1) -> None:
    request = Request(number=number, ask=Ask.KEY_LOG, body=encode(KeyLog(start=0)))
    now = terminal.clock.monotonic()
    terminal.line.offer(Kind.REQUEST, encode(request), 2, now)
    link.nudge()


async def answered(terminal: Terminal, link: Link, number: int = 1) -> int:
    """Ask for the key log; return how many entries came."""
    ask(terminal, link, number)
    effect = await terminal.next()
    assert isinstance(effect, ObjectComplete)
    answer = decode(effect.content, Answer, limit=1 << 20)
    assert answer.number == number
    return len(decode(answer.body, Entries, limit=1 << 20).entries)


async def test_a_refused_upgrade_becomes_requests_with_the_same_session(
    relay: RunningRelay, before: Front
) -> None:
    async with connected(relay, before) as (terminal, link):
        assert await answered(terminal, link) == len(relay.ministry.leaves)
        # A deposit gets its place and its acknowledgement, as over a WebSocket.
        submit = submit_to(own(relay, "tfc").mailbox)
        now = terminal.clock.monotonic()
        terminal.line.offer(Kind.SUBMISSION, encode(submit), 2, now)
        link.nudge()
        assert isinstance(await terminal.next(), ObjectAccepted)
        assert isinstance(await terminal.next(), ObjectAcknowledged)
    assert before.upgrades == 1
    async with connected(relay, before, "tfc") as (receiver, _):
        effect = await receiver.next()
        assert isinstance(effect, ObjectComplete)
        came = decode(effect.content, Delivery, limit=1 << 20)
        assert submit.commitment is not None
        assert came.index == 0


async def test_an_upgrade_that_passes_and_carries_nothing_counts_as_refused(
    relay: RunningRelay, before: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    before.swallow = True
    monkeypatch.setattr(link_module, "QUIET", 1.0)
    async with connected(relay, before) as (terminal, link):
        await answered(terminal, link)


async def test_lost_answers_and_doubled_requests_change_nothing(
    relay: RunningRelay, before: Front
) -> None:
    async with connected(relay, before) as (terminal, link):
        entries = await answered(terminal, link, 1)
        for number, (lose, double) in enumerate(
            [((UP,), ()), ((DOWN,), ()), ((), (UP,)), ((UP, DOWN), (UP,))], 2
        ):
            before.lose.update(lose)
            before.double.update(double)
            assert await answered(terminal, link, number) == entries
        assert terminal.line.connected
        assert len(relay.parts.relay.presence) == 1
    assert not +before.lose
    assert not +before.double
    assert [status for path, status in before.seen if path == HELLO] == [200]


async def test_a_lost_ready_is_a_cut_and_a_new_handshake_works(
    relay: RunningRelay, before: Front
) -> None:
    before.lose[HELLO] = 1
    terminal = Terminal()
    link = Link(terminal.line, terminal, terminal.clock, drawn("lost"))
    assert (await run(link, relay, before)).alarm is False
    async with connected(relay, before) as (again, second):
        await answered(again, second)


async def test_what_worked_is_remembered_and_then_a_websocket_is_tried_again(
    relay: RunningRelay, before: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    link = Link(terminal.line, terminal, terminal.clock, drawn("remembers"))

    async def once() -> None:
        terminal.open.clear()
        async with asyncio.TaskGroup() as group:
            task = group.create_task(run(link, relay, before))
            await terminal.open.wait()
            task.cancel()

    named: list[str] = []

    def begin(*given: object) -> object:
        named.append(str(given[1]))
        return handshake.begin(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(poll_routes, "begin", begin)
    assert link.day_key == ""
    await once()
    await once()
    assert before.upgrades == 1
    assert named == ["", link.day_key]  # the second time without the day key
    terminal.clock.later = link_module.REMEMBERED
    await once()
    assert before.upgrades == 2


async def test_a_changed_cell_ends_the_session_on_both_sides(
    relay: RunningRelay, before: Front
) -> None:
    def spoil(path: str, body: bytes) -> bytes:
        return body[:-1] + bytes([body[-1] ^ 1]) if path == UP else body

    terminal = Terminal()
    link = Link(terminal.line, terminal, terminal.clock, drawn("spoilt"))
    async with asyncio.TaskGroup() as group:
        task = group.create_task(run(link, relay, before))
        await terminal.open.wait()
        before.change = spoil
        ask(terminal, link)
        async with asyncio.timeout(PATIENCE):
            error = await task
    assert error.alarm is False
    assert len(relay.parts.relay.presence) == 0


async def test_a_relay_that_stops_answers_every_request(
    relay: RunningRelay, before: Front
) -> None:
    terminal = Terminal()
    link = Link(terminal.line, terminal, terminal.clock, drawn("stops"))
    async with asyncio.TaskGroup() as group:
        task = group.create_task(run(link, relay, before))
        await terminal.open.wait()
        relay.parts.relay.presence.close()
        async with asyncio.timeout(PATIENCE):
            assert (await task).alarm is False


async def test_an_answer_that_is_no_cells_or_without_end_is_a_cut(
    relay: RunningRelay, before: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.web.poll.bundle", lambda _: b"\x05short")
    async with connected(relay, before) as (terminal, link):
        ask(terminal, link)
        await until_cut(terminal)
    monkeypatch.setattr(poll_module, "MAX_BODY", 10)
    terminal = Terminal()
    link = Link(terminal.line, terminal, terminal.clock, drawn("endless"))
    assert (await run(link, relay, before)).alarm is False
    assert not terminal.open.is_set()


async def until_cut(terminal: Terminal) -> None:
    async with asyncio.timeout(PATIENCE):
        while terminal.line.connected:  # noqa: ASYNC110 -- no event says so
            await asyncio.sleep(0.01)
