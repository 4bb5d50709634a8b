"""Attachments in the vault: :class:`client.core.ports.Blobs` over SQLite."""

from client.core.rows import BlobRow, BlobState
from client.vault.database import Database, Row
from crypto.types import Digest

_COLUMNS = "name, blob, way, file, total, lane, state, suite, number"


class BlobRows:
    """What is known of each blob; its bytes are in the spool."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, row: BlobRow) -> None:
        """Note a blob of a record; one that is known changes nothing."""
        self._db.run(
            "INSERT OR IGNORE INTO blob (name, blob, way, file, total, lane, state,"
            " suite) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            *(row.name, row.blob, row.way, row.file, row.total),
            *(row.lane, row.state, row.suite),
        )

    def set_state(self, row: BlobRow, state: BlobState) -> None:
        """Move a blob on, and note the suite that it opened under."""
        self._db.run(
            "UPDATE blob SET state = ?, suite = ? WHERE name = ? AND blob = ?",
            *(state, row.suite, row.name, row.blob),
        )

    def row(self, name: Digest, blob: Digest) -> BlobRow | None:
        """Return a blob of a record."""
        query = f"SELECT {_COLUMNS} FROM blob WHERE name = ? AND blob = ?"
        found = self._db.row(query, name, blob)
        return None if found is None else _row(found)

    def of(self, name: Digest) -> list[BlobRow]:
        """Return the blobs of a record, in the order they came."""
        query = f"SELECT {_COLUMNS} FROM blob WHERE name = ? ORDER BY number"
        return [_row(row) for row in self._db.rows(query, name)]

    def open_(self, way: int) -> list[BlobRow]:
        """Return the blobs that are not done, the most urgent and oldest first."""
        query = (
            f"SELECT {_COLUMNS} FROM blob"
            " WHERE way = ? AND state <> 3 ORDER BY lane, number"
        )
        return [_row(row) for row in self._db.rows(query, way)]

    def files(self) -> frozenset[str]:
        """Return the files of the spool that something still needs.

        What came in is kept; what went out, until every addressee has it.
        """
        query = "SELECT file FROM blob WHERE way = 0 OR state <> 3"
        return frozenset(file for (file,) in self._db.rows(query))


def _row(row: Row) -> BlobRow:
    name, blob, way, file, total, lane, state, suite, number = row
    state = BlobState(state)
    return BlobRow(name, blob, way, file, total, lane, state, suite, number)
