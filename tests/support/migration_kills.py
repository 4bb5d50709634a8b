"""Kill a relay's first start at each statement; print what each kill left.

A program of its own, started by tests/unit/test_server_migrations.py: it forks, and a
process that forks should have no threads.  One line for each start: the number of the
statement before which it died (0: it lived), the version, and the tables there are.
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

from sqlalchemy import Connection, Engine, event, inspect, text
from sqlalchemy.engine import URL

from server.storage.engine import sqlite_reader
from server.storage.interfaces import StoreError
from server.storage.opening import located, open_store
from server.storage.postgres import postgres_reader
from server.storage.schema import version

KILLED = 9
MOST = 1_000  # statements


def die_at(number: int) -> None:
    """End this process before its statement ``number``."""
    left = [number]

    @event.listens_for(Engine, "before_cursor_execute")
    def count(*_: Any) -> None:  # noqa: ANN401 -- SQLAlchemy's arguments
        left[0] -= 1
        if not left[0]:
            os._exit(KILLED)


async def start(database: str) -> None:
    store = await open_store(database, Path("/"))
    await store.close()


def lives(database: str) -> NoReturn:
    """Start, and end this process: 0 done, 1 could not."""
    try:
        asyncio.run(start(database))
    except StoreError:
        os._exit(1)
    os._exit(0)


def look(connection: Connection) -> str:
    tables = sorted(set(inspect(connection).get_table_names()) - {"alembic_version"})
    return f"{version(connection)} {','.join(tables)}"


async def state(database: str) -> str:
    """Return what another program finds."""
    found = located(database, Path("/"))
    if isinstance(found, Path):
        engine = sqlite_reader(found)
        with engine.begin() as connection:
            return look(connection)
    return await state_of(found)


async def state_of(url: URL) -> str:
    engine = postgres_reader(url, connections=1)
    held = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
    try:
        for _ in range(MOST):  # the server has to notice that its client is dead
            async with engine.begin() as connection:
                if not await connection.scalar(held):
                    return await connection.run_sync(look)
            await asyncio.sleep(0.01)
    finally:
        await engine.dispose()
    raise TimeoutError


def main(database: str) -> None:
    for number in range(1, MOST):
        child = os.fork()
        if not child:
            die_at(number)
            lives(database)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status not in {0, KILLED}:
            sys.exit("a start after a kill failed")
        lived = not status
        print(0 if lived else number, asyncio.run(state(database)), flush=True)  # noqa: T201 -- it speaks to whoever started it
        if lived:
            return


if __name__ == "__main__":
    main(sys.argv[1])
