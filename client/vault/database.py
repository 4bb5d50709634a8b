"""The vault's database: one SQLite file, encrypted as a whole.

ChaCha20-Poly1305 per page (SQLite3 Multiple Ciphers) under the vault key, so that
file, write-ahead log and temporary pages are ciphertext.  ``synchronous=EXTRA`` is
set before the write-ahead log is switched on: set after it, acknowledged rows were
lost in simulated power cuts.

One process owns the database; every change goes through :meth:`Database.transaction`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import apsw

from client.vault.schema import STEPS
from crypto.types import Secret

Row = tuple[Any, ...]


class VaultError(Exception):
    """The vault does not open: wrong key, another version, or damaged."""


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
            VaultError: not this key, not this version, or damaged.
        """
        connection = apsw.Connection(":memory:" if path is None else str(path))
        try:
            if path is not None:  # memory is not encrypted: nothing of it is kept
                connection.pragma("cipher", "chacha20")
                connection.pragma("key", f"raw:{key.reveal().hex()}")
            cls._prepare(connection)
        except (apsw.Error, VaultError):
            connection.close(force=True)
            raise VaultError from None
        return cls(connection)

    @staticmethod
    def _prepare(connection: apsw.Connection) -> None:
        connection.pragma("synchronous", "extra")
        connection.pragma("journal_mode", "wal")
        connection.pragma("secure_delete", True)  # noqa: FBT003 -- the pragma's value
        connection.pragma("foreign_keys", True)  # noqa: FBT003
        version = connection.pragma("user_version")
        if version > len(STEPS):  # of a later Koerier: it knows what we would harm
            raise VaultError
        for taken, step in enumerate(STEPS[version:], version + 1):
            with connection:  # a crash before its commit: the next opening takes it
                connection.execute(step)
                connection.pragma("user_version", taken)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit everything inside together, durably, or nothing.

        A crash inside leaves the state before it; whoever asked is told nothing
        until the commit returned, and asks again.
        """
        with self._connection:
            yield

    def rows(self, statement: str, *values: object) -> list[Row]:
        """Return all rows of a query."""
        return list(self._connection.execute(statement, values))

    def row(self, statement: str, *values: object) -> Row | None:
        """Return the first row of a query, or None."""
        return next(iter(self._connection.execute(statement, values)), None)

    def run(self, statement: str, *values: object) -> None:
        """Execute a statement inside the current transaction."""
        self._connection.execute(statement, values)

    def get(self, name: str) -> bytes | None:
        """Return a named value, or None."""
        found = self.row("SELECT value FROM meta WHERE name = ?", name)
        return None if found is None else bytes(found[0])

    def put(self, name: str, value: bytes) -> None:
        """Set a named value."""
        self.run("INSERT OR REPLACE INTO meta VALUES (?, ?)", name, value)

    def forget_deleted(self) -> None:
        """Empty the write-ahead log: deleted secrets stay in it until then."""
        self._connection.pragma("wal_checkpoint", "truncate")

    def check(self) -> None:
        """Raise VaultError if a page or an index is damaged."""
        try:
            found = self.rows("PRAGMA integrity_check")
        except apsw.Error:
            raise VaultError from None
        if found != [("ok",)]:
            raise VaultError

    def close(self) -> None:
        """Close the file; the write-ahead log is merged by SQLite."""
        self._connection.close()
