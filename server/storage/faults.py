"""What the drivers raise, as the store's three errors.

No room is told apart, because the same thing may be tried later; so is a row that had
to be new and was not, which is our own bug; everything else (I/O, corruption, a server
that is gone or answers too late) means that what is durable is unknown.

Errors come as SQLAlchemy's, and as the drivers' own where statements go past it.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg
from sqlalchemy.exc import DBAPIError

from server.storage.interfaces import (
    StoreBrokenError,
    StoreConflictError,
    StoreError,
    StoreFullError,
)

DRIVERS: Final = (sqlite3.Error, asyncpg.PostgresError, asyncpg.InterfaceError)
NO_ROOM: Final = "53100"  # PostgreSQL's SQLSTATE disk_full: the statement is undone
INTEGRITY: Final = "23"  # ... the class of its integrity constraint violations


@contextmanager
def translated() -> Iterator[None]:
    """Turn the driver's errors into the store's."""
    try:
        yield
    except (DBAPIError, *DRIVERS) as error:
        told = _translated(getattr(error, "orig", None) or error)
        # PostgreSQL's text about a row that is there already has its values in it.
        conflict = isinstance(told, StoreConflictError)
        raise told from (None if conflict else error)
    except (OSError, TimeoutError) as error:  # asyncpg's, before SQLAlchemy sees them
        raise StoreBrokenError(type(error).__name__) from error


def _translated(error: BaseException) -> StoreError:
    """Return the store's error for a driver's; its text holds no bound values."""
    state = getattr(error, "sqlstate", None)
    code = getattr(error, "sqlite_errorcode", None)
    if code == sqlite3.SQLITE_FULL or state == NO_ROOM:
        return StoreFullError("no room")
    name = str(getattr(error, "sqlite_errorname", state) or type(error).__name__)
    if isinstance(error, sqlite3.IntegrityError) or name.startswith(INTEGRITY):
        return StoreConflictError(name)
    return StoreBrokenError(name)
