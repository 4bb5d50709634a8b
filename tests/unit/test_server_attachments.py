"""Attachments at the relay: taken in parts, checked by name, for whom they are."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from crypto.digest import H
from crypto.types import Digest, Mailbox
from protocol.errors import ErrorCode
from protocol.line.frames import CloseReason, Kind
from protocol.line.lanes import BULK
from protocol.line.outbound import UNCONFIRMED
from protocol.requests import Announce
from server.services.attachments import AttachmentService, BlobCounts
from server.storage.interfaces import Tables
from server.web import attachments
from tests.support.blobs import Mover
from tests.support.keys import stretched
from tests.support.ministry import ministry
from tests.support.relay import (
    PATIENCE,
    RefusedError,
    RunningRelay,
    ended,
    own,
    running,
)

BLOB = stretched("blob", 300_000)
NAME = H(BLOB)
SHORT = NAME[:16]
FENCE = stretched("fence", 1_000)


@pytest.fixture
async def relay(tmp_path: Path) -> AsyncIterator[RunningRelay]:
    async with running(tmp_path, ministry()) as relay:
        yield relay


def service(relay: RunningRelay) -> AttachmentService:
    return relay.parts.relay.attachments


def limited(running_: RunningRelay, /, **limits: int) -> None:
    blobs = service(running_)
    blobs._limits = replace(blobs._limits, **limits)  # noqa: SLF001 -- as configured


async def bytes_kept(relay: RunningRelay) -> int:
    async def work(tables: Tables) -> int:
        return sum([len(await tables.blobs.read(n, 0, 1 << 30)) for n in range(1, 9)])

    return await relay.parts.store.read(work)


@pytest.fixture
def one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attachments, "AT_ONCE", 1)


async def fenced(sender: Mover, receiver: Mover, mailbox: Mailbox) -> None:
    """Let a blob come that was announced after all others.

    Blobs go out in the order they were announced, with `one_at_a_time` one after the
    other: another one that was to come has come, and was counted.
    """
    await sender.announce(FENCE, [mailbox])
    await sender.upload(FENCE)
    assert await receiver.download(H(FENCE)) == FENCE


async def test_a_blob_comes_to_whom_it_is_for(relay: RunningRelay) -> None:
    tfc, bern = own(relay, "tfc"), own(relay, "bern")
    async with relay.terminal(bern) as sender, relay.terminal(tfc) as receiver:
        up, down = Mover(sender), Mover(receiver)
        waiting = await down.fetch(NAME)  # before anybody spoke of it
        assert await up.announce(BLOB, [tfc.mailbox]) == 0
        await up.upload(BLOB)
        assert await up.announce(BLOB, [tfc.mailbox]) == len(BLOB)
        async with asyncio.timeout(PATIENCE):
            await waiting
        assert down.have[SHORT] == BLOB
    assert service(relay).counts == BlobCounts(taken=len(BLOB), whole=1)


@pytest.mark.usefixtures("one_at_a_time")
async def test_it_comes_to_nobody_else(relay: RunningRelay) -> None:
    """Its name is no secret between those who may read it, and opens nothing here."""
    tfc, bern = own(relay, "tfc"), own(relay, "bern")
    async with relay.terminal(bern) as sender, relay.terminal(tfc) as receiver:
        up = Mover(sender)
        await up.announce(BLOB, [tfc.mailbox])
        await up.upload(BLOB)
        await up.fetch(NAME)  # not even to its depositor
        down = Mover(receiver)
        assert await down.download(NAME) == BLOB
        await fenced(down, up, bern.mailbox)
        assert up.received == len(FENCE)
        await up.fetch(H(b"nothing"))  # there, for others or unknown: one answer


async def test_a_cut_costs_what_was_not_durable_and_no_more(
    relay: RunningRelay,
) -> None:
    tfc, bern = own(relay, "tfc"), own(relay, "bern")
    async with relay.terminal(bern) as sender:
        up = Mover(sender)
        await up.announce(BLOB, [tfc.mailbox])
        up.offer(BLOB)
        await sender.flush()
        async with asyncio.timeout(PATIENCE):
            while not up.acknowledged:  # noqa: ASYNC110 -- no event says so
                await asyncio.sleep(0.01)
        before = up.acknowledged
    async with relay.terminal(bern) as sender:
        again = Mover(sender)
        durable = await again.announce(BLOB, [tfc.mailbox])
        assert durable >= before
        if durable < len(BLOB):  # the cut may come when all of it was there
            await again.upload(BLOB)
        assert again.sent == len(BLOB) - durable
        assert up.sent - durable <= UNCONFIRMED
    have: dict[bytes, bytearray] = {}
    async with relay.terminal(tfc) as receiver:
        down = Mover(receiver, have)
        await down.fetch(NAME)
        async with asyncio.timeout(PATIENCE):
            while not down.received:  # noqa: ASYNC110 -- no event says so
                await asyncio.sleep(0.01)
    begun = len(have[SHORT])
    async with relay.terminal(tfc) as receiver:
        down = Mover(receiver, have)
        assert await down.download(NAME) == BLOB
        assert down.received == len(BLOB) - begun


@pytest.mark.usefixtures("one_at_a_time")
async def test_bytes_of_another_name_are_thrown_away(relay: RunningRelay) -> None:
    tfc, bern = own(relay, "tfc"), own(relay, "bern")
    async with relay.terminal(bern) as sender, relay.terminal(tfc) as receiver:
        up, down = Mover(sender), Mover(receiver)
        waiting = await down.fetch(NAME)
        await up.announce(BLOB, [tfc.mailbox])
        with pytest.raises(RefusedError) as refused:
            await up.upload(BLOB[:-1] + b"!", NAME)
        assert refused.value.code == CloseReason.NOT_WANTED
        assert await up.announce(BLOB, [tfc.mailbox]) == 0
        assert await bytes_kept(relay) == 0
        await fenced(up, down, tfc.mailbox)
        assert down.received == len(FENCE)
        assert not waiting.done()
        await up.upload(BLOB)  # and the true ones are taken after all
        async with asyncio.timeout(PATIENCE):
            await waiting
    assert service(relay).counts.refused == 1


async def test_what_was_not_announced_like_this_is_closed(
    relay: RunningRelay,
) -> None:
    tfc, bern = own(relay, "tfc"), own(relay, "bern")
    async with relay.terminal(bern) as sender, relay.terminal(tfc) as other:
        up, thief = Mover(sender), Mover(other)
        await up.announce(BLOB, [tfc.mailbox])
        for mover, blob in ((thief, BLOB), (up, BLOB[:-1])):
            with pytest.raises(RefusedError) as refused:
                await mover.upload(blob, NAME)
            assert refused.value.code == CloseReason.NOT_WANTED
        await up.upload(BLOB)
        with pytest.raises(RefusedError):  # it is there: nothing is missing
            await up.upload(BLOB)


async def test_nobody_takes_a_name_away_by_announcing_it_first(
    relay: RunningRelay,
) -> None:
    tfc, bern = own(relay, "tfc"), own(relay, "bern")
    async with relay.terminal(bern) as sender, relay.terminal(tfc) as receiver:
        thief, up = Mover(receiver), Mover(sender)
        await thief.announce(BLOB[:10], [tfc.mailbox], NAME)
        assert await up.announce(BLOB, [tfc.mailbox]) == 0
        await up.upload(BLOB)
        assert await thief.download(NAME) == BLOB


async def refusal(mover: Mover, blob: bytes, *mailboxes: Mailbox) -> int:
    with pytest.raises(RefusedError) as refused:
        await mover.announce(blob, mailboxes)
    return refused.value.code


async def test_quotas_are_asked_before_anything_is_kept(relay: RunningRelay) -> None:
    tfc, bern = own(relay, "tfc"), own(relay, "bern")
    limited(relay, largest=200, post=300, relay=500)
    async with relay.terminal(bern) as sender, relay.terminal(tfc) as other:
        up, theirs = Mover(sender), Mover(other)
        small, large = stretched("small", 200), stretched("large", 201)
        assert await refusal(up, large, tfc.mailbox) == ErrorCode.NOT_ALLOWED
        await up.announce(small, [tfc.mailbox])
        await up.announce(small, [tfc.mailbox])  # again costs nothing
        full = stretched("full", 101)
        assert await refusal(up, full, tfc.mailbox) == ErrorCode.BUSY
        await theirs.announce(stretched("a", 200), [bern.mailbox])
        assert await refusal(theirs, full, bern.mailbox) == ErrorCode.BUSY
        limited(relay, relay=400)
        one = stretched("b", 1)
        assert await refusal(theirs, one, bern.mailbox) == ErrorCode.BUSY
        await up.upload(small)
        await theirs.kept(H(small))
        await theirs.announce(one, [bern.mailbox])  # what everybody has counts no more


async def test_an_announcement_that_contradicts_is_refused(
    relay: RunningRelay,
) -> None:
    tfc, bern = own(relay, "tfc"), own(relay, "bern")
    async with relay.terminal(bern) as sender:
        up = Mover(sender)
        assert await refusal(up, BLOB, Mailbox(bytes(16))) == ErrorCode.NOT_ALLOWED
        await up.announce(BLOB, [tfc.mailbox])
        with pytest.raises(RefusedError) as refused:
            await up.announce(BLOB[:-1], [tfc.mailbox], NAME)
        assert refused.value.code == ErrorCode.NOT_ALLOWED


@pytest.mark.usefixtures("one_at_a_time")
async def test_what_everybody_has_is_let_go_and_sent_again_for_a_new_one(
    relay: RunningRelay,
) -> None:
    tfc, bern = own(relay, "tfc"), own(relay, "bern")
    async with relay.terminal(bern) as sender, relay.terminal(tfc) as receiver:
        up, down = Mover(sender), Mover(receiver)
        await up.announce(BLOB, [tfc.mailbox])
        await up.upload(BLOB)
        await down.download(NAME)
        await down.kept(NAME)
        await service(relay).sweep()
        assert await bytes_kept(relay) == 0
        await down.fetch(NAME)
        await fenced(up, down, tfc.mailbox)
        assert down.received == len(BLOB) + len(FENCE)
        # Its depositor is not asked to send again what everybody has.
        assert await up.announce(BLOB, [tfc.mailbox]) == len(BLOB)
        assert await up.announce(BLOB, [tfc.mailbox, bern.mailbox]) == 0
        await up.upload(BLOB)
        assert await up.download(NAME) == BLOB


@pytest.mark.usefixtures("one_at_a_time")
async def test_another_addressee_is_added_to_what_is_there(
    relay: RunningRelay,
) -> None:
    tfc, bern = own(relay, "tfc"), own(relay, "bern")
    async with relay.terminal(bern) as sender, relay.terminal(tfc) as receiver:
        up, down = Mover(sender), Mover(receiver)
        await up.announce(BLOB, [bern.mailbox])
        await up.upload(BLOB)
        waiting = await down.fetch(NAME)
        await fenced(up, down, tfc.mailbox)
        assert down.received == len(FENCE)
        assert await up.announce(BLOB, [tfc.mailbox]) == len(BLOB)
        async with asyncio.timeout(PATIENCE):
            await waiting


async def test_retention_lets_go_and_says_so(
    relay: RunningRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    tfc, bern = own(relay, "tfc"), own(relay, "bern")
    told: list[dict[str, object]] = []

    class Log:
        def info(self, event: str, **parts: object) -> None:
            told.append({"event": event, **parts})

    monkeypatch.setattr("server.services.attachments.logbook", Log)
    async with relay.terminal(bern) as sender:
        up = Mover(sender)
        await up.announce(BLOB, [tfc.mailbox])
        await up.upload(BLOB)
        await service(relay).sweep()
        assert await up.announce(BLOB, [tfc.mailbox]) == len(BLOB)
        limited(relay, retention=-10)
        await service(relay).sweep()
        (line,) = told
        assert line == {"event": "attachments-expired", "count": 1, "still_owed": 1}
        assert service(relay).counts.undelivered == 1
        assert await bytes_kept(relay) == 0
        # Its depositor has it still, and begins again.
        limited(relay, retention=1_000)
        assert await up.announce(BLOB, [tfc.mailbox]) == 0


async def test_a_comparison_that_a_crash_prevented_is_made_when_asked(
    relay: RunningRelay,
) -> None:
    tfc, bern = own(relay, "tfc"), own(relay, "bern")
    services = relay.parts.relay
    terminal = services.directory.terminal(bern.key.id, services.clock.wall())
    announce = Announce(blob=NAME, total=len(BLOB), mailboxes=(tfc.mailbox,))
    await service(relay).announce(terminal, announce)
    begun = await service(relay).begun(terminal, SHORT)
    assert begun is not None
    await service(relay).append(begun, 0, BLOB)  # and here the process ended
    async with relay.terminal(bern) as sender, relay.terminal(tfc) as receiver:
        assert await Mover(sender).announce(BLOB, [tfc.mailbox]) == len(BLOB)
        assert await Mover(receiver).download(NAME) == BLOB


async def test_two_writers_of_one_blob_do_not_mix(
    relay: RunningRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older session that still hangs must not write behind the newer one."""
    tfc, bern = own(relay, "tfc"), own(relay, "bern")
    async with relay.terminal(bern) as sender:
        up = Mover(sender)
        await up.announce(BLOB, [tfc.mailbox])
        real = AttachmentService.append

        async def raced(self: AttachmentService, *part: object) -> None:
            monkeypatch.undo()
            await real(self, *part)  # type: ignore[arg-type]
            await real(self, *part)  # type: ignore[arg-type]

        monkeypatch.setattr(AttachmentService, "append", raced)
        with pytest.raises(RefusedError) as refused:
            await up.upload(BLOB)
        assert refused.value.code == CloseReason.BUSY
        durable = await up.announce(BLOB, [tfc.mailbox])
        assert 0 < durable < len(BLOB)
        await up.upload(BLOB)


