"""What the core needs from outside: the vault, as a contract.

Every ``add`` and ``set`` happens inside one :meth:`Vault.transaction`, which makes
all of it durable together or none of it.  Queries see the transaction's own changes.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from client.core.rows import (
    AlarmRow,
    BlobRow,
    BlobState,
    Deposit,
    EventRow,
    NackRow,
    PeerRow,
    ReceiptRow,
    RecordRow,
    Target,
)
from crypto.types import Digest, KeyId, MessageId, PrekeyId, StreamId
from protocol.delivery import State
from protocol.label import Precedence
from protocol.slip import Place


class Blobs(Protocol):
    """Attachments' blobs; their bytes are in the spool."""

    def add(self, row: BlobRow) -> None:
        """Note a blob of a record; one that is known changes nothing."""

    def set_state(self, row: BlobRow, state: BlobState) -> None:
        """Move a blob on, and note the suite that it opened under."""

    def row(self, name: Digest, blob: Digest) -> BlobRow | None:
        """Return a blob of a record."""

    def of(self, name: Digest) -> list[BlobRow]:
        """Return the blobs of a record, in the order they came."""

    def open_(self, way: int) -> list[BlobRow]:
        """Return the blobs that are not done, the most urgent and oldest first."""

    def files(self) -> frozenset[str]:
        """Return the files of the spool that something still needs."""


class Messages(Protocol):
    """What people wrote, here and elsewhere; nothing that is refused."""

    def newest(
        self, way: int, limit: int, older: Digest | None = None
    ) -> list[RecordRow]:
        """Return the newest messages of one way first; only those before ``older``."""

    def named(self, start: str, way: int, limit: int) -> list[RecordRow]:
        """Return messages of one way whose name begins so, in hexadecimal."""


class Following(Protocol):
    """What holes, nacks, heartbeats and alarms look up, part of every vault."""

    # --- by place, by body, by id

    def targets_at(
        self, terminal: KeyId, stream: StreamId, span: tuple[int, int], limit: int
    ) -> list[Target]:
        """Return the targets in the places of ``span``, ends included, lowest first."""

    def open_targets(self) -> list[Target]:
        """Return the targets that are not released, oldest record first."""

    def open_at(
        self, terminal: KeyId, stream: StreamId, span: tuple[int, int]
    ) -> list[Target]:
        """Return the targets in the places of ``span`` that are not released."""

    def unconfirmed(self) -> list[tuple[KeyId, str, int]]:
        """Return (terminal, its post, since) of who owes us a word, by terminal.

        What is sealed and not released counts, and heartbeats do not.
        """

    def late_targets(self, now: int) -> list[Target]:
        """Return the targets past their deadline that nobody was told of."""

    def owe_action(self, name: Digest, post: str, due: int) -> None:
        """Note that ``post`` is to acknowledge a record; the first time counts."""

    def acted(self, name: Digest, post: str) -> None:
        """Forget it: it was acknowledged, refused or withdrawn."""

    def late_actions(self, now: int) -> list[tuple[Digest, str]]:
        """Return (record, post) of what is past its time, each once."""

    def deposit_of(self, body: Digest) -> Deposit | None:
        """Return the deposit with this H(body ciphertext)."""

    def records_with(self, message: MessageId) -> list[RecordRow]:
        """Return the records with this message id: one, unless somebody lies."""

    def held(self, reason: str) -> list[RecordRow]:
        """Return the records that are kept unread for ``reason``, oldest first."""

    def said_since(self, at: int) -> list[RecordRow]:
        """Return the records of receipts that were written here since, oldest first."""

    def streams_in(self) -> list[tuple[KeyId, StreamId, bytes]]:
        """Return every stream that comes in, encoded."""

    # --- nacks

    def keep_nack(self, nack: NackRow) -> None:
        """Keep a nack until the relay took it; one for the same body is replaced."""

    def due_nacks(self) -> list[NackRow]:
        """Return the nacks that the relay has not taken."""

    def forget_nack(self, body: Digest) -> None:
        """Forget a nack: the relay has it durably."""

    # --- alarms

    def raise_alarm(self, at: int, what: str, name: Digest | None, post: str) -> bool:
        """Note an alarm; True when its cause did not stand already."""

    def end_alarm(self, at: int, what: str, name: Digest | None, post: str) -> bool:
        """Note that the cause went away; True when it stood."""

    def alarms(self, limit: int, *, ended: bool) -> list[AlarmRow]:
        """Return the newest alarms first; those that ended too, if asked."""

    # --- peers

    def peer(self, terminal: KeyId) -> PeerRow | None:
        """Return what is known of the traffic with a terminal."""

    def set_peer(self, row: PeerRow) -> None:
        """Replace it."""

    # --- checkpoints of the message log

    def add_checkpoint(self, size: int, root: Digest, witnessed: int) -> None:
        """Note an adopted checkpoint; of one size the earliest time is kept."""

    def checkpoint_over(self, index: int) -> tuple[int, Digest, int] | None:
        """Return the first checkpoint that covers the leaf at ``index``."""

    def checkpoints(self) -> list[tuple[int, Digest, int]]:
        """Return (size, root, witnessed), smallest first."""


