"""Terminals that are let in and then take nothing: closed by the clock, and really.

The relay's clock is ours, so nothing here waits for half a minute.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from protocol.line.effects import AUTO
from protocol.requests import Ask, KeyLog
from server.clock import SystemClock
from server.web import conversation
from tests.support.ministry import ministry
from tests.support.polling import Polling, shaken
from tests.support.relay import PATIENCE, RunningRelay, own, running, submit_to

SIZE = 200_000  # bytes of an envelope: more than a socket takes at once
ENVELOPES = 12
SOON = 20.0  # seconds: before an unanswered ping or unasked cells end it (30 s)


class Clock(SystemClock):
    """Monotonic time that a test moves on."""

    later = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.later


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def relay(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[RunningRelay]:
    monkeypatch.setattr(conversation, "TICK", 0.01)
    async with running(tmp_path, ministry(), clock=clock) as relay:
        yield relay


def is_in(relay: RunningRelay) -> bool:
    return own(relay, "tfc").key.id in relay.parts.relay.presence.terminals()


async def until_it_is(relay: RunningRelay, *, there: bool) -> None:
    async with asyncio.timeout(SOON):
        while is_in(relay) is not there:  # noqa: ASYNC110 -- no event says so
            await asyncio.sleep(0.01)


async def looked(relay: RunningRelay) -> None:
    """Return when each session has looked at the clock since now."""
    await asyncio.sleep(10 * conversation.TICK)
    async with relay.terminal(own(relay, "bern")) as other:
        await other.ask(Ask.KEY_LOG, KeyLog(start=0))


@pytest.mark.parametrize("many", [False, True], ids=["reads-nothing", "full-sockets"])
async def test_a_peer_that_reads_nothing_is_closed_in_thirty_seconds(
    relay: RunningRelay, clock: Clock, monkeypatch: pytest.MonkeyPatch, *, many: bool
) -> None:
    if many:  # as if no credit held it back: writing itself is stuck
        monkeypatch.setattr("protocol.line.credit.Credit.allows", lambda *_, **__: True)
    tfc, bern = own(relay, "tfc"), own(relay, "bern")
    async with relay.terminal(bern) as sender:
        for number in range(ENVELOPES if many else 1):
            submit = submit_to(tfc.mailbox, name=str(number), size=SIZE)
            await sender.submit(submit, lane=3)
    async with deaf(relay) as transport:
        await until_it_is(relay, there=True)
        clock.later += AUTO.stall - 5.0
        await looked(relay)
        assert is_in(relay)
        clock.later += 10.0
        await until_it_is(relay, there=False)
        # Not only forgotten: the connection has ended too.
        transport.resume_reading()
        async with asyncio.timeout(PATIENCE):
            while not transport.is_closing():  # noqa: ASYNC110 -- no event says so
                await asyncio.sleep(0.01)


@asynccontextmanager
async def deaf(relay: RunningRelay) -> AsyncIterator[asyncio.Transport]:
    """Connect a terminal that proves itself and then reads no byte more."""

    async def nothing() -> None:
        """Answer nothing either, when what was on its way comes out at last."""

    async with relay.terminal(own(relay, "tfc")) as terminal:
        terminal.flush = nothing  # type: ignore[method-assign]
        connection = terminal.socket._conn  # noqa: SLF001 -- aiohttp has no door to it
        assert connection is not None
        transport = connection.transport
        assert isinstance(transport, asyncio.Transport)
        transport.pause_reading()
        yield transport


async def test_a_peer_that_polls_and_never_counts_is_closed_too(
    relay: RunningRelay, clock: Clock
) -> None:
    async with aiohttp.ClientSession() as client:
        polling = Polling(client, relay.url)
        name = await shaken(polling, relay.ministry, own(relay, "tfc").key)
        status, cells = await polling.post("/down", name, b"", 0)
        assert (status, bool(cells)) == (200, True)
        clock.later += AUTO.stall + 5.0
        await until_it_is(relay, there=False)
        assert (await polling.post("/down", name, b"", 1))[0] == 404
