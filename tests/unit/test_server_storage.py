"""The store's contract: what is committed is there, what is not never was."""

from collections.abc import AsyncIterator, Collection, Sequence
from pathlib import Path

import pytest

from crypto.digest import H
from crypto.types import KeyId, Mailbox, MessageId, PrekeyId, PublicKey
from protocol.envelope import Wrap
from protocol.requests import LogName
from server.storage.interfaces import (
    Amount,
    Head,
    Owed,
    Store,
    StoreBrokenError,
    StoreConflictError,
    StoredDelivery,
    StoredEnvelope,
    StoredManifest,
    StoredPrekey,
    Tables,
)
from server.storage.opening import open_store
from tests.support.stores import Located, reading, writing

BOX = Mailbox(bytes(16))
OTHER = Mailbox(b"o" * 16)
SENDER = KeyId(b"s" * 32)


@pytest.fixture
async def store(tmp_path: Path, database_of: Located) -> AsyncIterator[Store]:
    made = await open_store(database_of(tmp_path), tmp_path)
    yield made
    await made.close()


def envelope(index: int) -> StoredEnvelope:
    return StoredEnvelope(
        index=index,
        name=H(b"envelope %d" % index),
        message_id=MessageId(b"m" * 16),
        body_hash=H(b"body"),
        sender=SENDER,
        suite=1,
        received=100 + index,
        body=b"body",
    )


def delivery(
    index: int, cursor: int, mailbox: Mailbox = BOX, *, lane: int = 2
) -> StoredDelivery:
    wrap = Wrap(mailbox=mailbox, kid=PrekeyId(b"k" * 16), wrap=b"wrap")
    return StoredDelivery(
        mailbox=mailbox,
        cursor=cursor,
        index=index,
        lane=lane,
        wrap=wrap,
        post="bern",
        size=8,
    )


async def owed_of(
    tables: Tables,
    mailbox: Mailbox,
    *,
    skip: Collection[int] = (),
    lane: int = 4,
    limit: int = 10,
) -> Sequence[Owed]:
    return await tables.envelopes.owed(mailbox, skip=skip, lane=lane, limit=limit)


async def test_what_is_committed_is_there_when_it_is_opened_again(
    tmp_path: Path, database_of: Located
) -> None:
    first = await open_store(database_of(tmp_path), tmp_path)
    async with writing(first) as tables:
        await tables.envelopes.add([envelope(0)], [delivery(0, 1)])
    await first.close()
    second = await open_store(database_of(tmp_path), tmp_path)
    async with reading(second) as tables:
        (owed,) = await owed_of(tables, BOX)
    await second.close()
    assert owed.delivery == delivery(0, 1)
    assert (owed.message_id, owed.suite, owed.body) == (
        envelope(0).message_id,
        1,
        b"body",
    )


async def test_an_exception_leaves_nothing_of_the_transaction(
    store: Store,
) -> None:
    async def interrupted() -> None:
        async with writing(store) as tables:
            await tables.envelopes.add([envelope(0)], [delivery(0, 1)])
            assert await tables.envelopes.known([envelope(0).name])  # it sees its own
            await tables.logs.add_leaves(LogName.MESSAGE, 0, [b"leaf"])
            raise KeyError

    with pytest.raises(KeyError):
        await interrupted()
    async with reading(store) as tables:
        assert not await tables.envelopes.known([envelope(0).name])
        assert not await owed_of(tables, BOX)
        assert not await tables.logs.leaves(LogName.MESSAGE, 0, 10)


async def test_a_reader_sees_one_state_while_a_writer_commits(
    store: Store,
) -> None:
    async with reading(store) as before:
        assert not await before.envelopes.known([envelope(0).name])
        async with writing(store) as tables:
            await tables.envelopes.add([envelope(0)], [delivery(0, 1)])
        assert not await before.envelopes.known([envelope(0).name])
    async with reading(store) as after:
        assert await after.envelopes.known([envelope(0).name]) == {envelope(0).name: 0}


async def test_a_reading_transaction_cannot_write(store: Store) -> None:
    with pytest.raises(StoreBrokenError, match=r"READONLY|25006"):
        async with reading(store) as tables:
            await tables.logs.found(LogName.KEY, Head(0, H(b"")))


async def test_an_envelope_is_stored_once(store: Store) -> None:
    async with writing(store) as tables:
        await tables.envelopes.add([envelope(0)], [delivery(0, 1)])
    with pytest.raises(StoreConflictError) as told:
        async with writing(store) as tables:
            await tables.envelopes.add([envelope(0)], [delivery(0, 2)])
    # A server's text about it has the row's values in it: no trace holds it.
    assert told.value.__cause__ is None
    assert told.value.__suppress_context__
    assert str(told.value) in {"SQLITE_CONSTRAINT_PRIMARYKEY", "23505"}


