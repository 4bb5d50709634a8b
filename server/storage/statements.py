"""Statements of the hot path: SQLAlchemy writes them, once; the driver runs them.

A statement that goes through SQLAlchemy each time costs about as much as SQLite's work
for a whole submission, and a batch of one has eight of them.  So their text is kept,
for each dialect, and values go to the driver by place, as they are::

    GROW: Final = Statement(
        update(heads).where(heads.c.size == bindparam("old")).values(...), "old", ...
    )
    await executor.rows(GROW, 7, ...)

Values must be what the driver takes: bytes, int, str, None.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlalchemy import BindParameter, Dialect, Table, bindparam, insert
from sqlalchemy.sql.elements import CompilerElement

Values = tuple[Any, ...]
Rows = Sequence[Values]

CHUNKS: Final = (64, 16, 4, 1)  # rows in one INSERT: few texts, and few steps


class Statement:
    """A statement in Core, and its text for each dialect that ran it."""

    def __init__(self, core: CompilerElement, *names: str) -> None:
        self._core = core
        self._names = names
        self._texts: dict[str, tuple[str, tuple[int, ...]]] = {}

    def on(self, dialect: Dialect, values: Values) -> tuple[str, Values]:
        """Return text and parameters for a driver.

        Args:
            dialect: the driver's.
            values: of the parameters, in the order of their names above.
        """
        made = self._texts.get(dialect.name)
        if made is None:
            compiled: Any = self._core.compile(dialect=dialect)
            places = tuple(self._names.index(one) for one in compiled.positiontup)
            made = self._texts[dialect.name] = str(compiled), places
        text, places = made
        return text, tuple([values[place] for place in places])


class Lookup:
    """A statement about any number of values: one text for each power of two."""

    def __init__(
        self, core: Callable[[Sequence[BindParameter[Any]]], CompilerElement]
    ) -> None:
        self._core = core
        self._sized: dict[int, Statement] = {}

    def of(self, values: Sequence[Any]) -> tuple[Statement, Values]:
        """Return the statement for so many values, and what it is to be run with."""
        size = 1 << (len(values) - 1).bit_length()
        if size not in self._sized:
            names = [f"v{number}" for number in range(size)]
            core = self._core([bindparam(name) for name in names])
            self._sized[size] = Statement(core, *names)
        spare = [values[-1]] * (size - len(values))
        return self._sized[size], (*values, *spare)


_INSERTS: Final[dict[tuple[str, str, int], str]] = {}


def _parts(table: Table, dialect: Dialect) -> tuple[str, str]:
    """Return the driver's own INSERT of one row, before and after VALUES."""
    head, _, row = str(insert(table).compile(dialect=dialect)).partition(" VALUES ")
    return head, row


def insert_of_rows(table: Table, dialect: Dialect, rows: int) -> str:
    """Return an INSERT of so many whole rows, with parameters by place: SQLite's."""
    name = (table.name, dialect.name, rows)
    if name not in _INSERTS:
        head, row = _parts(table, dialect)
        _INSERTS[name] = f"{head} VALUES {', '.join([row] * rows)}"
    return _INSERTS[name]


def insert_of_columns(table: Table, dialect: Dialect) -> str:
    """Return an INSERT of any number of rows, an array for a column: PostgreSQL's."""
    name = (table.name, dialect.name, 0)
    if name not in _INSERTS:
        head, _ = _parts(table, dialect)
        arrays = ", ".join(
            f"${place}::{column.type.compile(dialect=dialect)}[]"
            for place, column in enumerate(table.columns, 1)
        )
        _INSERTS[name] = f"{head} SELECT * FROM unnest({arrays})"  # noqa: S608 -- names of ours
    return _INSERTS[name]
