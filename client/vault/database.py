"""The vault's database: one SQLite file, encrypted as a whole.

ChaCha20-Poly1305 per page (SQLite3 Multiple Ciphers) under the vault key, so that
file, write-ahead log and temporary pages are ciphertext.  ``synchronous=EXTRA`` is
set before the write-ahead log is switched on: set after it, acknowledged rows were
lost in simulated power cuts.

One process owns the database (:mod:`client.vault.opening` holds its lock); every
change goes through :meth:`Database.transaction`.

A disk that fails is told apart: full or read-only may pass, so whoever asked is
refused and may ask again; damaged means that nothing here is trusted any more.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

import apsw

from client.vault.schema import STEPS
from crypto.types import Secret

Row = tuple[Any, ...]
# What a later attempt may survive; any other fault of the file is damage.
_PASSING = (
    apsw.FullError,
    apsw.ReadOnlyError,
    apsw.CantOpenError,
    apsw.BusyError,
    apsw.LockedError,
)
_DAMAGE = (apsw.CorruptError, apsw.NotADBError, apsw.IOError, apsw.FormatError)


_POINT = "koerier"  # of one name: SQLite takes the innermost


class VaultError(Exception):
    """The vault does not open: wrong key, or damaged."""


class NewerError(VaultError):
    """It was written by a later version of Koerier."""


class DiskError(VaultError):
    """The disk is full or read-only: nothing was written, nothing is lost."""


class Database:
    """An open vault.  Not shared between threads."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    @classmethod
    def open(cls, path: Path | None, key: Secret) -> Self:
        """Open the database at ``path``, making it if it is not there.

        Args:
            path: the file; None keeps everything in memory (simulation).
            key: 32 bytes, the vault key.

        Raises:
            NewerError: of a later version; nothing was touched.
            DiskError: the disk does not take what opening writes.
            VaultError: not this key, or damaged.
        """
        new = path is None or not path.exists()
        connection = apsw.Connection(":memory:" if path is None else str(path))
        try:
            if path is not None:  # memory is not encrypted: nothing of it is kept
                connection.pragma("cipher", "chacha20")
                connection.pragma("key", f"raw:{key.reveal().hex()}")
            with _told():
                _prepare(connection, new=new)
        except (apsw.Error, VaultError) as error:
            connection.close(force=True)
            raise error if isinstance(error, VaultError) else VaultError from None
        return cls(connection)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit everything inside together, durably, or nothing.

        A crash inside leaves the state before it; whoever asked is told nothing
        until the commit returned, and asks again.

        Raises:
            DiskError: nothing of it was written.
            VaultError: the file is damaged.
        """
        with _told():
            self._connection.execute(f"SAVEPOINT {_POINT}")
            try:
                yield
                self._connection.execute(f"RELEASE {_POINT}")
            except BaseException:
                self._undo()
                raise

    def _undo(self) -> None:
        """Take back the innermost transaction; SQLite may have undone all already."""
        if self._connection.in_transaction:
            self._connection.execute(f"ROLLBACK TO {_POINT}; RELEASE {_POINT}")

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """See one state of everything inside, whatever is written meanwhile."""
        with _told():
            self._connection.execute("BEGIN")
            try:
                self._connection.execute("SELECT 1 FROM meta").fetchone()
                yield
            finally:
                self._connection.execute("ROLLBACK")

    def rows(self, statement: str, *values: object) -> list[Row]:
        """Return all rows of a query."""
        return list(self.each(statement, *values))

    def each(self, statement: str, *values: object) -> Iterator[Row]:
        """Yield the rows of a query, in constant memory."""
        with _told():
            yield from self._connection.execute(statement, values)

    def row(self, statement: str, *values: object) -> Row | None:
        """Return the first row of a query, or None."""
        with _told():
            return next(iter(self._connection.execute(statement, values)), None)

    def run(self, statement: str, *values: object) -> None:
        """Execute a statement inside the current transaction."""
        self._connection.execute(statement, values)

    def fill(self, table: str, rows: Iterator[Row]) -> None:
        """Insert rows that came from the same table of another vault."""
        for row in rows:
            marks = ",".join("?" * len(row))
            self._connection.execute(
                f"INSERT INTO {table} VALUES ({marks})",
                row,
            )

    def tables(self) -> list[str]:
        """Return the names of all tables."""
        query = (
            "SELECT name FROM sqlite_schema"
            " WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~'"
            " ORDER BY rowid"  # in the order of making: what is referred to first
        )
        return [name for (name,) in self.rows(query)]

    def get(self, name: str) -> bytes | None:
        """Return a named value, or None."""
        found = self.row("SELECT value FROM meta WHERE name = ?", name)
        return None if found is None else bytes(found[0])

    def put(self, name: str, value: bytes) -> None:
        """Set a named value."""
        self.run("INSERT OR REPLACE INTO meta VALUES (?, ?)", name, value)

    def compact(self) -> None:
        """Leave one file without free pages and without a write-ahead log."""
        with _told():
            self._connection.pragma("journal_mode", "delete")
            self._connection.execute("VACUUM")

    def check(self) -> None:
        """Raise VaultError if a page or an index is damaged."""
        if self.rows("PRAGMA integrity_check") != [("ok",)]:
            raise VaultError

    def sound(self) -> bool:
        """Tell whether every page opens under the key: each is authenticated."""
        try:
            return self.rows("PRAGMA quick_check(1)") == [("ok",)]
        except DiskError:
            raise
        except VaultError:
            return False

    def on_commit(self, told: Callable[[], None]) -> None:
        """Call ``told`` at each commit, a moment before it: to wake who looks later."""

        def hook() -> bool:
            told()
            return False  # let it commit

        self._connection.set_commit_hook(hook)

    def close(self) -> None:
        """Close the file; the write-ahead log is merged by SQLite."""
        self._connection.close()


@contextmanager
def _told() -> Iterator[None]:
    """Turn the library's faults of the disk into ours."""
    try:
        yield
    except _PASSING:
        raise DiskError from None
    except _DAMAGE as error:
        if _is_no_space(error):
            raise DiskError from None
        raise VaultError from None