async def test_many_rows_are_stored_whatever_their_number(store: Store) -> None:
    count = 64 + 16 + 16 + 4 + 3  # of every size of a statement, more than one of some
    data = [b"leaf %d" % number for number in range(count)]
    async with writing(store) as tables:
        await tables.envelopes.add([], [])
        await tables.logs.add_leaves(LogName.KEY, 0, data)
        await tables.envelopes.add(
            [envelope(number) for number in range(count)],
            [delivery(number, number + 1) for number in range(count)],
        )
    async with reading(store) as tables:
        assert await tables.logs.leaves(LogName.KEY, 0, 2 * count) == data
        asked = [envelope(number).name for number in range(-1, count + 1)]
        known = await tables.envelopes.known(asked)
        assert known == {envelope(n).name: n for n in range(count)}
        assert await tables.envelopes.known([]) == {}
        assert len(await owed_of(tables, BOX, limit=2 * count)) == count


async def test_a_delivery_needs_its_envelope(store: Store) -> None:
    with pytest.raises(StoreConflictError):
        async with writing(store) as tables:
            await tables.envelopes.add([envelope(0)], [delivery(7, 1)])


async def test_what_is_owed_comes_by_cursor_and_ends_with_its_acknowledgement(
    store: Store,
) -> None:
    async with writing(store) as tables:
        assert await tables.envelopes.last_cursor(BOX) == 0
        await tables.envelopes.add(
            [envelope(n) for n in range(4)],
            [*(delivery(n, n + 1) for n in range(4)), delivery(0, 1, OTHER)],
        )
        acknowledge = tables.envelopes.acknowledge
        assert await acknowledge(BOX, [2, 2, 99], 500) == [(("bern", BOX), 8)]
        assert await acknowledge(BOX, [2], 500) == []
        assert await tables.envelopes.last_cursor(BOX) == 4
        owed = await owed_of(tables, BOX)
        assert [one.delivery.cursor for one in owed] == [1, 3, 4]
        owed = await owed_of(tables, BOX, skip=[1], limit=1)
        assert [one.delivery.cursor for one in owed] == [3]
        owed = await owed_of(tables, OTHER)
        assert [one.delivery.cursor for one in owed] == [1]


async def test_what_is_owed_comes_by_lane_first(store: Store) -> None:
    async with writing(store) as tables:
        await tables.envelopes.add(
            [envelope(n) for n in range(3)],
            [delivery(0, 1, lane=3), delivery(1, 2, lane=0), delivery(2, 3, lane=1)],
        )
        owed = await owed_of(tables, BOX)
        assert [one.delivery.cursor for one in owed] == [2, 3, 1]
        owed = await owed_of(tables, BOX, lane=1, skip=[2])
        assert [one.delivery.cursor for one in owed] == [3]


async def test_a_nack_is_kept_once_for_its_depositor(store: Store) -> None:
    async with writing(store) as tables:
        for now in (100, 200):
            await tables.envelopes.add_nack(SENDER, H(b"nack"), b"nack", now)
        assert await tables.envelopes.nacks(SENDER, 100) == [b"nack"]
        assert not await tables.envelopes.nacks(SENDER, 101)
        assert not await tables.envelopes.nacks(KeyId(bytes(32)), 0)


async def test_a_depositor_is_found_by_id_body_mailbox_and_key_together(
    store: Store,
) -> None:
    one, kid = envelope(0), PrekeyId(b"k" * 16)
    async with writing(store) as tables:
        await tables.envelopes.add([one], [delivery(0, 1)])
        found = tables.envelopes.depositors
        assert await found(one.message_id, one.body_hash, BOX, kid) == [SENDER]
        assert not await found(one.message_id, one.body_hash, OTHER, kid)
        assert not await found(one.message_id, H(b"other"), BOX, kid)
        assert not await found(MessageId(bytes(16)), one.body_hash, BOX, kid)
        assert not await found(one.message_id, one.body_hash, BOX, PrekeyId(b"o" * 16))


async def test_what_is_outstanding_is_counted_up_and_down(store: Store) -> None:
    async with writing(store) as tables:
        count = tables.envelopes.count
        await count({("bern", BOX): Amount(2, 50), ("bern", OTHER): Amount(1, 7)})
        await count({("bern", BOX): Amount(-1, -20), ("oslo", BOX): Amount(1, 1)})
        await count({})
    async with reading(store) as tables:
        assert await tables.envelopes.outstanding("bern") == {
            BOX: Amount(1, 30),
            OTHER: Amount(1, 7),
        }
        assert not await tables.envelopes.outstanding("lima")