async def test_a_sender_that_keeps_no_bound_is_closed(
    relay: RunningRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    tfc, bern = own(relay, "tfc"), own(relay, "bern")
    monkeypatch.setattr(attachments, "HELD", 1_000)
    async with relay.terminal(bern) as sender:
        up = Mover(sender)
        await up.announce(BLOB, [tfc.mailbox])
        up.offer(BLOB)
        await sender.flush()
        assert await ended(sender) == 1008
        assert up.acknowledged < len(BLOB)  # by its bytes, and not for its silence


async def test_wishes_have_a_bound(
    relay: RunningRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attachments, "MAX_WISHES", 1)
    async with relay.terminal(own(relay, "tfc")) as receiver:
        down = Mover(receiver)
        await down.fetch(NAME)
        await down.fetch(NAME)
        with pytest.raises(RefusedError) as refused:
            await down.fetch(Digest(bytes(32)))
        assert refused.value.code == ErrorCode.BUSY


async def test_a_few_bytes_are_durable_within_a_second(relay: RunningRelay) -> None:
    """A slow line brings less than a commit is worth: it is not waited for."""
    tfc, bern = own(relay, "tfc"), own(relay, "bern")
    async with relay.terminal(bern) as sender:
        up = Mover(sender)
        await up.announce(BLOB, [tfc.mailbox])
        sender.line.offer_streamed(
            Kind.ATTACHMENT_UP, SHORT, len(BLOB), BULK, sender.now()
        )
        up.only(SHORT, BLOB[:1_000])
        await sender.flush()
        async with asyncio.timeout(PATIENCE):
            while up.acknowledged < 1_000:  # noqa: ASYNC110 -- no event says so
                await asyncio.sleep(0.01)


async def test_many_blobs_go_out_a_few_at_a_time(relay: RunningRelay) -> None:
    tfc, bern = own(relay, "tfc"), own(relay, "bern")
    blobs = [stretched(f"blob {number}", 5_000) for number in range(6)]
    async with relay.terminal(bern) as sender, relay.terminal(tfc) as receiver:
        up, down = Mover(sender), Mover(receiver)
        for blob in blobs:
            await up.announce(blob, [tfc.mailbox])
            await up.upload(blob)
        waiting = [await down.fetch(H(blob)) for blob in blobs]
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*waiting)
        assert down.together <= attachments.AT_ONCE
        assert [bytes(down.have[H(blob)[:16]]) for blob in blobs] == blobs
