"""What is SQLite's own: files, pragmas, threads; the contract is tested elsewhere."""

import asyncio
import sqlite3
import stat
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from crypto.types import Digest
from protocol.requests import LogName
from server.storage.interfaces import Head, StoreBrokenError, StoreFullError, Tables
from server.storage.store import sqlite_store
from tests.support.stores import writing


def modes_in(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode for path in folder.iterdir()}


async def test_the_database_is_for_its_owner_only(tmp_path: Path) -> None:
    store = await sqlite_store(tmp_path / "relay.sqlite")
    async with writing(store) as tables:
        await tables.logs.found(LogName.KEY, Head(0, Digest(bytes(32))))
    modes = modes_in(tmp_path)
    await store.close()
    assert {"relay.sqlite", "relay.sqlite-wal"} <= set(modes)
    assert all(stat.S_IMODE(mode) == 0o600 for mode in modes.values())


async def test_a_full_disk_is_told_apart_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "relay.sqlite"
    store = await sqlite_store(path)
    store._hold()[1].execute("PRAGMA max_page_count = 40")  # noqa: SLF001 -- the disk's size
    big = [bytes(1 << 20)]
    with pytest.raises(StoreFullError):
        async with writing(store) as tables:
            await tables.logs.add_leaves(LogName.KEY, 0, big)
    async with writing(store) as tables:
        assert not await tables.logs.leaves(LogName.KEY, 0, 9)
    await store.close()


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "relay.sqlite"
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreBrokenError):
        await sqlite_store(path)


async def test_a_database_of_another_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "relay.sqlite"
    await (await sqlite_store(path)).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(StoreBrokenError, match="schema"):
        await sqlite_store(path)


async def test_synchronous_is_extra_and_the_journal_is_a_wal(tmp_path: Path) -> None:
    store = await sqlite_store(tmp_path / "relay.sqlite")
    writer = store._hold()[1]  # noqa: SLF001 -- what was set
    assert writer.execute("PRAGMA synchronous").fetchall() == [(3,)]
    assert writer.execute("PRAGMA journal_mode").fetchall() == [("wal",)]
    with store._reader.connect() as connection:  # noqa: SLF001 -- looked into
        checkpoint = connection.exec_driver_sql("PRAGMA wal_autocheckpoint")
        assert checkpoint.scalar() == 0
    await store.close()


async def test_a_transaction_runs_whole_in_a_thread_and_waits_for_nothing_else(
    tmp_path: Path,
) -> None:
    store = await sqlite_store(tmp_path / "relay.sqlite")
    here = threading.get_ident()

    async def work(tables: Tables) -> int:
        await tables.logs.add_leaves(LogName.KEY, 0, [b"leaf"])
        return threading.get_ident()

    async def leaves(tables: Tables) -> Sequence[bytes]:
        return await tables.logs.leaves(LogName.KEY, 0, 9)

    async def sleepy(tables: Tables) -> None:
        await tables.logs.add_leaves(LogName.KEY, 1, [b"second"])
        await asyncio.sleep(0)

    assert await store.write(work) != here
    with pytest.raises(RuntimeError, match="waits"):
        await store.write(sleepy)
    assert await store.read(leaves) == [b"leaf"]  # the one that waited was undone

    async def third(tables: Tables) -> None:
        await tables.logs.add_leaves(LogName.KEY, 1, [b"third"])

    await store.write(third)
    assert await store.read(leaves) == [b"leaf", b"third"]
    await store.close()
