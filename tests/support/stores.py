"""The same tests over both engines: fixtures, and transactions step by step."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from crypto.digest import H
from server.storage.interfaces import Store
from server.storage.postgres import PostgresStore
from server.storage.store import SqliteStore, SqlTables, transaction
from tests.support.postgres import Server

Located = Callable[[Path], str]  # a test's folder -> `database` in relay.toml


def in_file(folder: Path) -> str:
    """Return the database of a relay over SQLite."""
    return str(folder / "relay.sqlite")


def on_server(server: Server) -> Located:
    """Return where relays over ``server`` are: one database for each folder."""

    def located(folder: Path) -> str:
        return server.url("t" + H(str(folder).encode())[:8].hex())

    return located


@asynccontextmanager
async def writing(store: Store) -> AsyncIterator[SqlTables]:
    """Run a writing transaction here, step by step; write() runs one whole."""
    if isinstance(store, PostgresStore):
        async with store.writing() as tables:
            yield tables
        return
    assert isinstance(store, SqliteStore)
    with store.writing() as tables:
        yield tables


@asynccontextmanager
async def reading(store: Store) -> AsyncIterator[SqlTables]:
    if isinstance(store, PostgresStore):
        async with store.reading() as tables:
            yield tables
        return
    assert isinstance(store, SqliteStore)
    with transaction(store._reader) as tables:  # noqa: SLF001 -- so that steps mix
        yield tables
