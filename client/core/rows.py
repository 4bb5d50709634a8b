"""What the vault keeps, as values: the core reads and writes these and no SQL."""

import enum
from dataclasses import dataclass, field

from crypto.types import Digest, KeyId, MessageId
from protocol.delivery import Delivery
from protocol.slip import Place

IN, OUT = 0, 1  # ``RecordRow.way``


@dataclass(frozen=True, slots=True)
class RecordRow:
    """A record in the archive, written here or received."""

    name: Digest  # H(record)
    id: MessageId
    way: int
    type: int
    post: str  # who wrote it
    at: int  # written or received, POSIX seconds
    document: bytes = field(repr=False)  # the signed bytes
    inner: bytes = field(default=b"", repr=False)  # as opened: the evidence
    release: bytes = b""  # the member's signature, for what was written here
    leaf: bytes = b""  # of the envelope it came in
    log_index: int | None = None
    proof: bytes | None = None  # C2SP tlog-proof, once verified
    refused: str | None = None  # reason, when it is kept unread


@dataclass(frozen=True, slots=True)
class Target:
    """One receiving terminal of a record written here."""

    name: Digest
    terminal: KeyId
    post: str
    place: Place | None  # given at the first seal, kept through reseals
    delivery: Delivery  # where it stands, and by which seal
    asked: int = 0  # how often its terminal asked for it by its place


@dataclass(frozen=True, slots=True)
class Deposit:
    """One sealed envelope: a retry sends these very bytes."""

    envelope: Digest  # H(envelope)
    name: Digest
    sealed: bytes | None = field(repr=False)
    slip: bytes = field(repr=False)
    commitment: bytes
    leaf: bytes
    lane: int
    log_index: int | None = None
    accepted: int = 0  # witnessed time of the proof; 0: not yet
    proof: bytes | None = None
    size: int = 0  # bytes of the envelope, also when it is gone
    signature: bytes = b""  # the terminal's over the slip; b"": sealed long ago


@dataclass(frozen=True, slots=True)
class ReceiptRow:
    """A receipt that came for a record written here."""

    name: Digest
    post: str
    kind: int
    signer: KeyId
    at: int
    reason: str
    carrier: Digest  # H(record) of the record that brought it


class BlobState(enum.IntEnum):
    """Stored in the vault.  A number is never reused."""

    WAITING = 1  # out: the relay has not all of it; in: not here, or not verified
    MOVED = 2  # out: at the relay; in: verified, and the relay may not know
    DONE = 3  # out: every addressee has it; in: the relay owes it no longer


@dataclass(frozen=True, slots=True)
class BlobRow:
    """An attachment's blob: sealed here or to be fetched."""

    name: Digest  # H(record)
    blob: Digest
    way: int
    file: str  # in the spool
    total: int  # bytes of the blob
    lane: int  # of its record: the most urgent goes first
    state: BlobState = BlobState.WAITING
    suite: int = 0  # that it opened under; 0: not verified here
    number: int = 0  # in the order they came


@dataclass(frozen=True, slots=True)
class EventRow:
    """Something that happened, as a code; words are made where it is shown."""

    number: int
    at: int
    what: str
    name: Digest | None
    post: str | None


@dataclass(frozen=True, slots=True)
class NackRow:
    """A nack that the relay has not taken yet."""

    body: Digest  # H(body ciphertext) of the envelope that it answers
    document: bytes
    signature: bytes
    mailbox: bytes


@dataclass(frozen=True, slots=True)
class AlarmRow:
    """Something that people are told, for as long as its cause stands."""

    number: int
    what: str
    name: Digest | None  # the record that it is about
    post: str  # whom it is about; "": nobody
    since: int  # POSIX seconds
    last: int
    times: int
    ended: int | None


@dataclass(frozen=True, slots=True)
class PeerRow:
    """What we know of the traffic with another terminal; POSIX seconds."""

    terminal: KeyId
    exchanged: int = 0
    beaten: int = 0
    day: int = 0  # for which ``minute`` was drawn, days since 1970
    minute: int = 0
    watch: bytes = b""  # its streams, as the vault keeps them
