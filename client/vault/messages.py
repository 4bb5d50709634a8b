"""Messages in the vault: what people write, among all that machines keep there.

Receipts and heartbeats are records too, and soon the most of them; what is refused is
kept apart.  Neither may push a message out of sight.
"""

from typing import Final

from client.core.rows import RecordRow
from client.vault.columns import RECORD
from client.vault.database import Database
from crypto.types import Digest
from protocol.record_type import RULES

NAME: Final = 64  # hexadecimal digits of a whole name
LAST: Final = (1 << 63) - 1  # above the number of any record
# The words of the index `record_message`: with others it is not used.
_TYPES: Final = ", ".join(str(int(t)) for t, rule in RULES.items() if rule.labelled)
_MESSAGE: Final = f"refused IS NULL AND type IN ({_TYPES})"


class MessageRows:
    """What people wrote, here and elsewhere."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def newest(
        self, way: int, limit: int, older: Digest | None = None
    ) -> list[RecordRow]:
        """Return the newest messages of one way first; only those before ``older``."""
        query = (
            f"SELECT {RECORD} FROM record WHERE way = ? AND {_MESSAGE}"
            " AND number < coalesce((SELECT number FROM record WHERE name = ?), ?)"
            " ORDER BY number DESC LIMIT ?"
        )
        found = self._db.rows(query, way, older, LAST, limit)
        return [RecordRow(*row) for row in found]

    def named(self, start: str, way: int, limit: int) -> list[RecordRow]:
        """Return messages of one way whose name begins so, in hexadecimal."""
        try:
            span = [bytes.fromhex(start.ljust(NAME, filling)) for filling in "0f"]
        except ValueError:
            return []  # no name looks like that
        query = (  # the plus keeps the ways out: it is looked up by name
            f"SELECT {RECORD} FROM record WHERE name BETWEEN ? AND ?"
            f" AND +way = ? AND {_MESSAGE} ORDER BY name LIMIT ?"
        )
        return [RecordRow(*row) for row in self._db.rows(query, *span, way, limit)]