class Vault(Following, Protocol):
    """Durable state of one terminal."""

    def transaction(self) -> AbstractContextManager[None]:
        """Commit everything inside together, durably, or nothing."""

    @property
    def blobs(self) -> Blobs:
        """What is known of attachments."""

    @property
    def messages(self) -> Messages:
        """What people wrote."""

    def get(self, name: str) -> bytes | None:
        """Return a named value."""

    def put(self, name: str, value: bytes) -> None:
        """Set a named value."""

    # --- the key log, as adopted

    def entries(self) -> list[tuple[bytes, int]]:
        """Return (entry, witnessed time of adoption) in order of position."""

    def add_entries(self, start: int, entries: Sequence[bytes], witnessed: int) -> None:
        """Append adopted entries from position ``start`` on."""

    # --- records

    def add_record(self, row: RecordRow) -> None:
        """Keep a record; one that was kept apart under its name is replaced."""

    def record(self, name: Digest) -> RecordRow | None:
        """Return a record by its name."""

    def records_of(self, kind: int) -> list[RecordRow]:
        """Return the records of one type, both ways, unrefused, oldest first."""

    def set_logged(self, name: Digest, inner: bytes, leaf: bytes, index: int) -> None:
        """Note where a record that came by courier stands in the log after all."""

    def set_proof(self, name: Digest, proof: bytes) -> None:
        """Note that the record's leaf is proven to stand in the log."""

    def unproven(self, size: int) -> list[tuple[Digest, int]]:
        """Return (name, index) of received records with an unproven leaf < size."""

    # --- outbox

    def add_target(self, target: Target) -> None:
        """Add a receiving terminal of a record."""

    def set_target(self, target: Target) -> None:
        """Replace the row of the same record and terminal."""

    def drop_target(self, target: Target) -> None:
        """Forget a target that was never sealed to."""

    def targets(self, name: Digest) -> list[Target]:
        """Return the receiving terminals of a record."""

    def recent_terminals(self, limit: int) -> list[KeyId]:
        """Return the terminals written to last, the latest first."""

    def waiting(self, state: State) -> list[Target]:
        """Return the targets in ``state``, oldest record first."""

    def add_deposit(self, deposit: Deposit) -> None:
        """Keep a sealed envelope until its record is delivered."""

    def set_deposit(self, deposit: Deposit) -> None:
        """Replace the row of the same envelope."""

    def deposit(self, envelope: Digest) -> Deposit | None:
        """Return a deposit by H(envelope)."""

    def deposits(self, name: Digest) -> list[Deposit]:
        """Return all seals of a record."""

    def unstored(self) -> list[Deposit]:
        """Return the envelopes that the relay has not confirmed, oldest first."""

    def unaccepted(self, size: int) -> list[Deposit]:
        """Return the stored deposits without a proof whose index is below size."""

    # --- streams

    def stream_out(self, terminal: KeyId) -> Place | None:
        """Return the place last given to ``terminal``."""

    def set_stream_out(self, terminal: KeyId, place: Place) -> None:
        """Remember the place last given."""

    def streams_out(self) -> list[tuple[KeyId, Place]]:
        """Return the place last given to each terminal."""

    def stream_in(self, terminal: KeyId, stream: StreamId) -> bytes | None:
        """Return the encoded state of a stream from ``terminal``."""

    def set_stream_in(self, terminal: KeyId, stream: StreamId, state: bytes) -> None:
        """Replace the encoded state of a stream."""

    # --- receipts

    def add_receipt(self, row: ReceiptRow) -> bool:
        """Keep a receipt; False when the same one was there already."""

    def receipts(self, name: Digest) -> list[ReceiptRow]:
        """Return the receipts for a record, oldest first."""

    def owe_receipt(
        self, post: str, statement: bytes, precedence: Precedence, signer: bytes = b""
    ) -> None:
        """Queue an encoded statement for the terminals of ``post``.

        Args:
            post: whose record it is about.
            statement: encoded.
            precedence: of that record.
            signer: the key id of the member who said it; b"": the terminal.
        """

    def owed_receipts(
        self, post: str, limit: int, signer: bytes = b""
    ) -> list[tuple[int, bytes, int]]:
        """Return (number, statement, precedence) that wait, oldest first.

        They are of ``signer`` and of the terminal.

        What another member said waits for that member.
        """

    def owed_posts(self, signer: bytes = b"") -> list[str]:
        """Return the posts that such statements are queued for."""

    def resign(self, old: bytes, new: bytes) -> None:
        """Have what the member with key id ``old`` said signed as ``new``."""

    def settle_receipts(self, numbers: Sequence[int]) -> None:
        """Forget queued statements: they ride on a record in the outbox now."""

    # --- prekeys

    def use_prekey(self, kid: PrekeyId) -> None:
        """Mark a one-time prekey as used: to be erased from the key sheet."""

    def used_prekeys(self) -> list[PrekeyId]:
        """Return the prekeys that may still have to be erased."""

    def forget_used(self, kids: Sequence[PrekeyId]) -> None:
        """Forget them, after the key sheet has."""

    # --- events

    def add_event(self, at: int, what: str, name: Digest | None, post: str) -> None:
        """Write down that something happened."""

    def last_event(self) -> int:
        """Return the number of the newest event; 0: there is none."""

    def events(self, after: int, limit: int) -> list[EventRow]:
        """Return what happened after event ``after``, oldest first."""

    def events_of(self, name: Digest) -> list[EventRow]:
        """Return what happened to one record, oldest first."""
