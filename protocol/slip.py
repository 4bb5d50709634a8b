"""The slip: one sealing of a record, signed by the sending terminal.

A record may be sealed again (a key was gone, a terminal was added): each time with
a new slip, content key and leaf, while the record and its release signature stay.
The slip is what ties the two worlds together::

    slip  = CBOR{v, id, rec: H(record), key: H(terminal key), kc, r,
                 dir: [key log size, root, message log size, root],
                 slots: [32 bytes, ...] ascending}
    inner = CBOR[record, slip, [[key id, signature], ...]]

The first signature is the terminal's over the slip (usage ``record``); a second,
where ``record.by`` names a member, is the member's over the record (usage
``release``).  Each addressee finds one slot that only it can recompute, because
the salt travels inside its own wrap: so a slot says nothing to the others.

Source: docs/spec/record-and-envelope.md sections 3 and 4.
"""

from typing import Annotated, Final, NamedTuple

from msgspec import Meta

from crypto.digest import H, T, u64
from crypto.types import Digest, KeyId, PrekeyId, Salt, StreamId
from protocol.codec import Message
from protocol.fields import (
    V1,
    Bytes32,
    CommitmentField,
    DigestField,
    KeyIdField,
    MessageIdField,
    UInt48,
)
from protocol.limits import MAX_ADDRESSEES, MAX_RECORD
from protocol.signed import SignatureLine

SLOT_LABEL: Final = b"koerier/v1/slot"
# The terminal's signature, and at most one member's.
MAX_SIGNERS: Final = 2
# Record, slip and two signatures: a slip of 1,000 slots is 34 KiB.
MAX_INNER: Final = MAX_RECORD + 128 * 1024


class Heads(NamedTuple):
    """Sizes and root hashes of both logs, as the sender trusted them (B19)."""

    key_size: UInt48
    key_root: DigestField
    message_size: UInt48
    message_root: DigestField


class Slip(Message):
    """The signed document of one sealing."""

    v: V1
    id: MessageIdField
    rec: DigestField
    key: KeyIdField
    kc: CommitmentField
    r: Bytes32  # hides and binds the leaf
    dir: Heads
    slots: Annotated[
        tuple[DigestField, ...], Meta(min_length=1, max_length=MAX_ADDRESSEES)
    ]


class Inner(NamedTuple):
    """What the body's ciphertext holds, before padding; signed bytes verbatim."""

    record: Annotated[bytes, Meta(max_length=MAX_RECORD)]
    slip: bytes
    sigs: Annotated[
        tuple[SignatureLine, ...], Meta(min_length=1, max_length=MAX_SIGNERS)
    ]

    def __repr__(self) -> str:
        return "<Inner>"


class Place(NamedTuple):
    """Where a record stands in one stream; given once, kept through reseals."""

    stream: StreamId
    seq: int  # from 1; 0 for an archive, which has no stream
    prev: Digest  # H(record) before it; zeros for the first


def slot_hash(key_id: KeyId, kid: PrekeyId, place: Place, salt: Salt) -> Digest:
    """Return the slot of one addressee (B2, B13), 32 bytes.

    Args:
        key_id: of the receiving terminal; for an archive H(its public key).
        kid: the prekey that its wrap is made to.
        place: in the stream from the sending to the receiving terminal.
        salt: 32 bytes that travel inside the wrap only.
    """
    return H(T(SLOT_LABEL, key_id, kid, place.stream, u64(place.seq), place.prev, salt))
