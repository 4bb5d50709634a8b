"""The transaction that fills a store again: exact, or nothing."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from crypto.entropy import system
from crypto.merkle import EMPTY_ROOT, root_of
from protocol.requests import LogName
from server.services.refill import Recovered, refill, without_envelopes
from server.storage.interfaces import Head, StoreBrokenError, Tables
from server.storage.opening import open_store
from server.storage.store import sqlite_store
from tests.support.stores import Located


def recovered_of(*leaves: bytes) -> Recovered:
    return Recovered(root_of(leaves), leaves)


async def test_leaves_that_do_not_give_their_root_are_not_written(
    tmp_path: Path, database_of: Located
) -> None:
    store = await open_store(database_of(tmp_path), tmp_path)
    lie = {LogName.KEY: Recovered(EMPTY_ROOT, (b"a",))}
    with pytest.raises(StoreBrokenError):
        await store.write(lambda tables: refill(tables, lie, bytes(16)))

    async def head(tables: Tables) -> Head | None:
        return await tables.logs.head(LogName.KEY)

    assert await store.read(head) is None
    await store.close()


async def test_what_is_longer_and_agrees_stays(
    tmp_path: Path, database_of: Located
) -> None:
    store = await open_store(database_of(tmp_path), tmp_path)

    async def fill(*leaves: bytes) -> int:
        logs = {LogName.KEY: recovered_of(*leaves)}
        done = await store.write(lambda tables: refill(tables, logs, system(16)))
        return done[LogName.KEY].size

    async def life(tables: Tables) -> bytes | None:
        return await tables.meta.incarnation()

    assert await fill(b"a", b"b", b"c") == 3
    first = await store.read(life)
    assert await fill(b"a", b"b") == 3
    assert await store.read(life) == first
    assert await fill(b"a", b"B") == 2
    assert await store.read(life) != first
    await store.close()


@pytest.mark.parametrize(
    ("spans", "kept", "size", "after"),
    [
        ((), 0, 3, ((0, 3),)),
        ((), 3, 3, ()),
        (((0, 3),), 3, 5, ((0, 5),)),
        (((0, 3),), 4, 5, ((0, 3), (4, 5))),
        (((0, 3),), 1, 5, ((0, 5),)),
        (((0, 1), (2, 4)), 2, 3, ((0, 1), (2, 3))),
        (((0, 3),), 3, 3, ((0, 3),)),
    ],
)
def test_the_spans_without_envelopes_are_exact(
    spans: tuple[tuple[int, int], ...],
    kept: int,
    size: int,
    after: tuple[tuple[int, int], ...],
) -> None:
    assert without_envelopes(spans, kept, size) == after


async def test_spans_that_cannot_be_read_are_a_broken_store(tmp_path: Path) -> None:
    store = await sqlite_store(tmp_path / "relay.sqlite")
    await store.write(lambda tables: tables.meta.set_refilled(((0, 2),)))
    assert await store.read(lambda tables: tables.meta.refilled()) == ((0, 2),)
    with closing(sqlite3.connect(tmp_path / "relay.sqlite")) as connection:
        connection.execute("UPDATE meta SET value = x'ff' WHERE name = 'refilled'")
        connection.commit()
    with pytest.raises(StoreBrokenError):
        await store.read(lambda tables: tables.meta.refilled())
    await store.close()