def _is_no_space(error: apsw.Error) -> bool:
    """Tell whether a write failed before anything of it was there.

    Read and sync errors stay damage: after a failed sync nobody knows what the disk
    holds.
    """
    code = getattr(error, "extendedresult", 0)
    return code in {apsw.SQLITE_IOERR_WRITE, apsw.SQLITE_IOERR_SHMSIZE}


_CACHE: Final = -16 * 1024  # KiB of pages that are kept opened, as SQLite counts it
# Pages of the write-ahead log, 16 MiB, before they are written into the file: what
# a backlog writes again and again goes there once.
_LOG: Final = 4_096


def _prepare(connection: apsw.Connection, *, new: bool) -> None:
    connection.pragma("cache_size", _CACHE)
    connection.pragma("synchronous", "extra")
    connection.pragma("journal_mode", "wal")
    connection.wal_autocheckpoint(_LOG)
    connection.pragma("secure_delete", True)  # noqa: FBT003 -- the pragma's value
    connection.pragma("foreign_keys", True)  # noqa: FBT003 -- the pragma's value
    if not new and connection.pragma("user_version") == 0:
        raise VaultError  # a vault that was cut to nothing is not made anew in silence
    take_steps(connection, STEPS)


def take_steps(connection: apsw.Connection, steps: Sequence[str]) -> None:
    """Bring the database to the version of ``steps``, one transaction a step.

    A crash inside a step leaves the version before it, and the next opening takes
    the step again from its beginning.

    Raises:
        NewerError: it has been through more steps than there are.
    """
    version = connection.pragma("user_version")
    if version > len(steps):
        raise NewerError
    for number, step in enumerate(steps[version:], start=version + 1):
        with connection:
            connection.execute(step)
            connection.pragma("user_version", number)
