"""What a terminal asks of the relay, and what the relay answers.

These are the objects that the line carries inside a session (docs/spec/session.md):
a terminal sends a :class:`Request`, the relay one :class:`Answer` with the same
number; :class:`Delivery` and :class:`Notice` come unasked.  Every request is
idempotent: a terminal that lost an answer asks again, with the same body.

The session has authenticated the terminal; what it may do follows from the
directory alone.  Nothing in these messages is believed: a terminal checks each
document, proof and envelope itself.
"""

import enum
from typing import Annotated

from msgspec import Meta

from protocol.codec import Message, bytes_at, bytes_head, decode
from protocol.fields import (
    V1,
    Bytes16,
    Bytes32,
    DigestField,
    KeyIdField,
    MailboxField,
    PublicKeyField,
    SignatureField,
    UInt8,
    UInt32,
    UInt48,
)
from protocol.key_log_entry import MAX_LEAF
from protocol.limits import (
    MAX_ADDRESSEES,
    MAX_DOCUMENT,
    MAX_ENVELOPE,
    MAX_NOTE,
    MAX_SIGNATURES,
)

_ENVELOPE_AT = 2  # in a Submit: behind the map's head and the first key
_COMMITMENT = 32 + 3  # bytes of its commitment, with key and head
Document = Annotated[bytes, Meta(min_length=1, max_length=MAX_DOCUMENT)]
# Whatever a log can hold must be told: a leaf that no answer carries would hide all
# that stands behind it, for ever.
Leaf = Annotated[bytes, Meta(max_length=MAX_LEAF)]
Note = Annotated[bytes, Meta(max_length=MAX_NOTE)]
Path = Annotated[tuple[DigestField, ...], Meta(max_length=64)]  # of a proof
MAX_PREKEYS = 1_024  # public keys in one published manifest
MAX_EXPIRING = 256  # deliveries in one answer: then ask on
MAX_ENTRIES = 512  # key log entries in one answer: then ask on


class Ask(enum.IntEnum):
    """Request types.  A number is never reused."""

    SUBMIT = 1
    ACKNOWLEDGE = 2
    PUBLISH = 3
    PREKEYS = 4
    KEY_LOG = 5
    CHECKPOINT = 6
    PROVE = 7
    APPEND = 8
    NACK = 9
    ANNOUNCE = 10
    FETCH = 11
    KEPT = 12
    UNDELIVERED = 20


class LogName(enum.IntEnum):
    """The relay's two logs."""

    KEY = 1
    MESSAGE = 2


class Request(Message):
    """One question; ``number`` is fresh per session, ``body`` is of type ``ask``."""

    number: UInt32
    ask: Ask
    body: Annotated[bytes, Meta(max_length=MAX_ENVELOPE + MAX_DOCUMENT)]


class Answer(Message):
    """``code`` 0 and the body that the request's type names, or an ErrorCode."""

    number: UInt32
    code: UInt8
    body: Annotated[bytes, Meta(max_length=MAX_ENVELOPE)] = b""


# --- envelopes


class Submit(Message):
    """Store this envelope and log its leaf.  Answer: :class:`Stored`."""

    envelope: Annotated[bytes, Meta(max_length=MAX_ENVELOPE)]
    commitment: Bytes32  # H(T("koerier/v1/leaf", r, H(slip))): the relay cannot know it


def read_submit(data: bytes, *, limit: int) -> Submit:
    """Return the submission that ``data`` is the one encoding of.

    Nearly each has its two parts in the same places: they are cut out, written again
    and compared, as :mod:`protocol.envelope` does; the codec reads the others.

    Raises:
        MalformedError: none, or more than ``limit`` bytes.
    """
    if _COMMITMENT < len(data) <= min(limit, MAX_ENVELOPE):
        envelope = data[bytes_at(data, _ENVELOPE_AT) : -_COMMITMENT]
        commitment = data[-32:]
        head = bytes_head(len(envelope))
        if data == b"".join((b"\xa2\x00", head, envelope, b"\x01\x58\x20", commitment)):
            return Submit(envelope=envelope, commitment=commitment)
    return decode(data, Submit, limit=limit)


class Stored(Message):
    """Durable: the envelope's rows and its leaf are committed."""

    index: UInt48  # of the leaf in the message log
    leaf: DigestField  # RFC 6962 leaf hash


class Delivery(Message):
    """An envelope for the terminal's mailbox, with only its own wrap in it."""

    cursor: UInt48  # the mailbox's own count; acknowledged by number
    index: UInt48  # of its leaf in the message log
    envelope: Annotated[bytes, Meta(max_length=MAX_ENVELOPE)]


