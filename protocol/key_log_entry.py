"""What a leaf of the key log may hold: one encoding, one kind each.

::

    leaf = CBOR{kind, body}

``body`` is the one encoding of a :class:`~protocol.signed.Signed` document, or, for
a manifest, of an unsigned :class:`ManifestNotice`: the manifest that it names has
the signature, and a notice that names a false one only blocks sealing to that
terminal, which the relay could do anyway by silence.

Source: docs/spec/root-and-directory.md section 7.
"""

import enum
from typing import Annotated

from msgspec import Meta

from protocol.codec import Message, decode, encode
from protocol.fields import DigestField, KeyIdField, Sequence
from protocol.limits import KIB, MAX_DOCUMENT
from protocol.signed import Signed

# A document with its signatures, and the words around them.
MAX_LEAF = MAX_DOCUMENT + 128 * KIB


class LeafKind(enum.IntEnum):
    """A number is never reused."""

    ROOT = 1
    EXTENSION = 2
    DIRECTORY = 3
    RESTRICTION = 4  # the bytes of the bulletin
    MANIFEST = 5
    ZEROISE = 6


class KeyLogEntry(Message):
    """The data of one leaf."""

    kind: LeafKind
    body: Annotated[bytes, Meta(min_length=1, max_length=MAX_LEAF)]


class ManifestNotice(Message):
    """This is the manifest of that terminal, until its next notice."""

    terminal: KeyIdField
    number: Sequence
    manifest: DigestField  # H(manifest)


def signed_leaf(kind: LeafKind, signed: Signed) -> bytes:
    """Return the leaf that logs a signed document."""
    return encode(KeyLogEntry(kind=kind, body=encode(signed)))


def notice_leaf(notice: ManifestNotice) -> bytes:
    """Return the leaf that logs a manifest's name."""
    return encode(KeyLogEntry(kind=LeafKind.MANIFEST, body=encode(notice)))


def read_leaf(leaf: bytes) -> KeyLogEntry:
    """Return the parsed leaf.

    Raises:
        MalformedError: not the one encoding of a leaf of v1.
    """
    return decode(leaf, KeyLogEntry, limit=MAX_LEAF)


def read_signed(body: bytes) -> Signed:
    """Return the carrier in a leaf's body or in a bulletin.

    Raises:
        MalformedError: not the one encoding of a carrier.
    """
    return decode(body, Signed, limit=MAX_LEAF)
