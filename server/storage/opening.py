"""Which store a relay has: ``database`` in ``relay.toml``, a path or a URL.

::

    database = "data/relay.sqlite"                      # below the relay's home
    database = "postgresql://koerier@database/koerier"  # the password: PGPASSFILE

A password never stands in the configuration: asyncpg reads ``PGPASSWORD`` or the file
that ``PGPASSFILE`` names (0600), as every program for PostgreSQL does.
"""

import asyncio
from pathlib import Path
from typing import Final

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from server.config import ConfigError
from server.storage.check import faults_of
from server.storage.engine import sqlite_reader
from server.storage.faults import translated
from server.storage.interfaces import Store, StoreBrokenError
from server.storage.postgres import postgres_reader, postgres_store
from server.storage.store import sqlite_store

SCHEMES: Final = ("postgresql://", "postgres://")


def located(database: str, home: Path) -> Path | URL:
    """Return the file or the URL that ``database`` names.

    Raises:
        ConfigError: a URL that cannot be read, or one with a password in it.
    """
    if "://" not in database:
        return home / database
    if not database.startswith(SCHEMES):
        raise ConfigError("database: a path, or postgresql://USER@HOST:PORT/NAME")
    try:
        url = make_url(database)
    except (ArgumentError, ValueError):
        raise ConfigError("database: not a URL that can be read") from None
    if url.password is not None:
        raise ConfigError("database: no password here; PGPASSFILE names a file of them")
    return url.set(drivername="postgresql+asyncpg")


async def open_store(database: str, home: Path) -> Store:
    """Return the store that ``database`` names, its schema up to date.

    Raises:
        ConfigError: see :func:`located`.
        StoreBrokenError: not a database, corrupt, not reachable, of another schema.
    """
    found = located(database, home)
    if isinstance(found, Path):
        return await sqlite_store(found)
    return await postgres_store(found)


async def check_store(database: str, home: Path) -> list[str]:
    """Return one line for each fault of what is stored; the relay may be at work.

    Raises:
        ConfigError: see :func:`located`.
        StoreBrokenError: it cannot be read as a database.
    """
    found = located(database, home)
    if isinstance(found, Path):
        return await asyncio.to_thread(check_file, found)
    reader = postgres_reader(found, connections=1)
    try:
        with translated():
            async with reader.begin() as connection:
                return await connection.run_sync(faults_of)
    finally:
        await reader.dispose()


def check_file(path: Path) -> list[str]:
    """Return one line for each fault of the SQLite database at ``path``.

    Raises:
        StoreBrokenError: it cannot be read as a database.
    """
    if not path.is_file():
        raise StoreBrokenError("not there")
    engine = sqlite_reader(path)
    try:
        with translated(), engine.begin() as connection:
            return faults_of(connection)
    finally:
        engine.dispose()
