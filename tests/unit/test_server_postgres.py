"""What is PostgreSQL's own: one writer, a server that flushes, a connection lost."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text

from crypto.digest import H
from crypto.types import Digest, Mailbox
from protocol.requests import LogName
from server.storage.interfaces import (
    Head,
    Store,
    StoreBrokenError,
    StoreFullError,
    Tables,
)
from server.storage.opening import open_store
from server.storage.postgres import PostgresStore
from tests.support import postgres
from tests.support.queued import queue

pytestmark = pytest.mark.pg


async def leaves(tables: Tables) -> Sequence[bytes]:
    return await tables.logs.leaves(LogName.KEY, 0, 9)


async def add(tables: Tables) -> None:
    await tables.logs.add_leaves(LogName.KEY, 0, [b"leaf"])


@pytest.fixture
def url(pg_server: postgres.Server, request: pytest.FixtureRequest) -> str:
    name: str = request.node.nodeid
    return pg_server.url("t" + H(name.encode())[:8].hex())


async def test_a_second_relay_of_one_database_does_not_start(
    url: str, tmp_path: Path
) -> None:
    first = await open_store(url, tmp_path)
    with pytest.raises(StoreBrokenError, match="another relay"):
        await open_store(url, tmp_path)
    await first.close()
    await (await open_store(url, tmp_path)).close()


async def test_a_lost_connection_ends_the_writer_and_leaves_nothing(
    url: str, pg_server: postgres.Server, tmp_path: Path
) -> None:
    store = await open_store(url, tmp_path)

    async def interrupted(tables: Tables) -> None:
        await add(tables)
        end_all(pg_server, url)
        await tables.logs.leaves(LogName.KEY, 0, 9)

    for work in (interrupted, add):
        with pytest.raises(StoreBrokenError):
            await store.write(work)
    await store.close()
    again = await open_store(url, tmp_path)
    assert await again.read(leaves) == []
    await again.close()


async def test_a_batch_is_two_round_trips(url: str, tmp_path: Path) -> None:
    store = await open_store(url, tmp_path)
    assert isinstance(store, PostgresStore)

    async def founded(tables: Tables) -> None:
        await tables.logs.found(LogName.MESSAGE, Head(0, Digest(bytes(32))))

    await store.write(founded)
    await queue(store, Mailbox(bytes(16)), 3)  # the texts are prepared
    sent: list[str] = []
    _, driver = store._open()  # noqa: SLF001 -- what goes over the wire is counted

    async def batch(tables: Tables) -> None:
        assert await tables.envelopes.known([H(b"envelope 0"), H(b"new")])
        await tables.logs.add_leaves(LogName.MESSAGE, 3, [b"leaf"])
        await tables.logs.put_tiles(LogName.MESSAGE, {(1, 0): bytes(32)})
        await tables.logs.grow(LogName.MESSAGE, 3, 4, Digest(bytes(32)))

    with driver.query_logger(lambda query: sent.append(query.query)):
        await store.write(batch)
        await asyncio.sleep(0)  # the driver tells in the loop's next turn
    assert [text.split()[0] for text in sent] == ["SELECT", "WITH"]
    sent.clear()
    # The same head again: the one statement fails as a whole.
    with driver.query_logger(lambda query: sent.append(query.query)):
        with pytest.raises(StoreBrokenError, match="another writer"):
            await store.write(batch_of_a_second_writer)
        await asyncio.sleep(0)
    assert [text.split()[0] for text in sent] == ["WITH"]

    async def after(tables: Tables) -> Sequence[bytes]:
        return await tables.logs.leaves(LogName.MESSAGE, 3, 9)

    assert await store.read(after) == [b"leaf"]
    await store.close()


async def batch_of_a_second_writer(tables: Tables) -> None:
    await tables.logs.add_leaves(LogName.MESSAGE, 4, [b"forked"])
    await tables.logs.grow(LogName.MESSAGE, 3, 5, Digest(bytes(32)))


async def test_what_the_server_undid_is_not_called_stored(
    url: str, tmp_path: Path
) -> None:
    store = await open_store(url, tmp_path)

    async def careless(tables: Tables) -> None:
        await add(tables)
        with suppress(asyncpg.PostgresError):
            await add(tables)  # the same leaf: from here on the server takes nothing
            await leaves(tables)

    with pytest.raises(StoreBrokenError, match="undone"):
        await store.write(careless)
    assert await store.read(leaves) == []
    await store.close()


def end_all(server: postgres.Server, url: str) -> None:
    server.psql(
        url.rpartition("/")[2],
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )


async def test_a_role_that_does_not_wait_for_the_disk_is_made_to(
    url: str, pg_server: postgres.Server, tmp_path: Path
) -> None:
    name = url.rpartition("/")[2]
    pg_server.psql(name, f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    store = await open_store(url, tmp_path)
    assert await shown(store) == "on"
    await store.close()


async def shown(store: Store) -> str:
    """Return synchronous_commit as the writing connection has it."""
    assert isinstance(store, PostgresStore)
    async with store.writing() as tables:
        connection = tables.logs._connection  # noqa: SLF001 -- what was set
        return str(await connection.scalar(text("SHOW synchronous_commit")))


@pytest.mark.parametrize("name", ["fsync", "full_page_writes"])
async def test_a_server_that_does_not_flush_is_refused(
    name: str, tmp_path: Path
) -> None:
    with (
        postgres.server(f"{name}=off") as careless,
        pytest.raises(StoreBrokenError, match=name),
    ):
        await open_store(careless.url("relay"), tmp_path)


async def test_what_was_committed_survives_the_server_s_power_cut(
    tmp_path: Path,
) -> None:
    with postgres.server() as server:
        store = await open_store(server.url("relay"), tmp_path)
        await store.write(add)
        server.stop("immediate")
        with pytest.raises(StoreBrokenError):
            await store.read(leaves)
        await store.close()
        server.start()
        store = await open_store(server.url("relay"), tmp_path)
        assert await store.read(leaves) == [b"leaf"]
        await store.close()


async def test_a_full_disk_is_told_apart_and_leaves_nothing(
    url: str, pg_server: postgres.Server, tmp_path: Path
) -> None:
    store = await open_store(url, tmp_path)
    pg_server.psql(
        url.rpartition("/")[2],
        "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE disk_full; END $$;"
        "CREATE TRIGGER no_room BEFORE INSERT ON heads EXECUTE FUNCTION no_room()",
    )

    async def then_full(tables: Tables) -> None:
        await add(tables)
        await tables.logs.found(LogName.KEY, Head(0, Digest(bytes(32))))

    with pytest.raises(StoreFullError):
        await store.write(then_full)
    assert await store.read(leaves) == []
    await store.write(add)
    assert await store.read(leaves) == [b"leaf"]
    await store.close()
