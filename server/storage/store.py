"""The store: transactions over a writing and a reading engine.

See :mod:`server.storage.interfaces` for the contract.  Nothing here is SQLite's own
but :func:`sqlite_store`.
"""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import insert, select
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from server.storage.engine import sqlite_reader, sqlite_writer
from server.storage.envelopes import EnvelopeTables
from server.storage.interfaces import StoreBrokenError, StoreFullError
from server.storage.logs import LogTables
from server.storage.prekeys import PrekeyTables
from server.storage.tables import SCHEMA, meta, metadata


@dataclass(frozen=True, slots=True)
class SqlTables:
    """What one transaction can reach."""

    envelopes: EnvelopeTables
    logs: LogTables
    prekeys: PrekeyTables


class SqlStore:
    """See :class:`server.storage.interfaces.Store`."""

    def __init__(self, writer: AsyncEngine, reader: AsyncEngine) -> None:
        self._writer = writer
        self._reader = reader

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[SqlTables]:
        """Open a transaction that reads one state and never waits for a writer."""
        async with self._transaction(self._reader) as tables:
            yield tables

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[SqlTables]:
        """Open the writing transaction; leaving it is the commit point."""
        async with self._transaction(self._writer) as tables:
            yield tables

    @asynccontextmanager
    async def _transaction(self, engine: AsyncEngine) -> AsyncIterator[SqlTables]:
        try:
            # A crash before the end of ``begin()`` leaves nothing of the block, one
            # after it leaves all of it.
            async with engine.begin() as connection:
                yield SqlTables(
                    EnvelopeTables(connection),
                    LogTables(connection),
                    PrekeyTables(connection),
                )
        except IntegrityError:
            raise  # a row that had to be new was not: our own bug
        except DBAPIError as error:
            raise _translated(error) from error

    async def found(self) -> None:
        """Create the tables if the database is empty.

        Raises:
            StoreBrokenError: the database is of another schema than this program.
        """
        try:
            async with self._writer.begin() as connection:
                await connection.run_sync(metadata.create_all)
                row = await connection.scalar(
                    select(meta.c.value).where(meta.c.name == "schema")
                )
                if row is None:
                    row = str(SCHEMA).encode()
                    await connection.execute(
                        insert(meta).values(name="schema", value=row)
                    )
        except DBAPIError as error:
            raise _translated(error) from error
        if row != str(SCHEMA).encode():
            raise StoreBrokenError("the database is of another schema")

    async def close(self) -> None:
        """Give up all connections; the writer last, so that it checkpoints."""
        await self._reader.dispose()
        await self._writer.dispose()


def _translated(error: DBAPIError) -> StoreFullError | StoreBrokenError:
    """Return the store's error for a driver's; its text holds no bound values."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code == sqlite3.SQLITE_FULL:
        return StoreFullError("no room")
    name = getattr(error.orig, "sqlite_errorname", type(error.orig).__name__)
    return StoreBrokenError(str(name))


async def sqlite_store(path: Path) -> SqlStore:
    """Return the store in the file ``path``, made if it is not there.

    Raises:
        StoreBrokenError: not a database, corrupt, or of another schema.
    """
    store = SqlStore(sqlite_writer(path), sqlite_reader(path))
    try:
        await store.found()
    except BaseException:
        await store.close()
        raise
    return store
