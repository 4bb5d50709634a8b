"""Attachments in the store, the same on both engines."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from crypto.digest import H
from crypto.types import KeyId, Mailbox
from server.storage.blob_interfaces import NewBlob, StoredBlob
from server.storage.blobs import PART
from server.storage.interfaces import Store, Tables
from server.storage.opening import open_store
from tests.support.keys import stretched
from tests.support.stores import Located

BERN, OSLO = KeyId(b"b" * 32), KeyId(b"o" * 32)
BOX, OTHER = Mailbox(bytes(16)), Mailbox(b"o" * 16)
BLOB = stretched("blob", 3 * PART + 10)
NAME = H(BLOB)


@pytest.fixture
async def store(tmp_path: Path, database_of: Located) -> AsyncIterator[Store]:
    made = await open_store(database_of(tmp_path), tmp_path)
    yield made
    await made.close()


def announced(
    depositor: KeyId = BERN, *, total: int = len(BLOB), at: int = 5
) -> NewBlob:
    return NewBlob(NAME, depositor, "bern", total, at)


async def test_bytes_follow_each_other_and_are_read_from_anywhere(store: Store) -> None:
    async def write(tables: Tables) -> StoredBlob:
        blob = await tables.blobs.add(announced())
        assert (blob.durable, blob.complete, blob.dropped) == (0, False, False)
        cut = PART + 5
        assert await tables.blobs.append(blob.number, 0, BLOB[:cut])
        assert not await tables.blobs.append(blob.number, 0, BLOB[:cut])  # again
        assert not await tables.blobs.append(blob.number, cut + 1, b"x")  # a gap
        assert not await tables.blobs.append(blob.number, cut, BLOB)  # too many
        assert await tables.blobs.append(blob.number, cut, BLOB[cut:])
        return blob

    blob = await store.write(write)

    async def read(tables: Tables) -> None:
        for offset, size in ((0, 10), (0, 1 << 20), (PART - 1, PART), (len(BLOB), 5)):
            found = await tables.blobs.read(blob.number, offset, size)
            assert found == BLOB[offset : offset + size]
        assert await tables.blobs.read(blob.number + 1, 0, 10) == b""
        now = await tables.blobs.of(BERN, NAME)
        assert now is not None
        assert now.durable == len(BLOB)

    await store.read(read)


async def test_a_blob_belongs_to_its_depositor_and_name(store: Store) -> None:
    async def work(tables: Tables) -> None:
        ours = await tables.blobs.add(announced())
        theirs = await tables.blobs.add(announced(OSLO, total=7))
        assert ours.number != theirs.number
        for depositor, blob in ((BERN, ours), (OSLO, theirs)):
            assert await tables.blobs.of(depositor, NAME) == blob
            assert await tables.blobs.begun(depositor, NAME[:16]) == blob
        assert await tables.blobs.begun(BERN, H(b"other")[:16]) is None
        assert await tables.blobs.held("bern") == len(BLOB) + 7
        assert await tables.blobs.held("oslo") == 0
        await tables.blobs.finish(ours.number, 6)
        assert await tables.blobs.begun(BERN, NAME[:16]) is None

    await store.write(work)


async def test_it_is_ready_for_its_mailboxes_until_they_kept_it(store: Store) -> None:
    async def work(tables: Tables) -> None:
        blobs = tables.blobs
        number = (await blobs.add(announced())).number
        assert await blobs.owe(number, [BOX, OTHER])
        assert not await blobs.owe(number, [BOX])
        assert await blobs.ready(BOX, [NAME]) == []  # not complete
        assert sorted(await blobs.finish(number, 6)) == sorted([BOX, OTHER])
        assert [one.number for one in await blobs.ready(BOX, [NAME])] == [number]
        assert await blobs.ready(BOX, [H(b"other")]) == []
        assert await blobs.ready(Mailbox(b"x" * 16), [NAME]) == []
        await blobs.keep(BOX, NAME, 7)
        assert await blobs.ready(BOX, [NAME]) == []
        assert len(await blobs.ready(OTHER, [NAME])) == 1
        await blobs.keep(OTHER, NAME, 8)
        found = await blobs.of(BERN, NAME)
        assert found is not None
        assert found.dropped
        assert await blobs.held(None) == 0
        await blobs.restart(number)
        again = await blobs.of(BERN, NAME)
        assert again == StoredBlob(number, NAME, len(BLOB), 0, False, False)  # noqa: FBT003 -- a field by its place

    await store.write(work)


async def test_what_is_let_go_is_deleted_a_little_at_a_time(store: Store) -> None:
    async def work(tables: Tables) -> None:
        blobs = tables.blobs
        old, new = await blobs.add(announced()), await blobs.add(announced(OSLO, at=50))
        for one in (old, new):
            await blobs.append(one.number, 0, BLOB)
            await blobs.owe(one.number, [BOX])
        assert await blobs.expire(50, 60) == (1, 1)
        assert await blobs.expire(50, 60) == (0, 0)
        await blobs.purge(50)
        assert await blobs.of(BERN, NAME) is not None  # its parts are not gone yet
        assert [await blobs.sweep(3) for _ in range(3)] == [3, 1, 0]
        await blobs.purge(50)
        assert await blobs.of(BERN, NAME) is None
        assert await blobs.read(new.number, 0, 10) == BLOB[:10]

    await store.write(work)
