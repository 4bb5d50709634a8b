"""``koerier-relay backup``: a consistent copy of a SQLite store, the relay at work.

The copy is one file of one state, taken in one reading transaction; nobody waits for
it.  Before it gets its name it is checked like a store, and it is made a *past*: its
incarnation is taken out, so that a relay that is started from it begins another life
and terminals deposit again whatever has no receipt.  Its logs end where they ended
then; the witnesses have seen more, so it signs nothing and takes nothing before
``koerier-relay refill`` has caught up (docs/operations.md).

A PostgreSQL store is copied by PostgreSQL's own tools; :data:`WITH_PG_DUMP` says how.
"""

import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

from sqlalchemy.engine import URL

from server.config import ConfigError
from server.files import sync_folder
from server.storage.engine import BUSY_TIMEOUT
from server.storage.interfaces import StoreBrokenError
from server.storage.opening import check_file, located

WITH_PG_DUMP: Final = (
    "the store is PostgreSQL: `pg_dump --format=custom --file=OUT URL` copies it,"
    " and docs/operations.md says what a restored one needs"
)


def backup(database: str, home: Path, out: Path) -> Mapping[str, object]:
    """Copy the store to ``out``; return what is in the copy, as numbers.

    Raises:
        ConfigError: the store is PostgreSQL, or ``out`` is there.
        StoreBrokenError: the store, or the copy, does not agree.
    """
    found = located(database, home)
    if isinstance(found, URL):
        raise ConfigError(WITH_PG_DUMP)
    if out.exists():
        raise ConfigError(f"{out}: is there already")
    if not found.is_file():
        raise StoreBrokenError("not there")
    fresh = out.with_name(out.name + ".new")
    fresh.unlink(missing_ok=True)
    os.close(os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        sizes = _copied(found, fresh)
        _check(fresh)
        # A crash before the rename leaves a ``.new`` that is no backup, and that the
        # next one replaces.
        fresh.replace(out)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    sync_folder(out.parent)
    return {"format": "koerier-relay-backup/1", "logs": sizes}


def _check(copy: Path) -> None:
    faults = check_file(copy)
    if faults:
        raise StoreBrokenError(faults[0])


def _copied(source: Path, target: Path) -> Mapping[str, int]:
    try:
        with (
            closing(sqlite3.connect(source, timeout=BUSY_TIMEOUT)) as from_,
            closing(sqlite3.connect(target, isolation_level=None)) as to,
        ):
            from_.execute("PRAGMA query_only = ON")
            from_.execute("PRAGMA wal_autocheckpoint = 0")
            from_.backup(to)  # every page in one step: one state
            to.execute("PRAGMA journal_mode = DELETE")  # one file, without a log
            to.execute("PRAGMA synchronous = EXTRA")
            to.execute("DELETE FROM meta WHERE name = 'incarnation'")
            rows = to.execute("SELECT log, size FROM heads ORDER BY log").fetchall()
    except sqlite3.Error as error:
        raise StoreBrokenError(type(error).__name__) from error
    return {str(log): int(size) for log, size in rows}
