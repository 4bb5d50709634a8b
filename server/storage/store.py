"""The store over SQLite: transactions in threads of its own.

See :mod:`server.storage.interfaces` for the contract; the tables know nothing of it.
"""

import asyncio
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Engine, insert, select
from sqlalchemy.exc import DBAPIError, IntegrityError

from server.storage.engine import READERS, sqlite_reader, sqlite_writer
from server.storage.envelopes import EnvelopeTables
from server.storage.executor import Blocking, driven
from server.storage.interfaces import StoreBrokenError, StoreFullError, Work
from server.storage.logs import LogTables
from server.storage.prekeys import PrekeyTables
from server.storage.tables import SCHEMA, meta, metadata

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class SqlTables:
    """What one transaction can reach."""

    envelopes: EnvelopeTables
    logs: LogTables
    prekeys: PrekeyTables


class SqliteStore:
    """See :class:`server.storage.interfaces.Store`.

    Each transaction runs in a thread of its own pool: one thread writes, as one
    connection does, and a few read.
    """

    def __init__(self, path: Path) -> None:
        self._writer = sqlite_writer(path)
        self._reader = sqlite_reader(path)
        self._writing = ThreadPoolExecutor(1, "store-write")
        self._reading = ThreadPoolExecutor(READERS, "store-read")

    async def read(self, work: Work[R]) -> R:
        """Return what ``work`` reads, of one state."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._reading, self._run, self._reader, work)

    async def write(self, work: Work[R]) -> R:
        """Return what ``work`` returns, when what it wrote is durable."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._writing, self._run, self._writer, work)

    def _run(self, engine: Engine, work: Work[R]) -> R:
        with transaction(engine) as tables:
            return driven(work(tables))

    def found(self) -> None:
        """Create the tables if the database is empty.

        Raises:
            StoreBrokenError: the database is of another schema than this program.
        """
        mine = str(SCHEMA).encode()
        with translated(), self._writer.begin() as connection:
            metadata.create_all(connection)
            row = connection.scalar(select(meta.c.value).where(meta.c.name == "schema"))
            if row is None:
                row = mine
                connection.execute(insert(meta).values(name="schema", value=mine))
        if row != mine:
            raise StoreBrokenError("the database is of another schema")

    async def close(self) -> None:
        """Give up all connections; the writer last, so that it checkpoints."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._reading.shutdown()
        self._writing.shutdown()
        self._reader.dispose()
        self._writer.dispose()


@contextmanager
def transaction(engine: Engine) -> Iterator[SqlTables]:
    """Run one transaction; leaving the block is the commit point."""
    # A crash before the end of ``begin()`` leaves nothing of the block, one after it
    # leaves all of it.
    with translated(), engine.begin() as connection:
        executor = Blocking(connection)
        yield SqlTables(
            EnvelopeTables(executor), LogTables(executor), PrekeyTables(executor)
        )


@contextmanager
def translated() -> Iterator[None]:
    """Turn the driver's errors into the store's."""
    try:
        yield
    except IntegrityError:
        raise  # a row that had to be new was not: our own bug
    except DBAPIError as error:
        raise _translated(error) from error


def _translated(error: DBAPIError) -> StoreFullError | StoreBrokenError:
    """Return the store's error for a driver's; its text holds no bound values."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code == sqlite3.SQLITE_FULL:
        return StoreFullError("no room")
    name = getattr(error.orig, "sqlite_errorname", type(error.orig).__name__)
    return StoreBrokenError(str(name))


async def sqlite_store(path: Path) -> SqliteStore:
    """Return the store in the file ``path``, made if it is not there.

    Raises:
        StoreBrokenError: not a database, corrupt, or of another schema.
    """
    store = SqliteStore(path)
    try:
        await asyncio.to_thread(store.found)
    except BaseException:
        await store.close()
        raise
    return store