async def test_leaves_tiles_and_heads_of_the_two_logs_are_apart(
    store: Store,
) -> None:
    async with writing(store) as tables:
        logs = tables.logs
        assert await logs.head(LogName.KEY) is None
        await logs.found(LogName.KEY, Head(0, H(b"")))
        await logs.publish(LogName.KEY, 1, b"note")
        await logs.grow(LogName.KEY, 0, 2, H(b"b"))
        await logs.add_leaves(LogName.KEY, 0, [b"0", b"1", b"2"])
        await logs.add_leaves(LogName.MESSAGE, 0, [b"other"])
        await logs.put_tiles(LogName.KEY, {(0, 0): b"x", (1, 0): b"y"})
        await logs.put_tiles(LogName.KEY, {(0, 0): b"xx", (0, 1): b"z"})
        await logs.put_tiles(LogName.KEY, {})
    async with reading(store) as tables:
        logs = tables.logs
        assert await logs.head(LogName.KEY) == Head(2, H(b"b"), 1, b"note")
        assert await logs.head(LogName.MESSAGE) is None
        assert await logs.leaves(LogName.KEY, 1, 1) == [b"1"]
        assert await logs.leaves(LogName.MESSAGE, 0, 9) == [b"other"]
        assert await logs.tiles(LogName.KEY, [(0, 0), (0, 1), (5, 5)]) == {
            (0, 0): b"xx",
            (0, 1): b"z",
        }


async def test_a_log_that_another_writer_grew_is_not_grown_again(
    store: Store,
) -> None:
    async with writing(store) as tables:
        await tables.logs.found(LogName.KEY, Head(0, H(b"")))
        await tables.logs.grow(LogName.KEY, 0, 2, H(b"b"))
        await tables.logs.publish(LogName.KEY, 2, b"two")

    async def forks(log: LogName) -> None:
        async with writing(store) as tables:
            await tables.logs.add_leaves(LogName.KEY, 0, [b"fork"])
            await tables.logs.grow(log, 0, 1, H(b"fork"))

    async def hides() -> None:
        async with writing(store) as tables:
            await tables.logs.publish(LogName.KEY, 1, b"one")

    for late in (forks(LogName.KEY), forks(LogName.MESSAGE), hides()):
        with pytest.raises(StoreBrokenError, match="another writer"):
            await late
    async with reading(store) as tables:
        assert await tables.logs.head(LogName.KEY) == Head(2, H(b"b"), 2, b"two")
        assert not await tables.logs.leaves(LogName.KEY, 0, 9)


def manifest(number: int) -> StoredManifest:
    return StoredManifest(
        name=H(b"manifest %d" % number),
        terminal=SENDER,
        number=number,
        manifest=b"manifest",
        signature=b"signature",
        index=10 * number,
    )


def prekey(number: int, index: int, *, one_time: bool) -> StoredPrekey:
    return StoredPrekey(
        manifest=manifest(number).name,
        index=index,
        one_time=one_time,
        valid_from=100,
        valid_until=200,
        key=PublicKey(b"key %d" % index),
        path=(H(b"one"), H(b"two")),
    )


async def test_the_newest_manifest_below_a_size_of_the_log_counts(
    store: Store,
) -> None:
    async with writing(store) as tables:
        for number in (1, 2):
            await tables.prekeys.add_manifest(
                manifest(number), [prekey(number, 0, one_time=False)]
            )
        assert await tables.prekeys.manifest(SENDER, 99) == manifest(2)
        assert await tables.prekeys.manifest(SENDER, 20) == manifest(1)
        assert await tables.prekeys.manifest(SENDER, 10) is None
        assert await tables.prekeys.manifest(KeyId(bytes(32)), 99) is None


async def test_a_one_time_key_is_taken_once_and_in_its_time(store: Store) -> None:
    keys = [prekey(1, n, one_time=n > 0) for n in range(3)]
    name = manifest(1).name
    async with writing(store) as tables:
        await tables.prekeys.add_manifest(manifest(1), keys)
    async with writing(store) as tables:
        take = tables.prekeys.take_one_time
        assert await take(name, 99) is None
        assert await take(name, 200) is None
        assert await take(name, 100) == keys[1]
    async with writing(store) as tables:
        take = tables.prekeys.take_one_time
        assert await take(name, 100) == keys[2]
        assert await take(name, 100) is None
        assert await tables.prekeys.epoch_key(name, 199) == keys[0]
        assert await tables.prekeys.epoch_key(name, 200) is None
