"""What the drivers raise, as the store's three errors.

No room is told apart, because the same thing may be tried later; an integrity error
is our own bug and goes up as it is; everything else (I/O, corruption, a server that is
gone or answers too late) means that what is durable is unknown.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import DBAPIError, IntegrityError

from server.storage.interfaces import StoreBrokenError, StoreFullError

NO_ROOM: Final = "53100"  # PostgreSQL's SQLSTATE disk_full: the statement is undone


@contextmanager
def translated() -> Iterator[None]:
    """Turn the driver's errors into the store's."""
    try:
        yield
    except IntegrityError:
        raise  # a row that had to be new was not: our own bug
    except DBAPIError as error:
        raise _translated(error) from error
    except (OSError, TimeoutError) as error:  # asyncpg's, before SQLAlchemy sees them
        raise StoreBrokenError(type(error).__name__) from error


def _translated(error: DBAPIError) -> StoreFullError | StoreBrokenError:
    """Return the store's error for a driver's; its text holds no bound values."""
    state = getattr(error.orig, "sqlstate", None)
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code == sqlite3.SQLITE_FULL or state == NO_ROOM:
        return StoreFullError("no room")
    name = getattr(error.orig, "sqlite_errorname", state)
    return StoreBrokenError(str(name or type(error.orig).__name__))
