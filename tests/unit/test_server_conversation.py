"""What goes on in a session: submissions, deliveries, requests, notices."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from protocol.codec import decode, encode
from protocol.envelope import parse_envelope
from protocol.errors import ErrorCode
from protocol.line.frames import CloseReason
from protocol.nack import Gone, make_nack
from protocol.requests import (
    Acknowledge,
    Append,
    Appended,
    Ask,
    Entries,
    KeyLog,
    LogName,
    Nack,
    Offers,
    Prekeys,
    Stored,
    Submit,
)
from server.web import conversation
from tests.support.ministry import ministry
from tests.support.relay import (
    PATIENCE,
    RefusedError,
    RunningRelay,
    own,
    running,
    submit_to,
)

POLICY = aiohttp.WSCloseCode.POLICY_VIOLATION


@pytest.fixture
async def relay(tmp_path: Path) -> AsyncIterator[RunningRelay]:
    async with running(tmp_path, ministry()) as relay:
        yield relay


async def nothing_owed(relay: RunningRelay, post: str) -> None:
    """Wait until the last acknowledgement is durable."""
    services = relay.parts.relay
    key = own(relay, post).key.id
    terminal = services.directory.terminal(key, services.clock.wall())
    async with asyncio.timeout(PATIENCE):
        while await services.mailbox.owed(  # noqa: ASYNC110 -- no event says so
            terminal, skip=(), lane=4, limit=1
        ):
            await asyncio.sleep(0.01)


async def test_a_submission_can_come_as_a_request_too(relay: RunningRelay) -> None:
    tfc, bern = own(relay, "tfc"), own(relay, "bern")
    async with relay.terminal(bern) as sender, relay.terminal(tfc) as receiver:
        body = await sender.ask(Ask.SUBMIT, submit_to(tfc.mailbox))
        stored = decode(body, Stored)
        place = await sender.submit(submit_to(tfc.mailbox))
        assert (place.index, place.leaf) == (stored.index, stored.leaf)
        assert (await receiver.delivered()).index == stored.index


async def test_what_is_not_acknowledged_comes_again_and_else_not(
    relay: RunningRelay,
) -> None:
    tfc, bern = own(relay, "tfc"), own(relay, "bern")
    async with relay.terminal(bern) as sender:
        for name in "ab":
            await sender.submit(submit_to(tfc.mailbox, name=name))
    async with relay.terminal(tfc) as receiver:
        receiver.acknowledge = False
        came = [await receiver.delivered() for _ in range(2)]
        assert [one.cursor for one in came] == [1, 2]
        await receiver.ask(Ask.ACKNOWLEDGE, Acknowledge(cursors=(1,)))
    async with relay.terminal(tfc) as receiver:
        assert (await receiver.delivered()).cursor == 2
        await receiver.ask(Ask.KEY_LOG, KeyLog(start=0))  # the ACK went before it
        await nothing_owed(relay, "tfc")
    async with relay.terminal(tfc) as receiver:
        await receiver.ask(Ask.KEY_LOG, KeyLog(start=0))
        assert receiver.deliveries.empty()


async def test_a_flash_overtakes_what_fills_the_window(
    relay: RunningRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation, "WINDOW", 2)
    monkeypatch.setattr(conversation, "FETCH", 2)
    tfc, bern = own(relay, "tfc"), own(relay, "bern")
    async with relay.terminal(bern) as sender, relay.terminal(tfc) as receiver:
        receiver.acknowledge = False
        for name in "abcd":
            await sender.submit(submit_to(tfc.mailbox, name=name), lane=3)
        await receiver.delivered()
        await sender.submit(submit_to(tfc.mailbox, name="flash"), lane=0)
        lanes = [(await receiver.delivered()).index for _ in range(2)]
        assert 4 in lanes


async def test_a_submission_that_is_refused_closes_its_stream_with_a_reason(
    relay: RunningRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with relay.terminal(own(relay, "bern")) as sender:
        with pytest.raises(RefusedError) as refused:
            await sender.submit(Submit(envelope=b"junk", commitment=bytes(32)))
        assert refused.value.code == CloseReason.NOT_WANTED
        monkeypatch.setattr("server.services.commit.MAX_WAITING", 0)
        with pytest.raises(RefusedError) as refused:
            await sender.submit(submit_to(own(relay, "tfc").mailbox))
        assert refused.value.code == CloseReason.BUSY


async def test_more_work_than_a_session_may_have_is_busy(
    relay: RunningRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation, "MAX_ASKED", 0)
    async with relay.terminal(own(relay, "bern")) as sender:
        with pytest.raises(RefusedError) as refused:
            await sender.submit(submit_to(own(relay, "tfc").mailbox))
        assert refused.value.code == CloseReason.BUSY
        with pytest.raises(RefusedError) as refused:
            await sender.ask(Ask.KEY_LOG, KeyLog(start=0))
        assert refused.value.code == ErrorCode.BUSY


async def test_every_request_is_answered_by_a_body_or_a_code(
    relay: RunningRelay,
) -> None:
    people = relay.ministry
    async with relay.terminal(own(relay, "bern")) as terminal:
        entries = decode(
            await terminal.ask(Ask.KEY_LOG, KeyLog(start=0)), Entries, limit=1 << 22
        )
        assert list(entries.entries) == people.leaves
        body = await terminal.ask(
            Ask.PREKEYS, Prekeys(terminals=(own(relay, "tfc").key.id,))
        )
        assert len(decode(body, Offers).missing) == 1
        leaf = people.restriction(own(relay, "tfc").key.id, by=people.operators["anna"])
        body = await terminal.ask(Ask.APPEND, Append(entry=leaf))
        assert decode(body, Appended).index == len(people.leaves)
        for ask, body_ in (
            (Ask.APPEND, Append(entry=b"junk")),
            (Ask.SUBMIT, KeyLog(start=0)),
            (
                Ask.NACK,
                Nack(nack=b"n", signatures=(), mailbox=own(relay, "tfc").mailbox),
            ),
        ):
            with pytest.raises(RefusedError):
                await terminal.ask(ask, body_)


async def test_an_answer_that_would_be_too_large_is_a_code(
    relay: RunningRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.web.dispatch.MAX_ENVELOPE", 100)
    async with relay.terminal(own(relay, "bern")) as terminal:
        with pytest.raises(RefusedError) as refused:
            await terminal.ask(Ask.KEY_LOG, KeyLog(start=0))
        assert refused.value.code == ErrorCode.MALFORMED


async def test_a_nack_reaches_the_depositor_at_once_and_in_its_next_session(
    relay: RunningRelay,
) -> None:
    tfc, bern = own(relay, "tfc"), own(relay, "bern")
    async with relay.terminal(bern) as sender, relay.terminal(tfc) as receiver:
        await sender.submit(submit_to(tfc.mailbox))
        split = parse_envelope((await receiver.delivered()).envelope)
        made = make_nack(
            split,
            Gone.USED,
            gone={split.wraps[0].kid},
            key=tfc.key,
            realm=relay.ministry.realm,
        )
        nack = Nack(
            nack=made.document, signatures=(made.signature,), mailbox=made.mailbox
        )
        await receiver.ask(Ask.NACK, nack)
        notice = await sender.noticed()
        while notice.nack is None:
            notice = await sender.noticed()
        assert notice.nack == encode(nack)
    async with relay.terminal(bern) as sender:
        notice = await sender.noticed()
        while notice.nack is None:
            notice = await sender.noticed()
        assert notice.nack == encode(nack)


async def test_a_notice_tells_when_the_own_leaf_can_be_proven(
    relay: RunningRelay,
) -> None:
    tfc, bern = own(relay, "tfc"), own(relay, "bern")
    async with relay.terminal(bern) as sender:
        place = await sender.submit(submit_to(tfc.mailbox))
        notice = await sender.noticed()
        while notice.message_log <= place.index:
            notice = await sender.noticed()
        assert notice.message_log <= relay.parts.relay.logs.published(LogName.MESSAGE)
