"""How tables reach a connection: one seam for drivers that wait and drivers that block.

Tables are written once, with ``await`` at each statement.  PostgreSQL's driver
(asyncpg) waits as they do.  SQLite's driver blocks, and to hand each of its calls to a
thread costs more than the calls: nine statements of a batch were 7 ms that way and 1 ms
of work.  So a whole transaction runs in one thread, and
:func:`driven` takes its coroutine to the end there, because it never really waits.

What a deposit does goes to the driver itself (:mod:`server.storage.statements`); what
is rare goes through SQLAlchemy, over the same connection, in the same transaction.
"""

import sqlite3
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from itertools import chain
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, CursorResult, Executable, Table
from sqlalchemy.ext.asyncio import AsyncConnection

from server.storage.interfaces import (
    Done,
    Next,
    StoreBrokenError,
    StoreFullError,
    Work,
)
from server.storage.statements import (
    CHUNKS,
    Rows,
    Statement,
    insert_of_columns,
    insert_of_rows,
)

R = TypeVar("R")
Parameters = Sequence[Mapping[str, Any]] | None


class Executor(Protocol):
    """What tables need of a connection."""

    async def execute(
        self, statement: Executable, parameters: Parameters = None, /
    ) -> CursorResult[Any]:
        """Run a statement, through SQLAlchemy."""

    async def scalar(self, statement: Executable, /) -> Any:  # noqa: ANN401
        """Run a statement and return the first column of its first row."""

    async def rows(self, statement: Statement, /, *values: object) -> Rows:
        """Run a statement that reads, at the driver; return its rows, as tuples."""

    async def insert(self, table: Table, rows: Rows, otherwise: str = "", /) -> None:
        """Insert whole rows at the driver, values in the order of the columns.

        ``otherwise`` is SQL's ON CONFLICT clause, which both engines have; no row may
        come twice.  It is done, and fails, before the next statement that returns
        something or before the commit, whichever comes first.
        """

    async def swap(self, statement: Statement, /, *values: object) -> None:
        """Run an UPDATE ... RETURNING that must find one row, as late as an insert.

        Raises:
            StoreBrokenError: there was none, so that somebody else writes.
        """


def found(swapped: Rows) -> None:
    """Return if a compare and swap found its row.

    Raises:
        StoreBrokenError: it did not.
    """
    if len(swapped) != 1:
        raise StoreBrokenError("the log was changed by another writer")


def driver_of(connection: Connection) -> sqlite3.Connection:
    """Return SQLite's own connection under SQLAlchemy's."""
    raw: Any = connection.connection.driver_connection  # of any driver, for its types
    driver: sqlite3.Connection = raw
    return driver


class Blocking:
    """A connection whose driver blocks; used in a thread, through :func:`driven`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._driver = driver_of(connection)

    async def execute(
        self, statement: Executable, parameters: Parameters = None, /
    ) -> CursorResult[Any]:
        """Run a statement, here and now."""
        return self._connection.execute(statement, parameters)

    async def scalar(self, statement: Executable, /) -> Any:  # noqa: ANN401
        """Run a statement, here and now."""
        return self._connection.scalar(statement)

    async def rows(self, statement: Statement, /, *values: object) -> Rows:
        """Run a statement at the driver, here and now."""
        text, given = statement.on(self._connection.dialect, values)
        return self._driver.execute(text, given).fetchall()

    async def swap(self, statement: Statement, /, *values: object) -> None:
        """Run a compare and swap, here and now."""
        found(await self.rows(statement, *values))

    async def insert(self, table: Table, rows: Rows, otherwise: str = "", /) -> None:
        """Insert whole rows, here and now.

        Many in one statement: the driver gives the interpreter away at each, and on a
        busy relay it has to wait for it to come back.
        """
        dialect, start = self._connection.dialect, 0
        for size in CHUNKS:
            while len(rows) - start >= size:
                given = chain.from_iterable(rows[start : start + size])
                text = insert_of_rows(table, dialect, size) + otherwise
                self._driver.execute(text, tuple(given))
                start += size


class Awaiting:
    """A connection whose driver waits, in a transaction of SQLAlchemy's.

    The writer's goes past it: :mod:`server.storage.direct`.
    """

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def execute(
        self, statement: Executable, parameters: Parameters = None, /
    ) -> CursorResult[Any]:
        """Run a statement."""
        return await self._connection.execute(statement, parameters)

    async def scalar(self, statement: Executable, /) -> Any:  # noqa: ANN401
        """Run a statement."""
        return await self._connection.scalar(statement)

    async def rows(self, statement: Statement, /, *values: object) -> Rows:
        """Run a statement."""
        text, given = statement.on(self._connection.dialect, values)
        done = await self._connection.exec_driver_sql(text, given)
        return [tuple(row) for row in done]

    async def swap(self, statement: Statement, /, *values: object) -> None:
        """Run a compare and swap."""
        found(await self.rows(statement, *values))

    async def insert(self, table: Table, rows: Rows, otherwise: str = "", /) -> None:
        """Insert whole rows."""
        if rows:
            into = insert_of_columns(table, self._connection.dialect)
            columns = tuple(zip(*rows, strict=True))
            await self._connection.exec_driver_sql(into + otherwise, columns)


def driven(coroutine: Coroutine[Any, Any, R]) -> R:
    """Return what ``coroutine`` returns; it must not wait for anything.

    Raises:
        RuntimeError: it waited, for a clock or a socket inside a transaction: a bug.
    """
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: R = done.value
        return result
    coroutine.close()
    raise RuntimeError("a transaction that waits for something else")


async def in_turn(
    write: Callable[[Work[R]], Awaitable[R]], following: Next[R], done: Done[R]
) -> None:
    """Write one after another, in the loop; see ``Store.write_each``."""
    while (work := following()) is not None:
        try:
            outcome: R | StoreFullError = await write(work)
        except StoreFullError as error:
            outcome = error
        done(outcome)()
