"""What stands in an evidence bundle, and its one encoding.

::

    bundle  = CBOR{v, pages, notes, record: Sealing, receipts: [Sealing, ...]}
    Sealing = CBOR{inner, body, proof, path}

Everything in it is the very bytes that were signed or cosigned; nothing says what
they mean, so nothing can say it wrongly.  There is no secret of transport in it: no
content key, and of the slots only what every addressee saw.

Source: docs/spec/evidence.md sections 1 and 2.
"""

from collections.abc import Sequence
from typing import Annotated, Final

from msgspec import Meta

from protocol.codec import Message, decode, encode
from protocol.errors import MalformedError
from protocol.fields import V1, DigestField
from protocol.key_log_entry import MAX_LEAF
from protocol.limits import KIB, MAX_NOTE, MAX_UNCOVERED
from protocol.slip import MAX_INNER
from protocol.tlog_proof import MAX_PATH, MAX_PROOF

PAGE: Final = 1024  # leaves in a page: the codec bounds the items of one document
MAX_PAGE: Final = PAGE * (MAX_LEAF + 8)  # bytes
MAX_PAGES: Final = 4096
MAX_NOTES: Final = 256  # checkpoints of the key log: two for each end of a key
MAX_WITNESSED: Final = 1_024  # receipts: of 1,000 posts, and some twice
# The largest key log that a client takes, and the records beside it.
MAX_BUNDLE: Final = 2 * MAX_UNCOVERED


class Sealing(Message):
    """One sealing of a record, and that the message log has its leaf."""

    inner: Annotated[bytes, Meta(max_length=MAX_INNER)]  # CBOR[record, slip, sigs]
    body: DigestField  # H(body ciphertext): with the slip it gives the leaf
    proof: Annotated[bytes, Meta(max_length=MAX_PROOF)]  # tlog-proof with its note
    # From the message log that the slip names to the proof's checkpoint.
    path: Annotated[tuple[DigestField, ...], Meta(max_length=MAX_PATH)] = ()


class Bundle(Message):
    """All of it."""

    v: V1
    # The whole key log: CBOR[leaf, ...] of PAGE leaves each, the last of fewer.
    pages: Annotated[
        tuple[Annotated[bytes, Meta(max_length=MAX_PAGE)], ...],
        Meta(min_length=1, max_length=MAX_PAGES),
    ]
    # Checkpoints of the key log, smallest first; the last covers all leaves.
    notes: Annotated[
        tuple[Annotated[bytes, Meta(max_length=MAX_NOTE)], ...],
        Meta(min_length=1, max_length=MAX_NOTES),
    ]
    record: Sealing
    receipts: Annotated[tuple[Sealing, ...], Meta(max_length=MAX_WITNESSED)] = ()


def write_bundle(bundle: Bundle) -> bytes:
    """Return the file."""
    return encode(bundle)


def read_bundle(data: bytes) -> Bundle:
    """Return the parts of a bundle, of which nothing is believed.

    Raises:
        MalformedError: not the one encoding of a bundle of v1.
    """
    return decode(data, Bundle, limit=MAX_BUNDLE)


def write_pages(leaves: Sequence[bytes]) -> tuple[bytes, ...]:
    """Return the leaves of a key log as pages."""
    return tuple(
        encode(tuple(leaves[start : start + PAGE]))
        for start in range(0, len(leaves), PAGE)
    )


def read_pages(pages: Sequence[bytes]) -> tuple[bytes, ...]:
    """Return the leaves of the pages.

    Raises:
        MalformedError: a page that is none, not full before the last, or empty.
    """
    leaves: list[bytes] = []
    for number, page in enumerate(pages, start=1):
        found = decode(page, tuple[bytes, ...], limit=MAX_PAGE)
        full = len(found) == PAGE
        last = number == len(pages) and 0 < len(found) <= PAGE
        if not full and not last:
            raise MalformedError
        leaves.extend(found)
    return tuple(leaves)


MAX_FILE: Final = MAX_BUNDLE + KIB  # bytes that a reader of files asks for at most
