"""History in the vault: what was sent again to us, and what we send again.

An old record that came stands inside the record of today that brought it; here is only
where.  So it is no message of the inbox, nothing is kept twice, and what its signatures
are worth is asked each time.
"""

from typing import Final, get_args

from client.core.ports import HistoryType
from client.core.rows import IN, OUT, HistoryRow, RecordRow, ResendingRow
from client.vault.columns import RECORD
from client.vault.database import Database
from client.vault.messages import LAST, NAME
from crypto.types import Digest
from protocol.record_type import RULES, RecordType

_HISTORY: Final = "name, carrier, post, at"
_RESENDING: Final = (
    "request, post, terminal, since, until, last, cursor, sent, left_out, done"
)
_TYPES: Final = ", ".join(
    str(int(t))
    for t, rule in RULES.items()
    if rule.written
    and not rule.own_post
    and t not in {RecordType.HISTORY_REQUEST, RecordType.HISTORY_ANSWER}
)
# What a post wrote to us and was taken, and what was sealed to it.
_EXCHANGED: Final = (
    f"type IN ({_TYPES}) AND refused IS NULL AND at >= ? AND at <= ?"
    f" AND ((way = {IN} AND post = ?) OR (way = {OUT} AND EXISTS ("
    "SELECT 1 FROM target WHERE target.name = record.name AND target.post = ?"
    " AND target.seq IS NOT NULL)))"
)
# The words of the index `record_history`: with others it is not used.
_OF_HISTORY: Final = ", ".join(str(int(kind)) for kind in get_args(HistoryType))
_SAID: Final = f"refused IS NULL AND type IN ({_OF_HISTORY})"
# Not what is in the archive, as it was sent and not again.
_NEW: Final = (
    "NOT EXISTS (SELECT 1 FROM record"
    " WHERE record.name = history.name AND record.refused IS NULL)"
)


class HistoryStore:
    """The tables ``history`` and ``resending``."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def exchanged(
        self, post: str, span: tuple[int, int], places: tuple[int, int], limit: int
    ) -> list[tuple[int, RecordRow]]:
        """Return what was exchanged with a post, oldest first, each with its place.

        Args:
            post: with whom.
            span: written or received not before, not after; POSIX seconds.
            places: behind the first, up to the second: in the order they came.
            limit: at most so many.
        """
        after, last = places
        query = (
            f"SELECT number, {RECORD} FROM record WHERE {_EXCHANGED}"
            " AND number > ? AND number <= ? ORDER BY number LIMIT ?"
        )
        rows = self._db.rows(query, *span, post, post, after, last, limit)
        return [(row[0], RecordRow(*row[1:])) for row in rows]

    def of_type(self, kind: HistoryType) -> list[RecordRow]:
        """Return what was said of one type, both ways, unrefused, oldest first."""
        query = (
            f"SELECT {RECORD} FROM record WHERE type = ? AND {_SAID} ORDER BY number"
        )
        return [RecordRow(*row) for row in self._db.rows(query, kind)]

    def last_place(self) -> int:
        """Return the place of the newest record."""
        found = self._db.row("SELECT coalesce(max(number), 0) FROM record")
        return 0 if found is None else int(found[0])

    # --- what came

    def add(self, row: HistoryRow) -> None:
        """Keep where an old record stands; one that is there already stays."""
        self._db.run(
            f"INSERT OR IGNORE INTO history ({_HISTORY}) VALUES (?, ?, ?, ?)",
            *(row.name, row.carrier, row.post, row.at),
        )

    def came(
        self, limit: int, older: Digest | None = None, post: str | None = None
    ) -> list[HistoryRow]:
        """Return what was sent again and is not in the archive, the newest first."""
        query = (
            f"SELECT {_HISTORY} FROM history"
            f" WHERE {_NEW} AND number <"
            " coalesce((SELECT number FROM history WHERE name = ?), ?)"
            " AND (? IS NULL OR post = ?) ORDER BY number DESC LIMIT ?"
        )
        rows = self._db.rows(query, older, LAST, post, post, limit)
        return [HistoryRow(*row) for row in rows]

    def named(self, start: str, limit: int) -> list[HistoryRow]:
        """Return those whose name begins so, in hexadecimal."""
        try:
            span = [bytes.fromhex(start.ljust(NAME, filling)) for filling in "0f"]
        except ValueError:
            return []  # no name looks like that
        query = (
            f"SELECT {_HISTORY} FROM history WHERE name BETWEEN ? AND ?"
            f" AND {_NEW} ORDER BY name LIMIT ?"
        )
        return [HistoryRow(*row) for row in self._db.rows(query, *span, limit)]

    # --- what goes

    def resending(self, request: Digest) -> ResendingRow | None:
        """Return how far an agreed request is."""
        query = f"SELECT {_RESENDING} FROM resending WHERE request = ?"
        found = self._db.row(query, request)
        return None if found is None else ResendingRow(*found)

    def open_resendings(self) -> list[ResendingRow]:
        """Return the agreed requests that are not done."""
        rows = self._db.rows(f"SELECT {_RESENDING} FROM resending WHERE done = 0")
        return [ResendingRow(*row) for row in rows]

    def set_resending(self, row: ResendingRow) -> None:
        """Keep how far an agreed request is."""
        self._db.run(
            f"INSERT OR REPLACE INTO resending ({_RESENDING})"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            *(row.request, row.post, row.terminal, row.since, row.until),
            *(row.last, row.cursor, row.sent, row.left_out, row.done),
        )

    def on_the_way(self, terminal: bytes) -> int:
        """Return how many old records are on their way to a terminal."""
        query = (
            "SELECT count(*) FROM target JOIN record USING (name)"
            " WHERE terminal = ? AND released = 0 AND type = ?"
        )
        found = self._db.row(query, terminal, RecordType.HISTORY)
        return 0 if found is None else int(found[0])
