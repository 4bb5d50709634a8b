"""The vault's half that follows: places, nacks, alarms, peers, checkpoints.

:class:`client.core.ports.Following` over SQLite.
"""

from client.core.rows import (
    IN,
    OUT,
    AlarmRow,
    Deposit,
    NackRow,
    PeerRow,
    RecordRow,
    Target,
)
from client.vault.columns import DEPOSIT, RECORD, TARGET, target_of
from client.vault.database import Database
from crypto.types import Digest, KeyId, MessageId, StreamId
from protocol.record_type import RecordType

_ALARM = "number, what, name, post, since, last, times, ended"
_SAME = "what = ? AND name IS ? AND post = ? AND ended IS NULL"


class FollowingStore:
    """What holes, nacks, heartbeats and alarms look up."""

    def __init__(self, database: Database) -> None:
        self._db = database

    # --- by place, by body, by id

    def targets_at(
        self, terminal: KeyId, stream: StreamId, span: tuple[int, int], limit: int
    ) -> list[Target]:
        """Return the targets in the places of ``span``, ends included, lowest first."""
        query = (
            f"SELECT {TARGET} FROM target WHERE terminal = ? AND stream = ?"
            " AND seq BETWEEN ? AND ? ORDER BY seq LIMIT ?"
        )
        rows = self._db.rows(query, terminal, stream, *span, limit)
        return [target_of(row) for row in rows]

    def open_targets(self) -> list[Target]:
        """Return the targets that are not released, oldest record first."""
        columns = ", ".join(f"target.{name}" for name in TARGET.split(", "))
        query = (
            f"SELECT {columns} FROM target JOIN record USING (name)"
            " WHERE released = 0 ORDER BY number, terminal"
        )
        return [target_of(row) for row in self._db.rows(query)]

    def open_at(
        self, terminal: KeyId, stream: StreamId, span: tuple[int, int]
    ) -> list[Target]:
        """Return the targets in the places of ``span`` that are not released."""
        query = (
            f"SELECT {TARGET} FROM target WHERE terminal = ? AND stream = ?"
            " AND seq BETWEEN ? AND ? AND released = 0 ORDER BY seq"
        )
        return [target_of(row) for row in self._db.rows(query, terminal, stream, *span)]

    def unconfirmed(self) -> list[tuple[KeyId, str, int]]:
        """Return (terminal, its post, since) of who owes us a word, by terminal.

        What is sealed and not released counts, and heartbeats do not.
        """
        return self._db.rows(
            "SELECT terminal, target.post, MIN(at) FROM target JOIN record USING (name)"
            " WHERE released = 0 AND seq IS NOT NULL AND type <> ?"
            " GROUP BY terminal ORDER BY terminal",
            RecordType.HEARTBEAT,
        )

    def late_targets(self, now: int) -> list[Target]:
        """Return the targets past their deadline that nobody was told of."""
        query = (
            f"SELECT {TARGET} FROM target"
            " WHERE overdue = 0 AND deadline <= ? AND released = 0"
        )
        return [target_of(row) for row in self._db.rows(query, now)]

    def owe_action(self, name: Digest, post: str, due: int) -> None:
        """Note that ``post`` is to acknowledge a record; the first time counts."""
        self._db.run(
            "INSERT OR IGNORE INTO obligation (name, post, due) VALUES (?, ?, ?)",
            *(name, post, due),
        )

    def acted(self, name: Digest, post: str) -> None:
        """Forget it: it was acknowledged, refused or withdrawn."""
        self._db.run("DELETE FROM obligation WHERE name = ? AND post = ?", name, post)

    def late_actions(self, now: int) -> list[tuple[Digest, str]]:
        """Return (record, post) of what is past its time, each once."""
        query = "SELECT name, post FROM obligation WHERE told = 0 AND due <= ?"
        late = self._db.rows(query, now)
        self._db.run("UPDATE obligation SET told = 1 WHERE told = 0 AND due <= ?", now)
        return late

    def deposit_of(self, body: Digest) -> Deposit | None:
        """Return the deposit with this H(body ciphertext)."""
        query = f"SELECT {DEPOSIT} FROM deposit WHERE substr(leaf, 34) = ?"
        found = self._db.row(query, body)
        return None if found is None else Deposit(*found)

    def records_with(self, message: MessageId) -> list[RecordRow]:
        """Return the records with this message id: one, unless somebody lies."""
        query = f"SELECT {RECORD} FROM record WHERE id = ? ORDER BY number"
        return [RecordRow(*row) for row in self._db.rows(query, message)]

    def held(self, reason: str) -> list[RecordRow]:
        """Return the records that are kept unread for ``reason``, oldest first."""
        query = (
            f"SELECT {RECORD} FROM record WHERE way = ? AND refused = ? ORDER BY number"
        )
        return [RecordRow(*row) for row in self._db.rows(query, IN, reason)]

    def said_since(self, at: int) -> list[RecordRow]:
        """Return the records of receipts that were written here since, oldest first."""
        query = (
            f"SELECT {RECORD} FROM record WHERE way = ? AND type = ? AND at >= ?"
            " ORDER BY number"
        )
        rows = self._db.rows(query, OUT, RecordType.RECEIPT, at)
        return [RecordRow(*row) for row in rows]

    def streams_in(self) -> list[tuple[KeyId, StreamId, bytes]]:
        """Return every stream that comes in, encoded."""
        return self._db.rows("SELECT terminal, stream, state FROM stream_in")

    # --- nacks

    def keep_nack(self, nack: NackRow) -> None:
        """Keep a nack until the relay took it; one for the same body is replaced."""
        self._db.run(
            "INSERT OR REPLACE INTO nack_due VALUES (?, ?, ?, ?)",
            *(nack.body, nack.document, nack.signature, nack.mailbox),
        )

    def due_nacks(self) -> list[NackRow]:
        """Return the nacks that the relay has not taken."""
        query = "SELECT body, document, signature, mailbox FROM nack_due ORDER BY body"
        return [NackRow(*row) for row in self._db.rows(query)]

    def forget_nack(self, body: Digest) -> None:
        """Forget a nack: the relay has it durably."""
        self._db.run("DELETE FROM nack_due WHERE body = ?", body)

    # --- alarms

    def raise_alarm(self, at: int, what: str, name: Digest | None, post: str) -> bool:
        """Note an alarm; True when its cause did not stand already."""
        if self._db.row(f"SELECT 1 FROM alarm WHERE {_SAME}", what, name, post):
            query = f"UPDATE alarm SET last = ?, times = times + 1 WHERE {_SAME}"
            self._db.run(query, at, what, name, post)
            return False
        self._db.run(
            "INSERT INTO alarm (what, name, post, since, last, times)"
            " VALUES (?, ?, ?, ?, ?, 1)",
            *(what, name, post, at, at),
        )
        return True

    def end_alarm(self, at: int, what: str, name: Digest | None, post: str) -> bool:
        """Note that the cause went away; True when it stood."""
        query = f"SELECT 1 FROM alarm WHERE {_SAME}"
        stood = self._db.row(query, what, name, post) is not None
        query = f"UPDATE alarm SET ended = ? WHERE {_SAME}"
        self._db.run(query, at, what, name, post)
        return stood

    def alarms(self, limit: int, *, ended: bool) -> list[AlarmRow]:
        """Return the newest alarms first; those that ended too, if asked."""
        condition = "" if ended else " WHERE ended IS NULL"
        query = f"SELECT {_ALARM} FROM alarm{condition} ORDER BY number DESC LIMIT ?"
        return [AlarmRow(*row) for row in self._db.rows(query, limit)]

    # --- peers

    def peer(self, terminal: KeyId) -> PeerRow | None:
        """Return what is known of the traffic with a terminal."""
        query = (
            "SELECT terminal, exchanged, beaten, day, minute, watch"
            " FROM peer WHERE terminal = ?"
        )
        found = self._db.row(query, terminal)
        return None if found is None else PeerRow(*found)

    def set_peer(self, row: PeerRow) -> None:
        """Replace it."""
        self._db.run(
            "INSERT OR REPLACE INTO peer VALUES (?, ?, ?, ?, ?, ?)",
            *(row.terminal, row.exchanged, row.beaten, row.day, row.minute, row.watch),
        )

    # --- checkpoints of the message log

    def add_checkpoint(self, size: int, root: Digest, witnessed: int) -> None:
        """Note an adopted checkpoint; of one size the earliest time is kept."""
        self._db.run(
            "INSERT OR IGNORE INTO checkpoint VALUES (?, ?, ?)", size, root, witnessed
        )

    def checkpoint_over(self, index: int) -> tuple[int, Digest, int] | None:
        """Return the first checkpoint that covers the leaf at ``index``."""
        query = (
            "SELECT size, root, witnessed FROM checkpoint WHERE size > ?"
            " ORDER BY size LIMIT 1"
        )
        return self._db.row(query, index)

    def checkpoints(self) -> list[tuple[int, Digest, int]]:
        """Return (size, root, witnessed), smallest first."""
        return self._db.rows(
            "SELECT size, root, witnessed FROM checkpoint ORDER BY size"
        )
