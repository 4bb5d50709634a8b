"""The vault as the core sees it: :class:`client.core.ports.Vault` over SQLite."""

from collections.abc import Sequence
from contextlib import AbstractContextManager

import apsw

from client.core.rows import (
    IN,
    OUT,
    Deposit,
    EventRow,
    ReceiptRow,
    RecordRow,
    Target,
)
from client.vault.blobs import BlobRows
from client.vault.columns import (
    DEPOSIT,
    DEPOSIT_MARKS,
    RECORD,
    TARGET,
    TARGET_MARKS,
    of_deposit,
    of_target,
    target_of,
)
from client.vault.database import Database
from client.vault.following import FollowingStore
from client.vault.messages import MessageRows
from crypto.types import Digest, KeyId, PrekeyId, StreamId
from protocol.delivery import State
from protocol.label import Precedence
from protocol.slip import Place

RECENT = 256  # records looked at for whom we write to: bounds the query


class Store(FollowingStore):
    """Durable state of one terminal, in one encrypted database."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.blobs = BlobRows(database)
        self.messages = MessageRows(database)

    def transaction(self) -> AbstractContextManager[None]:
        """Commit everything inside together, durably, or nothing."""
        return self._db.transaction()

    def get(self, name: str) -> bytes | None:
        """Return a named value."""
        return self._db.get(name)

    def put(self, name: str, value: bytes) -> None:
        """Set a named value."""
        self._db.put(name, value)

    # --- the key log, as adopted

    def entries(self) -> list[tuple[bytes, int]]:
        """Return (entry, witnessed time of adoption) in order of position."""
        return self._db.rows("SELECT document, witnessed FROM entry ORDER BY position")

    def add_entries(self, start: int, entries: Sequence[bytes], witnessed: int) -> None:
        """Append adopted entries from position ``start`` on."""
        for position, entry in enumerate(entries, start):
            self._db.run(
                "INSERT INTO entry VALUES (?, ?, ?)", position, entry, witnessed
            )

    # --- records

    def add_record(self, row: RecordRow) -> None:
        """Keep a record; one that was kept apart under its name is replaced."""
        try:
            self._insert_record(row)
        except apsw.ConstraintError:  # hardly any is: to look first costs each one
            self._db.run(
                "DELETE FROM record WHERE name = ? AND refused IS NOT NULL", row.name
            )
            self._insert_record(row)

    def _insert_record(self, row: RecordRow) -> None:
        self._db.run(
            f"INSERT INTO record ({RECORD}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
            *(row.name, row.id, row.way, row.type, row.post, row.at, row.document),
            *(row.inner, row.release, row.leaf, row.log_index, row.proof, row.refused),
        )

    def record(self, name: Digest) -> RecordRow | None:
        """Return a record by its name."""
        found = self._db.row(f"SELECT {RECORD} FROM record WHERE name = ?", name)
        return None if found is None else RecordRow(*found)

    def records(self, way: int, limit: int) -> list[RecordRow]:
        """Return the newest records of one way first."""
        query = (
            f"SELECT {RECORD} FROM record WHERE way = ? ORDER BY number DESC LIMIT ?"
        )
        return [RecordRow(*row) for row in self._db.rows(query, way, limit)]

    def records_of(self, kind: int) -> list[RecordRow]:
        """Return the records of one type, both ways, unrefused, oldest first."""
        query = (
            f"SELECT {RECORD} FROM record"
            " WHERE type = ? AND refused IS NULL ORDER BY number"
        )
        return [RecordRow(*row) for row in self._db.rows(query, kind)]

    def set_logged(self, name: Digest, inner: bytes, leaf: bytes, index: int) -> None:
        """Note where a record that came by courier stands in the log after all."""
        self._db.run(
            "UPDATE record SET inner = ?, leaf = ?, log_index = ? WHERE name = ?",
            *(inner, leaf, index, name),
        )

    def set_proof(self, name: Digest, proof: bytes) -> None:
        """Note that the record's leaf is proven to stand in the log."""
        self._db.run("UPDATE record SET proof = ? WHERE name = ?", proof, name)

    def unproven(self, size: int) -> list[tuple[Digest, int]]:
        """Return (name, index) of received records with an unproven leaf < size."""
        return self._db.rows(
            "SELECT name, log_index FROM record"
            " WHERE way = ? AND proof IS NULL AND log_index < ? ORDER BY log_index",
            *(IN, size),
        )

    # --- outbox

    def add_target(self, target: Target) -> None:
        """Add a receiving terminal of a record."""
        self._db.run(
            f"INSERT INTO target ({TARGET}) VALUES ({TARGET_MARKS})",
            *of_target(target),
        )

    def set_target(self, target: Target) -> None:
        """Replace the row of the same record and terminal."""
        self._db.run(
            f"INSERT OR REPLACE INTO target ({TARGET}) VALUES ({TARGET_MARKS})",
            *of_target(target),
        )

    def drop_target(self, target: Target) -> None:
        """Forget a target that was never sealed to."""
        self._db.run(
            "DELETE FROM target WHERE name = ? AND terminal = ?",
            *(target.name, target.terminal),
        )

    def targets(self, name: Digest) -> list[Target]:
        """Return the receiving terminals of a record."""
        query = f"SELECT {TARGET} FROM target WHERE name = ? ORDER BY post, terminal"
        return [target_of(row) for row in self._db.rows(query, name)]

    def recent_terminals(self, limit: int) -> list[KeyId]:
        """Return the terminals written to last, the latest first."""
        query = (
            "SELECT terminal FROM (SELECT name, at FROM record WHERE way = ?"
            " ORDER BY at DESC LIMIT ?) JOIN target USING (name)"
            " GROUP BY terminal ORDER BY MAX(at) DESC, terminal LIMIT ?"
        )
        return [key for (key,) in self._db.rows(query, OUT, RECENT, limit)]

    def waiting(self, state: State) -> list[Target]:
        """Return the targets in ``state``, oldest record first."""
        columns = ", ".join(f"target.{name}" for name in TARGET.split(", "))
        query = (
            f"SELECT {columns} FROM target JOIN record USING (name)"
            " WHERE state = ? ORDER BY number, terminal"
        )
        return [target_of(row) for row in self._db.rows(query, state)]

    def add_deposit(self, deposit: Deposit) -> None:
        """Keep a sealed envelope until its record is delivered."""
        self._db.run(
            f"INSERT INTO deposit ({DEPOSIT}) VALUES ({DEPOSIT_MARKS})",
            *of_deposit(deposit),
        )

    def set_deposit(self, deposit: Deposit) -> None:
        """Replace the row of the same envelope."""
        self._db.run(
            f"INSERT OR REPLACE INTO deposit ({DEPOSIT}) VALUES ({DEPOSIT_MARKS})",
            *of_deposit(deposit),
        )

    def deposit(self, envelope: Digest) -> Deposit | None:
        """Return a deposit by H(envelope)."""
        query = f"SELECT {DEPOSIT} FROM deposit WHERE envelope = ?"
        found = self._db.row(query, envelope)
        return None if found is None else Deposit(*found)

    def deposits(self, name: Digest) -> list[Deposit]:
        """Return all seals of a record."""
        query = f"SELECT {DEPOSIT} FROM deposit WHERE name = ?"
        return [Deposit(*row) for row in self._db.rows(query, name)]

    def unstored(self) -> list[Deposit]:
        """Return the envelopes that the relay has not confirmed, oldest first."""
        return self._deposits("deposit.log_index IS NULL AND sealed IS NOT NULL")

    def unaccepted(self, size: int) -> list[Deposit]:
        """Return the stored deposits without a proof whose index is below size."""
        return self._deposits("accepted = 0 AND deposit.log_index < ?", size)

    def _deposits(self, condition: str, *values: object) -> list[Deposit]:
        columns = ", ".join(f"deposit.{name}" for name in DEPOSIT.split(", "))
        query = (
            f"SELECT {columns} FROM deposit JOIN record USING (name)"
            f" WHERE {condition} ORDER BY number, envelope"
        )
        return [Deposit(*row) for row in self._db.rows(query, *values)]

    # --- streams

    def stream_out(self, terminal: KeyId) -> Place | None:
        """Return the place last given to ``terminal``."""
        query = "SELECT stream, seq, prev FROM stream_out WHERE terminal = ?"
        found = self._db.row(query, terminal)
        return None if found is None else Place(*found)

    def set_stream_out(self, terminal: KeyId, place: Place) -> None:
        """Remember the place last given."""
        self._db.run(
            "INSERT OR REPLACE INTO stream_out VALUES (?, ?, ?, ?)", terminal, *place
        )

    def streams_out(self) -> list[tuple[KeyId, Place]]:
        """Return the place last given to each terminal."""
        rows = self._db.rows("SELECT terminal, stream, seq, prev FROM stream_out")
        return [(terminal, Place(*place)) for terminal, *place in rows]

    def stream_in(self, terminal: KeyId, stream: StreamId) -> bytes | None:
        """Return the encoded state of a stream from ``terminal``."""
        query = "SELECT state FROM stream_in WHERE terminal = ? AND stream = ?"
        found = self._db.row(query, terminal, stream)
        return None if found is None else bytes(found[0])

    def set_stream_in(self, terminal: KeyId, stream: StreamId, state: bytes) -> None:
        """Replace the encoded state of a stream."""
        self._db.run(
            "INSERT OR REPLACE INTO stream_in VALUES (?, ?, ?)", terminal, stream, state
        )

    # --- receipts

    def add_receipt(self, row: ReceiptRow) -> bool:
        """Keep a receipt; False when the same one was there already."""
        known = self._db.row(
            "SELECT 1 FROM receipt"
            " WHERE name = ? AND post = ? AND kind = ? AND signer = ?",
            *(row.name, row.post, row.kind, row.signer),
        )
        if known is not None:
            return False
        self._db.run(
            "INSERT INTO receipt VALUES (?, ?, ?, ?, ?, ?, ?)",
            *(row.name, row.post, row.kind, row.signer, row.at),
            *(row.reason, row.carrier),
        )
        return True

    def receipts(self, name: Digest) -> list[ReceiptRow]:
        """Return the receipts for a record, oldest first."""
        query = (
            "SELECT name, post, kind, signer, at, reason, carrier FROM receipt"
            " WHERE name = ? ORDER BY at, kind"
        )
        return [ReceiptRow(*row) for row in self._db.rows(query, name)]

    def owe_receipt(
        self, post: str, statement: bytes, precedence: Precedence, signer: bytes = b""
    ) -> None:
        """Queue an encoded statement for the terminals of ``post``."""
        self._db.run(
            "INSERT INTO receipt_due (post, statement, signer, precedence)"
            " VALUES (?, ?, ?, ?)",
            *(post, statement, signer, precedence),
        )

    def owed_receipts(
        self, post: str, limit: int, signer: bytes = b""
    ) -> list[tuple[int, bytes, int]]:
        """Return (number, statement, precedence) that wait, oldest first."""
        return self._db.rows(
            "SELECT number, statement, precedence FROM receipt_due"
            " WHERE post = ? AND signer IN (?, ?) ORDER BY number LIMIT ?",
            *(post, signer, b"", limit),
        )

    def owed_posts(self, signer: bytes = b"") -> list[str]:
        """Return the posts that such statements are queued for."""
        query = (
            "SELECT DISTINCT post FROM receipt_due WHERE signer IN (?, ?) ORDER BY post"
        )
        return [post for (post,) in self._db.rows(query, signer, b"")]

    def resign(self, old: bytes, new: bytes) -> None:
        """Have what the member with key id ``old`` said signed as ``new``."""
        query = "UPDATE receipt_due SET signer = ? WHERE signer = ?"
        self._db.run(query, new, old)

    def settle_receipts(self, numbers: Sequence[int]) -> None:
        """Forget queued statements: they ride on a record in the outbox now."""
        for number in numbers:
            self._db.run("DELETE FROM receipt_due WHERE number = ?", number)

    # --- prekeys

    def use_prekey(self, kid: PrekeyId) -> None:
        """Mark a one-time prekey as used: to be erased from the key sheet."""
        self._db.run("INSERT OR IGNORE INTO prekey_used VALUES (?)", kid)

    def used_prekeys(self) -> list[PrekeyId]:
        """Return the prekeys that may still have to be erased."""
        return [
            PrekeyId(kid) for (kid,) in self._db.rows("SELECT kid FROM prekey_used")
        ]

    def forget_used(self, kids: Sequence[PrekeyId]) -> None:
        """Forget them, after the key sheet has."""
        for kid in kids:
            self._db.run("DELETE FROM prekey_used WHERE kid = ?", kid)

    # --- events

    def add_event(self, at: int, what: str, name: Digest | None, post: str) -> None:
        """Write down that something happened."""
        self._db.run(
            "INSERT INTO event (at, what, name, post) VALUES (?, ?, ?, ?)",
            *(at, what, name, post),
        )

    def last_event(self) -> int:
        """Return the number of the newest event; 0: there is none."""
        found = self._db.row("SELECT MAX(number) FROM event")
        return 0 if found is None or found[0] is None else int(found[0])

    def events(self, after: int, limit: int) -> list[EventRow]:
        """Return what happened after event ``after``, oldest first."""
        query = (
            "SELECT number, at, what, name, post FROM event"
            " WHERE number > ? ORDER BY number LIMIT ?"
        )
        return [EventRow(*row) for row in self._db.rows(query, after, limit)]

    def events_of(self, name: Digest) -> list[EventRow]:
        """Return what happened to one record, oldest first."""
        query = (
            "SELECT number, at, what, name, post FROM event"
            " WHERE name = ? ORDER BY number"
        )
        return [EventRow(*row) for row in self._db.rows(query, name)]
