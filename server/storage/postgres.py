"""The store over PostgreSQL, through asyncpg.

See :mod:`server.storage.interfaces` for the contract.  What differs from SQLite:

* **One relay writes.**  The writer is one connection, kept for the life of the store,
  and holds an advisory lock of its database: a second relay is refused at its start.
  If the connection is lost the lock is gone with it, and so is this process.  Even
  without the lock no second writer could fork a log: heads change by compare-and-swap.
* **Durable** means what PostgreSQL means by ``synchronous_commit``: the write-ahead log
  is flushed here, and at the synchronous standby where the administrator configured
  one.  A server that does not flush (``fsync = off``) is refused.
* Reading transactions are ``REPEATABLE READ, READ ONLY``: one state, no waiting.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

from sqlalchemy import text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from server.storage.direct import Direct
from server.storage.executor import Awaiting, in_turn
from server.storage.faults import translated
from server.storage.interfaces import Done, Next, StoreBrokenError, Work
from server.storage.schema import upgraded
from server.storage.store import SqlTables, tables_of

R = TypeVar("R")
Held = tuple[AsyncConnection, Any]  # the writer's, and asyncpg's under it

READERS: Final = 4  # connections
WRITER_LOCK: Final = 0x4B4F4552  # "KOER": the advisory lock of the one writer
ANSWER: Final = 60.0  # seconds for one statement; then the server counts as gone
UNSAFE: Final = {"off", "local"}  # values of synchronous_commit that lose answers


class PostgresStore:
    """See :class:`server.storage.interfaces.Store`."""

    def __init__(self, url: URL) -> None:
        # Its transactions begin and end at the driver, past SQLAlchemy.
        self._writer = _engine(url, 1, isolation="AUTOCOMMIT")
        self._reader = postgres_reader(url, connections=READERS)
        self._connection: AsyncConnection | None = None
        self._held: Held | None = None
        self._reading = asyncio.Semaphore(READERS)
        self._writing = asyncio.Lock()

    async def open_(self) -> None:
        """Take the database for this process, and bring its schema up to date.

        Raises:
            StoreBrokenError: not reachable, another relay writes to it, it does not
                flush what it commits, or it is of another schema.
        """
        with translated():
            connection = self._connection = await self._writer.connect()
            driver = await _driver(connection)
            direct = Direct(connection, driver)
            async with _transaction(direct), connection.begin():
                await direct.flush()  # so that it has begun: tables come all or none
                await _alone(connection)
                await _durable(connection)
                await connection.run_sync(upgraded)
            self._held = connection, driver

    async def read(self, work: Work[R]) -> R:
        """Return what ``work`` reads, of one state."""
        async with self.reading() as tables:
            return await work(tables)

    async def write(self, work: Work[R]) -> R:
        """Return what ``work`` returns, when what it wrote is durable."""
        async with self.writing() as tables:
            return await work(tables)

    async def write_each(self, following: Next[R], done: Done[R]) -> None:
        """Write one after another; it waits as the driver does."""
        await in_turn(self.write, following, done)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[SqlTables]:
        """Run one reading transaction, step by step."""
        async with self._reading:
            with translated():
                async with self._reader.begin() as connection:
                    yield tables_of(Awaiting(connection))

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[SqlTables]:
        """Run one writing transaction, step by step; its end is the commit point."""
        async with self._writing:
            with translated():
                connection, driver = self._open()
                direct = Direct(connection, driver)
                async with _transaction(direct):
                    yield tables_of(direct)

    async def scrub(self) -> None:
        """Give the space of what was deleted free for other rows."""
        with translated():
            async with self._writing:
                _, driver = self._open()
                await driver.execute("VACUUM deliveries, envelopes, nacks, prekeys")

    def _open(self) -> "Held":
        if self._held is None or self._held[1].is_closed():
            raise StoreBrokenError("the connection of the writer is lost")
        return self._held

    async def close(self) -> None:
        """Give up all connections."""
        if self._connection is not None:
            await self._connection.close()
        await self._reader.dispose()
        await self._writer.dispose()


def postgres_reader(url: URL, *, connections: int) -> AsyncEngine:
    """Return the engine of connections that can only read, each of one state."""
    return _engine(url, connections, isolation="REPEATABLE READ", readonly=True)


def _engine(
    url: URL, connections: int, *, isolation: str, readonly: bool = False
) -> AsyncEngine:
    return create_async_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        isolation_level=isolation,
        execution_options={"postgresql_readonly": readonly},
        hide_parameters=True,  # an error text never holds what was stored
        connect_args={
            "command_timeout": ANSWER,
            "server_settings": {"application_name": "koerier-relay"},
        },
    )


async def _driver(connection: AsyncConnection) -> Any:  # noqa: ANN401 -- it has no types
    """Return asyncpg's own connection under SQLAlchemy's."""
    return (await connection.get_raw_connection()).driver_connection


@asynccontextmanager
async def _transaction(direct: Direct) -> AsyncIterator[None]:
    """Run one transaction of the writer; its end is the commit point."""
    try:
        yield
        await direct.commit()
    except BaseException:
        await direct.undo()
        raise


async def _alone(connection: AsyncConnection) -> None:
    taken = await connection.scalar(text(f"SELECT pg_try_advisory_lock({WRITER_LOCK})"))
    if not taken:
        raise StoreBrokenError("another relay writes to this database")


async def _durable(connection: AsyncConnection) -> None:
    for name in ("fsync", "full_page_writes"):
        if await connection.scalar(text(f"SHOW {name}")) != "on":
            raise StoreBrokenError(f"the server runs with {name} = off")
    if await connection.scalar(text("SHOW synchronous_commit")) in UNSAFE:
        await connection.execute(text("SET synchronous_commit = on"))


async def postgres_store(url: URL) -> PostgresStore:
    """Return the store in the database at ``url``.

    Raises:
        StoreBrokenError: see :meth:`PostgresStore.open_`.
    """
    store = PostgresStore(url)
    try:
        await store.open_()
    except BaseException:
        await store.close()
        raise
    return store
