"""A transaction in the loop: durable as any other, and it waits for nobody."""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from crypto.digest import H
from crypto.types import KeyId, MessageId
from server.storage.interfaces import (
    Store,
    StoreConflictError,
    StoredEnvelope,
    Tables,
    Work,
)
from server.storage.opening import open_store
from server.storage.store import PUT_OFF, SqliteStore
from tests.support.stores import Located


def adding(number: int, size: int = 10) -> Work[int]:
    """Return what stores an envelope and returns its number."""

    async def work(tables: Tables) -> int:
        made = StoredEnvelope(
            index=number,
            name=H(b"envelope %d" % number),
            message_id=MessageId(b"m" * 16),
            body_hash=H(b"body"),
            sender=KeyId(b"s" * 32),
            suite=1,
            received=number,
            body=os.urandom(size),
        )
        await tables.envelopes.add([made], [])
        return number

    return work


async def stored(store: Store, number: int) -> bool:
    name = H(b"envelope %d" % number)

    async def work(tables: Tables) -> bool:
        return name in await tables.envelopes.known([name])

    return await store.read(work)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    made = await open_store(str(tmp_path / "relay.sqlite"), tmp_path)
    assert isinstance(made, SqliteStore)
    yield made
    await made.close()


async def test_a_store_commits_here_or_says_not_now(
    tmp_path: Path, database_of: Located
) -> None:
    store = await open_store(database_of(tmp_path), tmp_path)
    found = store.here(adding(1))
    assert await stored(store, 1) is (found == 1)
    assert found == (1 if isinstance(store, SqliteStore) else None)
    await store.close()


async def test_what_was_committed_here_is_there_when_it_is_opened_again(
    store: Store, tmp_path: Path
) -> None:
    assert store.here(adding(1)) == 1
    # As a crash leaves it: the files as they are, and nobody closes them.
    for name in ("relay.sqlite", "relay.sqlite-wal"):
        (tmp_path / f"copy-{name}").write_bytes((tmp_path / name).read_bytes())
    again = await open_store(str(tmp_path / "copy-relay.sqlite"), tmp_path)
    assert await stored(again, 1)
    await again.close()


async def test_a_commit_here_is_as_durable_as_any_and_waits_for_no_lock(
    store: SqliteStore,
) -> None:
    asked = ("synchronous", "busy_timeout", "foreign_keys", "secure_delete")

    def pragmas() -> list[int]:
        held = store._held  # noqa: SLF001 -- no other connection says it
        assert held is not None
        return [held[1].execute(f"PRAGMA {name}").fetchone()[0] for name in asked]

    await store.write(adding(1))
    assert pragmas() == [3, 10_000, 1, 1]  # 3: EXTRA
    store.here(adding(2))
    assert pragmas() == [3, 0, 1, 1]
    await store.write(adding(3))
    assert pragmas() == [3, 10_000, 1, 1]


async def test_an_exception_here_leaves_nothing_and_the_next_one_works(
    store: SqliteStore,
) -> None:
    assert store.here(adding(1)) == 1
    with pytest.raises(StoreConflictError):
        store.here(adding(1))
    assert store.here(adding(2)) == 2
    assert await store.write(adding(3)) == 3


async def test_it_is_not_now_while_the_thread_writes(store: SqliteStore) -> None:
    writing = asyncio.ensure_future(store.write(adding(1)))
    await asyncio.sleep(0)  # it was given to the thread; the loop has not heard of it
    assert store.here(adding(2)) is None
    assert await writing == 1
    assert store.here(adding(2)) == 2


async def test_it_is_not_now_while_another_process_writes(
    store: Store, tmp_path: Path
) -> None:
    other = sqlite3.connect(tmp_path / "relay.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert store.here(adding(1)) is None  # at once: the loop is not to wait 10 s
    other.execute("COMMIT")
    other.close()
    assert store.here(adding(1)) == 1
    assert await store.write(adding(2)) == 2


async def test_what_here_leaves_in_the_log_the_thread_takes_over(
    store: Store, tmp_path: Path
) -> None:
    database = tmp_path / "relay.sqlite"
    before = database.read_bytes()
    for number in range(4):  # 5,000 pages, and the thread takes over each 4,000
        assert store.here(adding(number, 5 << 20)) == number
    assert database.read_bytes() == before
    await store.write(adding(4))
    assert database.stat().st_size > len(before) + (16 << 20)


async def test_after_so_many_the_thread_has_its_turn(store: SqliteStore) -> None:
    for number in range(PUT_OFF):
        assert store.here(adding(number)) == number
    assert store.here(adding(PUT_OFF)) is None
    assert await store.write(adding(PUT_OFF)) == PUT_OFF
    assert store.here(adding(PUT_OFF + 1)) == PUT_OFF + 1
