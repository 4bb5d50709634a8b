"""The store over SQLite: transactions in threads of its own.

See :mod:`server.storage.interfaces` for the contract; the tables know nothing of it.
"""

import asyncio
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Engine

from server.storage.blobs import BlobTables
from server.storage.engine import BEGIN, READERS, sqlite_reader, sqlite_writer
from server.storage.envelopes import EnvelopeTables
from server.storage.erasure import ErasureTables
from server.storage.executor import Blocking, Executor, driven, driver_of
from server.storage.faults import translated
from server.storage.interfaces import Done, Next, StoreFullError, Work
from server.storage.logs import LogTables
from server.storage.meta import MetaTable
from server.storage.prekeys import PrekeyTables
from server.storage.schema import upgraded
from server.storage.worker import Worker

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class SqlTables:
    """What one transaction can reach."""

    envelopes: EnvelopeTables
    erasure: ErasureTables
    logs: LogTables
    prekeys: PrekeyTables
    meta: MetaTable
    blobs: BlobTables


def tables_of(executor: Executor) -> SqlTables:
    """Return the tables over one connection."""
    return SqlTables(
        envelopes=EnvelopeTables(executor),
        erasure=ErasureTables(executor),
        logs=LogTables(executor),
        prekeys=PrekeyTables(executor),
        meta=MetaTable(executor),
        blobs=BlobTables(executor),
    )


# The writer's connection, SQLite's own under it, and the tables over both.
Held = tuple[Connection, sqlite3.Connection, SqlTables]


class SqliteStore:
    """See :class:`server.storage.interfaces.Store`.

    One thread writes, over one connection that it keeps; a few others read.
    """

    def __init__(self, path: Path) -> None:
        self._writer = sqlite_writer(path)
        self._reader = sqlite_reader(path)
        self._writing = Worker("store-write")
        self._reading = ThreadPoolExecutor(READERS, "store-read")
        self._held: Held | None = None

    async def read(self, work: Work[R]) -> R:
        """Return what ``work`` reads, of one state."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._reading, self._read, work)

    async def write(self, work: Work[R]) -> R:
        """Return what ``work`` returns, when what it wrote is durable."""
        return await self._writing.do(partial(self._write, work))

    async def write_each(self, following: Next[R], done: Done[R]) -> None:
        """Write one after another in the thread; it waits for nobody between two."""
        soon = asyncio.get_running_loop().call_soon_threadsafe

        def each() -> None:
            while (work := following()) is not None:
                try:
                    outcome: R | StoreFullError = self._write(work)
                except StoreFullError as error:
                    outcome = error
                soon(done(outcome))

        await self._writing.do(each)

    def _read(self, work: Work[R]) -> R:
        with transaction(self._reader) as tables:
            return driven(work(tables))

    def _write(self, work: Work[R]) -> R:
        with self.writing() as tables:
            return driven(work(tables))

    @contextmanager
    def writing(self) -> Iterator[SqlTables]:
        """Run one writing transaction; leaving the block is the commit point."""
        # At the driver: SQLAlchemy's part of a transaction costs more than SQLite's.
        with translated():
            connection, driver, tables = self._hold()
            driver.execute(BEGIN)
            try:
                yield tables
                # A crash before the end of COMMIT leaves nothing of the block, one
                # after it leaves all of it.
                if connection.in_transaction():  # SQLAlchemy ran something rare
                    connection.commit()
                driver.commit()
            except BaseException:
                connection.rollback()
                driver.rollback()
                raise

    def _hold(self) -> "Held":
        if self._held is None:
            connection = self._writer.connect()
            tables = tables_of(Blocking(connection))
            self._held = connection, driver_of(connection), tables
        return self._held

    def open_(self) -> None:
        """Bring the schema up to date; an empty database gets its tables.

        Raises:
            StoreBrokenError: the database is of another schema than this program.
        """
        # A crash in here leaves the version before, with all its rows.
        with translated():
            connection, _, _ = self._hold()
            with connection.begin():
                upgraded(connection)

    async def scrub(self) -> None:
        """Take what was deleted out of the write-ahead log's file.

        In the database file it was overwritten with zeros as it was deleted
        (``secure_delete``).  A reader that works meanwhile keeps the log's file as it
        is until the next time.
        """
        await self._writing.do(self._truncate)

    def _truncate(self) -> None:
        with translated():
            # A crash in here loses nothing: the log's file is cut after its pages are
            # in the database and synced.
            _, driver, _ = self._hold()
            driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    async def close(self) -> None:
        """Give up all connections; the writer last, so that it checkpoints."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._reading.shutdown()
        self._writing.close()
        self._reader.dispose()
        if self._held is not None:
            self._held[0].close()
        self._writer.dispose()


@contextmanager
def transaction(engine: Engine) -> Iterator[SqlTables]:
    """Run one transaction on a connection of the engine's pool."""
    with translated(), engine.begin() as connection:
        yield tables_of(Blocking(connection))


async def sqlite_store(path: Path) -> SqliteStore:
    """Return the store in the file ``path``, made if it is not there.

    Raises:
        StoreBrokenError: not a database, corrupt, or of another schema.
    """
    store = SqliteStore(path)
    try:
        await asyncio.to_thread(store.open_)
    except BaseException:
        await store.close()
        raise
    return store
