"""The store over SQLite: transactions in threads of its own.

See :mod:`server.storage.interfaces` for the contract; the tables know nothing of it.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine

from server.storage import dictating
from server.storage.dictating import Dictation
from server.storage.engine import READERS, sqlite_reader, sqlite_writer
from server.storage.executor import Blocking, driven, driver_of
from server.storage.faults import translated
from server.storage.interfaces import (
    Done,
    Next,
    StoreBrokenError,
    StoreFullError,
    Work,
)
from server.storage.pragmas import BEGIN, HASTY, PATIENT
from server.storage.schema import upgraded
from server.storage.scribe import Scribe
from server.storage.sql_tables import SqlTables, tables_of
from server.storage.worker import Worker

PUT_OFF: Final = 128  # commits in the loop; then one in the thread, which checkpoints

R = TypeVar("R")


# The writer's connection, SQLite's own under it, and the tables over both.
Held = tuple[Connection, sqlite3.Connection, SqlTables]


class SqliteStore:
    """See :class:`server.storage.interfaces.Store`.

    One thread writes, over one connection that it keeps; a few others read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer = sqlite_writer(path)
        self._reader = sqlite_reader(path)
        self._writing = Worker("store-write")
        self._reading = ThreadPoolExecutor(READERS, "store-read")
        self._held: Held | None = None
        self._manner: tuple[str, ...] = PATIENT
        self._put_off = 0  # commits since the last one that could checkpoint
        # Whoever writes has the turn: in the thread, or in the scribe.
        self._turn = asyncio.Lock()
        self._others = 0  # who wait for it, beside what comes one after another
        self._dictation: Dictation | None = None
        self._scribe: Scribe | None = None

    async def read(self, work: Work[R]) -> R:
        """Return what ``work`` reads, of one state."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._reading, self._read, work)

    async def write(self, work: Work[R]) -> R:
        """Return what ``work`` returns, when what it wrote is durable."""
        return await self._alone(partial(self._write, work))

    async def _alone(self, task: Callable[[], R]) -> R:
        """Do ``task`` in the writer's thread, while the scribe has nothing to do."""
        self._others += 1
        try:
            async with self._turn:
                return await self._writing.do(task)
        finally:
            self._others -= 1

    async def write_each(
        self, following: Next[R], done: Done[R], stirred: asyncio.Event
    ) -> None:
        """Write one after another: many in the scribe, few in the thread."""
        most = None
        if self._dictation is not None:
            async with self._turn:
                if await self._dictation.run(
                    following, done, stirred, lambda: self._others > 0
                ):
                    return
            most = dictating.MANY - 1
        async with self._turn:
            await self._writing.do(self._each(partial(following, most=most), done))

    async def dictate(self, keep: Sequence[int]) -> None:
        """Let a scribe write deposits, from now on.

        Raises:
            StoreBrokenError: it cannot be started.
        """
        with translated():
            self._scribe = Scribe(self._path, keep)
        await self._scribe.there()

        async def locally(work: Work[Any]) -> Any:  # noqa: ANN401 -- the work's
            return await self._writing.do(partial(self._write, work))

        self._dictation = Dictation(self._scribe, self._writer.dialect, locally)

    async def lost(self) -> None:
        """Wait for ever, or until the scribe is gone."""
        if self._scribe is not None:
            await self._scribe.lost
            raise StoreBrokenError("the scribe is gone")
        await asyncio.Event().wait()

    def _each(self, following: Next[R], done: Done[R]) -> Callable[[], None]:
        """Return what writes one after another; it waits for nobody between two."""
        soon = asyncio.get_running_loop().call_soon_threadsafe

        def each() -> None:
            while (turn := following()) is not None:
                try:
                    outcome: R | StoreFullError = self._write(turn.work)
                except StoreFullError as error:
                    outcome = error
                soon(done(outcome))

        return each

    def here(self, work: Work[R]) -> R | None:
        """Do ``write`` in the loop; None: not now.

        No checkpoint is made here, and no other process waited for.
        """
        # A task that was cancelled gives the turn away while the thread still works.
        busy = self._turn.locked() or not self._writing.idle
        if busy or self._put_off >= PUT_OFF:
            return None
        with translated():
            driver = self._mannered(HASTY)
            try:
                driver.execute(BEGIN)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
                    return None  # another process writes: the thread waits for it
                raise
            self._put_off += 1
            with self._begun() as tables:
                return driven(work(tables))

    def _mannered(self, manner: tuple[str, ...]) -> sqlite3.Connection:
        """Return the writer's connection at the driver, patient or not."""
        _, driver, _ = self._hold()
        if manner is not self._manner:
            for pragma in manner:
                driver.execute(pragma)
            self._manner = manner
        return driver

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
            self._mannered(PATIENT).execute(BEGIN)
            self._put_off = 0
            with self._begun() as tables:
                yield tables

    @contextmanager
    def _begun(self) -> Iterator[SqlTables]:
        """Commit at the end of the block, or undo all of it."""
        connection, driver, tables = self._hold()
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
        await self._alone(self._truncate)

    def _truncate(self) -> None:
        with translated():
            # A crash in here loses nothing: the log's file is cut after its pages are
            # in the database and synced.
            _, driver, _ = self._hold()
            driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    async def close(self) -> None:
        """Give up all connections; the writer last, so that it checkpoints."""
        if self._scribe is not None:
            self._scribe.leave()
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        if self._scribe is not None:
            self._scribe.ended()
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


async def sqlite_store(path: Path, scribe: Sequence[int] | None = None) -> SqliteStore:
    """Return the store in the file ``path``, made if it is not there.

    Args:
        path: the database.
        scribe: let a process of its own write deposits, which holds these descriptors
            as long as it lives; None: no such process.

    Raises:
        StoreBrokenError: not a database, corrupt, or of another schema; or the process
            cannot be started.
    """
    store = SqliteStore(path)
    try:
        await asyncio.to_thread(store.open_)
        if scribe is not None:
            await store.dictate(scribe)
    except BaseException:
        await store.close()
        raise
    return store
