"""The writer's connection to PostgreSQL: what is written goes in one statement.

Each statement is a round trip, and a batch wrote six tables.  So what is to be written
waits, and goes together, as the parts of one WITH, before the next statement that
reads or at the end: :meth:`Direct.flush`, which must come before COMMIT::

    WITH w0 AS (INSERT INTO envelopes ...), w1 AS (INSERT INTO deliveries ...), ...
    UPDATE heads ... RETURNING size

PostgreSQL runs all parts, checks foreign keys when all are done, and undoes all if one
fails.  No part sees what another one wrote, so a table stands in one part only.
"""

import re
from typing import Any, Final

from sqlalchemy import CursorResult, Executable, Table
from sqlalchemy.ext.asyncio import AsyncConnection

from server.storage.executor import Awaiting, Parameters, found
from server.storage.statements import Rows, Statement, Values, insert_of_columns

PLACE: Final = re.compile(r"\$(\d+)")  # a parameter


class Direct(Awaiting):
    """One transaction of ours: the hot path goes past SQLAlchemy."""

    def __init__(self, connection: AsyncConnection, driver: Any) -> None:  # noqa: ANN401 -- asyncpg has no types
        super().__init__(connection)
        self._driver = driver
        self._parts: list[tuple[str, Values]] = []
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
        """Run a statement at the driver."""
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
        """Write what waits.

        Raises:
            StoreBrokenError: a swap found no row.
        """
        if not self._parts:
            return
        parts, swaps = self._parts, self._swaps
        self._parts, self._tables, self._swaps = [], set(), False
        given = [value for _, values in parts for value in values]
        rows = await self._driver.fetch(_together(parts), *given)
        if swaps:
            found(rows)


_TEXTS: Final[dict[tuple[str, ...], str]] = {}


def _together(parts: list[tuple[str, Values]]) -> str:
    """Return one statement of all; its rows are those that the last part returns."""
    shape = tuple([text for text, _ in parts])
    if shape not in _TEXTS:
        passed, moved = 0, []
        for text, values in parts:
            moved.append(_moved(text, passed))
            passed += len(values)
        *first, last = moved
        named = [f"w{number} AS ({text})" for number, text in enumerate(first)]
        _TEXTS[shape] = f"WITH {', '.join(named)} {last}" if named else last
    return _TEXTS[shape]


def _moved(text: str, passed: int) -> str:
    """Return a statement whose parameters stand after so many others."""
    return PLACE.sub(lambda place: f"${int(place[1]) + passed}", text)