class Acknowledge(Message):
    """These deliveries are durably in the vault, or refused for good."""

    cursors: Annotated[tuple[UInt48, ...], Meta(min_length=1, max_length=1_024)]


# --- prekeys


class Publish(Message):
    """A new manifest and its keys, in the order of their index."""

    manifest: Document
    signature: SignatureField
    keys: Annotated[tuple[PublicKeyField, ...], Meta(max_length=MAX_PREKEYS)]


class Prekeys(Message):
    """One key for each of these terminals.  Answer: :class:`Offers`."""

    terminals: Annotated[
        tuple[KeyIdField, ...], Meta(min_length=1, max_length=MAX_ADDRESSEES)
    ]
    epoch: V1 | None = None  # today's epoch keys, to keep: no one-time key is spent


class Offer(Message):
    """One prekey of a terminal with all that proves it genuine."""

    manifest: Document
    signature: SignatureField
    index: UInt32
    key: PublicKeyField
    path: Path


class Offers(Message):
    """In the order asked; a terminal that has none is missing by key id."""

    offers: tuple[Offer, ...] = ()
    missing: tuple[KeyIdField, ...] = ()


# --- attachments (docs/spec/attachments.md, section 2)


class Announce(Message):
    """A blob will come, for the terminals of these mailboxes and nobody else."""

    blob: DigestField  # SHA-256 of the blob: its name
    total: Annotated[int, Meta(ge=1, lt=1 << 48)]  # bytes of the blob
    mailboxes: Annotated[
        tuple[MailboxField, ...], Meta(min_length=1, max_length=MAX_ADDRESSEES)
    ]


class Announced(Message):
    """So much of it is durable; all of it: the relay has it, compared with its name."""

    durable: UInt48


class Fetch(Message):
    """Send us this blob as soon as it is there and for us.  No answer tells if."""

    blob: DigestField


class Kept(Message):
    """We have this blob, verified: owe it to us no longer."""

    blob: DigestField


# --- logs


class KeyLog(Message):
    """The entries of the key log from ``start`` on.  Answer: :class:`Entries`."""

    start: UInt48


class Entries(Message):
    """At most MAX_ENTRIES consecutive entries; ``size`` is the log's size now."""

    start: UInt48
    size: UInt48
    entries: Annotated[tuple[Leaf, ...], Meta(max_length=MAX_ENTRIES)] = ()


class Checkpoint(Message):
    """The latest cosigned checkpoint.  Answer: :class:`SignedCheckpoint`."""

    log: LogName
    size: UInt48  # what the terminal trusts now: the consistency proof starts there


class SignedCheckpoint(Message):
    """A note with the log's and the witnesses' lines, and its consistency proof."""

    note: Note
    consistency: Path = ()


class Prove(Message):
    """Inclusion of a leaf in the tree of ``size``.  Answer: :class:`Proof`."""

    log: LogName
    index: UInt48
    size: UInt48


class Proof(Message):
    """RFC 6962 inclusion path, leaf upwards."""

    path: Path = ()


class Append(Message):
    """A signed entry for the key log; it proves itself.  Answer: its index."""

    entry: Leaf


class Appended(Message):
    """Where the entry stands."""

    index: UInt48


class Nack(Message):
    """A signed nack, for the terminal that deposited the envelope."""

    nack: Document
    signatures: Annotated[tuple[SignatureField, ...], Meta(max_length=MAX_SIGNATURES)]
    mailbox: MailboxField


class Notice(Message):
    """The logs have grown to these sizes, or a nack came for a deposit of yours.

    The first thing that a session tells.  ``incarnation`` is of the relay's store:
    another one than in the session before means that it lost what it had stored.
    """

    key_log: UInt48
    message_log: UInt48
    incarnation: Bytes16
    nack: Annotated[bytes, Meta(max_length=MAX_DOCUMENT)] | None = None
    undelivered: UInt32 | None = None  # deliveries of yours that will go: ask which


# --- what nobody fetched (docs/spec/requests.md, section 4)


class Undelivered(Message):
    """What of ours nobody fetched for so long that it will go?"""

    told: Annotated[tuple[DigestField, ...], Meta(max_length=MAX_EXPIRING)] = ()


class Expiry(Message):
    """Your envelope was not fetched from this mailbox, and will be dropped there."""

    envelope: DigestField  # H(envelope)
    mailbox: MailboxField


class Expiring(Message):
    """At most MAX_EXPIRING that we were not told of yet; ask on after noting them."""

    expiries: Annotated[tuple[Expiry, ...], Meta(max_length=MAX_EXPIRING)] = ()
