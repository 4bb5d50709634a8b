"""What the core asks of the relay, and what it will do with the answer.

A question travels with its tag; the shell keeps the tag by the request's number and
hands it back with the answer.  A lost answer needs no memory: the machine looks at
the vault again and asks what is still open.
"""

from dataclasses import dataclass

from crypto.types import Digest, KeyId
from protocol.codec import Message
from protocol.requests import Ask, LogName


@dataclass(frozen=True, slots=True)
class KeyLogWanted:
    """Entries of the key log, from our size on."""

    shown: int = 0  # a size that a genuine checkpoint has: the relay has these entries


@dataclass(frozen=True, slots=True)
class CheckpointWanted:
    """The latest checkpoint of a log, with the way to it from our size."""

    log: LogName
    size: int  # ours when it was asked


@dataclass(frozen=True, slots=True)
class PrekeysWanted:
    """Keys for every terminal that these records still have to be sealed to."""

    names: tuple[Digest, ...]
    terminals: tuple[KeyId, ...]
    size: int  # of the key log when it was asked: what the relay must know


@dataclass(frozen=True, slots=True)
class ProofWanted:
    """The inclusion of one leaf under the checkpoint that we trust."""

    name: Digest  # H(record) of a received record, or H(envelope) of a deposit
    own: bool
    index: int
    size: int


@dataclass(frozen=True, slots=True)
class HeldProofWanted:
    """The inclusion of a held record's leaf under a checkpoint of before."""

    name: Digest  # H(record)
    index: int
    size: int


@dataclass(frozen=True, slots=True)
class ManifestPublished:
    """Our manifest with this number."""

    number: int


@dataclass(frozen=True, slots=True)
class ConsistencyWanted:
    """That the checkpoint which this witness showed lies on the relay's way."""

    log: LogName
    witness: str


@dataclass(frozen=True, slots=True)
class CourierKeysWanted:
    """Keys to keep: for a day without a line, and for what cannot wait for one."""


@dataclass(frozen=True, slots=True)
class BlobAnnounced:
    """A blob of a record written here, for its addressees."""

    name: Digest  # H(record)
    blob: Digest


@dataclass(frozen=True, slots=True)
class BlobWanted:
    """A blob of a record that came in, when it is there."""

    name: Digest
    blob: Digest


@dataclass(frozen=True, slots=True)
class BlobKept:
    """A blob that is here, verified."""

    name: Digest
    blob: Digest


BlobTag = BlobAnnounced | BlobWanted | BlobKept


@dataclass(frozen=True, slots=True)
class NackGiven:
    """Our nack of the envelope with this H(body ciphertext)."""

    body: Digest


@dataclass(frozen=True, slots=True)
class ExpiringWanted:
    """What of ours nobody fetched, after what we were told of already."""

    rounds: int  # how often it may be asked on


@dataclass(frozen=True, slots=True)
class AppendWanted:
    """This leaf in the key log."""

    document: Digest  # H of the signed document in it


Tag = (
    KeyLogWanted
    | CheckpointWanted
    | PrekeysWanted
    | ProofWanted
    | HeldProofWanted
    | ManifestPublished
    | CourierKeysWanted
    | BlobTag
    | NackGiven
    | ConsistencyWanted
    | ExpiringWanted
    | AppendWanted
)


@dataclass(frozen=True, slots=True)
class Question:
    """Ask this; the answer comes back with the tag."""

    tag: Tag
    ask: Ask
    body: Message
    lane: int = 1


@dataclass(frozen=True, slots=True)
class Deposited:
    """Hand this sealed envelope to the relay as a submission."""

    envelope: Digest
    body: Message
    lane: int


@dataclass(frozen=True, slots=True)
class Upload:
    """Stream a blob from the spool to the relay, from where the relay says."""

    blob: Digest
    file: str
    total: int


@dataclass(frozen=True, slots=True)
class Drop:
    """Nobody needs this file of the spool any more."""

    file: str


Effect = Question | Deposited | Upload | Drop
