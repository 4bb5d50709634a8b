"""How tables reach a connection: one seam for drivers that wait and drivers that block.

Tables are written once, with ``await`` at each statement.  PostgreSQL's driver
(asyncpg) waits as they do.  SQLite's driver blocks, and to hand each of its calls to a
thread costs more than the calls: nine statements of a batch were 7 ms that way and 1 ms
of work.  So a whole transaction runs in one thread, and
:func:`driven` takes its coroutine to the end there, because it never really waits.
"""

from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar

from sqlalchemy import Connection, CursorResult, Dialect, Executable, Table, insert
from sqlalchemy.ext.asyncio import AsyncConnection

R = TypeVar("R")
Rows = Sequence[tuple[Any, ...]]
Parameters = Sequence[Mapping[str, Any]] | None


class Executor(Protocol):
    """What tables need of a connection."""

    async def execute(
        self, statement: Executable, parameters: Parameters = None, /
    ) -> CursorResult[Any]:
        """Run a statement."""

    async def scalar(self, statement: Executable, /) -> Any:  # noqa: ANN401
        """Run a statement and return the first column of its first row."""

    async def insert(self, table: Table, rows: Rows, otherwise: str = "", /) -> None:
        """Insert whole rows, their values in the order of the table's columns.

        ``otherwise`` is SQL's ON CONFLICT clause, which both engines have.

        The hot path: values go to the driver as they are.  SQLAlchemy's own handling
        of parameters cost more than SQLite's handling of the rows.
        """


_INTO: Final[dict[tuple[str, str], str]] = {}


def _into(table: Table, dialect: Dialect) -> str:
    """Return the driver's own INSERT of a whole row, with parameters by place."""
    name = (table.name, dialect.name)
    if name not in _INTO:
        _INTO[name] = str(insert(table).compile(dialect=dialect))
    return _INTO[name]


class Blocking:
    """A connection whose driver blocks; used in a thread, through :func:`driven`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def execute(
        self, statement: Executable, parameters: Parameters = None, /
    ) -> CursorResult[Any]:
        """Run a statement, here and now."""
        return self._connection.execute(statement, parameters)

    async def scalar(self, statement: Executable, /) -> Any:  # noqa: ANN401
        """Run a statement, here and now."""
        return self._connection.scalar(statement)

    async def insert(self, table: Table, rows: Rows, otherwise: str = "", /) -> None:
        """Insert whole rows, here and now."""
        if rows:
            into = _into(table, self._connection.dialect)
            self._connection.exec_driver_sql(into + otherwise, list(rows))


class Awaiting:
    """A connection whose driver waits."""

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

    async def insert(self, table: Table, rows: Rows, otherwise: str = "", /) -> None:
        """Insert whole rows."""
        if rows:
            into = _into(table, self._connection.dialect)
            await self._connection.exec_driver_sql(into + otherwise, list(rows))


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
