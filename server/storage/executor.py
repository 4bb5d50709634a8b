"""How tables reach a connection: one seam for drivers that wait and drivers that block.

Tables are written once, with ``await`` at each statement.  SQLAlchemy's connection to
PostgreSQL (asyncpg) is such a connection as it is.  SQLite's driver blocks, and to hand
each of its calls to a thread costs more than the calls: nine statements of a batch were
7 ms that way and 1 ms of work.  So a whole transaction runs in one thread, and
:func:`driven` takes its coroutine to the end there, because it never really waits.
"""

from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, CursorResult, Executable

R = TypeVar("R")
Parameters = Sequence[Mapping[str, Any]] | None


class Executor(Protocol):
    """What tables need of a connection."""

    async def execute(
        self, statement: Executable, parameters: Parameters = None, /
    ) -> CursorResult[Any]:
        """Run a statement."""

    async def scalar(self, statement: Executable, /) -> Any:  # noqa: ANN401
        """Run a statement and return the first column of its first row."""


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
