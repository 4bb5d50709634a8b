"""Migrations make what tables.py says, and a kill leaves the version before, whole."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from server.storage import schema
from server.storage.engine import sqlite_writer
from server.storage.interfaces import StoreBrokenError
from server.storage.opening import located, open_store
from server.storage.postgres import _engine
from server.storage.tables import metadata
from tests.support.stores import Located

ROOT = Path(__file__).parents[2]
R = TypeVar("R")


async def within(database: str, work: Callable[[Connection], R]) -> R:
    """Run ``work`` in a transaction of the store's own making."""
    found = located(database, Path("/"))
    if isinstance(found, Path):
        with sqlite_writer(found).begin() as connection:
            return work(connection)
    engine = _engine(found, 1, isolation="READ COMMITTED")
    async with engine.begin() as asynchronous:
        result = await asynchronous.run_sync(work)
    await engine.dispose()
    return result


PARTS = {  # of a schema, in words that each engine compares exactly
    "sqlite": "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL",
    "postgresql": """
        SELECT table_name || ' ' || column_name || ' ' || data_type || ' '
               || is_nullable || coalesce(column_default, '')
          FROM information_schema.columns WHERE table_schema = 'public'
        UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
        UNION ALL SELECT conrelid::regclass || ' ' || pg_get_constraintdef(oid)
          FROM pg_constraint WHERE connamespace = 'public'::regnamespace""",
}


def parts(connection: Connection) -> set[str]:
    """Return every table, column, index and constraint, without alembic's own."""
    rows = connection.execute(text(PARTS[connection.dialect.name])).scalars()
    return {one for row in rows for one in plain(str(row)) if schema.VERSION not in one}


def plain(line: str) -> list[str]:
    """Return a definition's parts in an order of their own: alembic's may differ."""
    head, _, body = re.sub(r"\s+", " ", line).partition("(")
    if not head.startswith("CREATE TABLE"):
        return [f"{head}({body}"]
    columns = re.split(r", (?![^(]*\))", body.rstrip(") "))
    return [f"{head}: {column.strip()}" for column in columns]


def made(connection: Connection) -> None:
    metadata.create_all(connection)


async def test_the_migrated_schema_is_what_the_tables_say(
    tmp_path: Path, database_of: Located
) -> None:
    for folder in ("migrated", "said"):
        (tmp_path / folder).mkdir()
    migrated, said = (database_of(tmp_path / name) for name in ("migrated", "said"))
    await (await open_store(migrated, tmp_path)).close()
    await within(said, made)
    assert await within(migrated, parts) == await within(said, parts)
    assert len(await within(said, parts)) > len(metadata.tables)

    def compared(connection: Connection) -> list[Any]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    assert await within(migrated, compared) == []
    assert await within(migrated, schema.version) == schema.newest()


async def test_a_migration_killed_at_each_statement_leaves_all_or_nothing(
    tmp_path: Path, database_of: Located
) -> None:
    program = ROOT / "tests/support/migration_kills.py"
    done = subprocess.run(  # noqa: S603, ASYNC221 -- our own program
        [sys.executable, program, database_of(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        timeout=300,
    )
    *kills, last = [line.split(" ", 2) for line in done.stdout.splitlines()]
    whole = [schema.newest(), ",".join(sorted(metadata.tables))]
    assert last == ["0", *whole]
    assert [int(number) for number, *_ in kills] == list(range(1, len(kills) + 1))
    assert len(kills) > len(metadata.tables)  # every CREATE was one of them
    states = [tuple(state) for _, *state in kills]
    assert set(states) <= {("None", ""), tuple(whole)}
    assert ("None", "") in states


async def test_a_newer_database_is_refused_and_left_as_it_is(
    tmp_path: Path, database_of: Located
) -> None:
    database = database_of(tmp_path)
    await (await open_store(database, tmp_path)).close()

    def newer(connection: Connection) -> None:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    await within(database, newer)
    with pytest.raises(StoreBrokenError, match="another schema"):
        await open_store(database, tmp_path)
    assert await within(database, schema.version) == "9999"


def test_the_migrations_are_part_of_the_package() -> None:
    """What is installed holds them: hatchling takes the folder as it is."""
    folder = Path(schema.__file__).parent / "migrations"
    assert (folder / "env.py").is_file()
    assert list((folder / "versions").glob("v*.py"))
