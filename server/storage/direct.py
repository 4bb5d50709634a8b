"""The writer's transactions on PostgreSQL, at the driver: as few round trips as can be.

A statement is a round trip, and a batch wrote six tables.  So what is to be written
waits, and goes together, as the parts of one WITH, before the next statement that
reads or at the end::

    WITH w0 AS (INSERT INTO envelopes ...), w1 AS (INSERT INTO deliveries ...), ...,
         w5 AS (UPDATE heads ... RETURNING size)
    SELECT 1 / count(*) FROM w5

PostgreSQL runs all parts, checks foreign keys when all are done, and undoes all if one
fails: a compare and swap that finds no row fails as a division by zero.  No part sees
what another one wrote, so a table stands in one part only.

A statement by itself is a transaction, and is committed when the server is ready for
the next one.  So BEGIN and COMMIT are sent only where something is written before the
end.  What was read until then was read of the same state: READ COMMITTED gives each
statement its own, and nobody else writes.
"""

import re
from typing import Any, Final

import asyncpg
from sqlalchemy import CursorResult, Executable, Table
from sqlalchemy.ext.asyncio import AsyncConnection

from server.storage.executor import Awaiting, Parameters
from server.storage.interfaces import StoreBrokenError
from server.storage.statements import Rows, Statement, Values, insert_of_columns

PLACE: Final = re.compile(r"\$(\d+)")  # a parameter


class Direct(Awaiting):
    """One transaction; :meth:`commit` or :meth:`undo` ends it."""

    def __init__(self, connection: AsyncConnection, driver: Any) -> None:  # noqa: ANN401 -- asyncpg has no types
        super().__init__(connection)
        self._driver = driver
        self._begun = False
        self._parts: list[tuple[str, Values]] = []  # what waits
        self._tables: set[str] = set()
        self._swaps = False  # the last part is a swap

    async def execute(
        self, statement: Executable, parameters: Parameters = None, /
    ) -> CursorResult[Any]:
        """Run a statement."""
        await self.flush()
        return await super().execute(statement, parameters)

    async def scalar(self, statement: Executable, /) -> Any:  # noqa: ANN401
        """Run a statement."""
        await self.flush()
        return await super().scalar(statement)

    async def rows(self, statement: Statement, /, *values: object) -> Rows:
        """Run a statement that reads, at the driver."""
        if self._parts:
            await self.flush()
        text, given = statement.on(self._connection.dialect, values)
        rows: Rows = await self._driver.fetch(text, *given)
        return rows

    async def insert(self, table: Table, rows: Rows, otherwise: str = "", /) -> None:
        """Insert whole rows, an array for each column, when it is time."""
        if not rows:
            return
        if table.name in self._tables or self._swaps:
            await self.flush()
        into = insert_of_columns(table, self._connection.dialect)
        self._parts.append((into + otherwise, tuple(zip(*rows, strict=True))))
        self._tables.add(table.name)

    async def swap(self, statement: Statement, /, *values: object) -> None:
        """Run a compare and swap, when it is time."""
        if self._swaps:
            await self.flush()
        self._parts.append(statement.on(self._connection.dialect, values))
        self._swaps = True

    async def flush(self) -> None:
        """Begin, if that was not done, and write what waits."""
        if not self._begun:
            await self._driver.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
            self._begun = True
        await self._write()

    async def _write(self) -> None:
        if not self._parts:
            return
        parts, swaps = self._parts, self._swaps
        self._parts, self._tables, self._swaps = [], set(), False
        given = [value for _, values in parts for value in values]
        try:
            await self._driver.fetch(_together(parts, swaps=swaps), *given)
        except asyncpg.DivisionByZeroError:
            raise StoreBrokenError("the log was changed by another writer") from None

    async def commit(self) -> None:
        """Write what waits; when this returns, all is durable.

        Raises:
            StoreBrokenError: the server undid what was written before.
        """
        # A crash before the server's answer leaves nothing of the transaction or all of
        # it, and so does a connection that is lost here: the process ends, and the next
        # start reads which.
        await self._write()
        if self._begun:
            self._begun = False
            # A transaction that failed is undone, and only this answer says so.
            if await self._driver.execute("COMMIT") != "COMMIT":
                raise StoreBrokenError("the transaction was undone")

    async def undo(self) -> None:
        """Leave nothing of it."""
        if self._begun and not self._driver.is_closed():
            await self._driver.execute("ROLLBACK")


_TEXTS: Final[dict[tuple[str, ...], str]] = {}


def _together(parts: list[tuple[str, Values]], *, swaps: bool) -> str:
    """Return one statement of all, which fails if the swap at its end finds no row."""
    shape = tuple([text for text, _ in parts])
    if shape not in _TEXTS:
        passed, moved = 0, []
        for text, values in parts:
            moved.append(_moved(text, passed))
            passed += len(values)
        if swaps:
            moved.append(f"SELECT 1 / count(*) FROM w{len(parts) - 1}")  # noqa: S608 -- ours
        *first, last = moved
        named = [f"w{number} AS ({text})" for number, text in enumerate(first)]
        _TEXTS[shape] = f"WITH {', '.join(named)} {last}" if named else last
    return _TEXTS[shape]


def _moved(text: str, passed: int) -> str:
    """Return a statement whose parameters stand after so many others."""
    return PLACE.sub(lambda place: f"${int(place[1]) + passed}", text)
