"""The root documents in one file: what a home is founded with, and grows by.

One version alone is its :class:`~protocol.signed.Signed`, as ever.  From the second
version on the file holds the leaves of the key log, first to newest, in order; an
emergency extension may stand behind the version that it extends.  Whoever is founded
with such a file starts from its newest version::

    leaves = read_roots(data)
    root = chain(leaves, realm=realm)[-1]
    data = write_roots((*leaves, leaf))

Nothing in it is secret, and nothing is believed for standing in it: each version is
signed by the threshold of the one before, and the paper has the hash of one.

Source: docs/spec/root-and-directory.md section 2.
"""

from collections.abc import Sequence
from typing import Annotated, Final

from msgspec import Meta

from crypto.sign import Realm
from protocol.codec import Message, decode, encode
from protocol.errors import ChainError, MalformedError
from protocol.fields import V1
from protocol.key_log_entry import (
    MAX_LEAF,
    LeafKind,
    read_leaf,
    read_signed,
    signed_leaf,
)
from protocol.limits import KIB
from protocol.root import RootDocument, realm_of
from protocol.root_chain import first_root
from protocol.signed import Signed
from protocol.trusted_root import TrustedRoot, extend, follow, found

MAX_ROOTS: Final = 128  # leaves: a version a quarter for thirty years
MAX_ROOT_FILE: Final = 16 * 1024 * KIB  # bytes: a version is some 50 KB

_Leaf = Annotated[bytes, Meta(min_length=1, max_length=MAX_LEAF)]


class RootFile(Message):
    """Two leaves of the key log or more: root documents, and extensions of them."""

    v: V1
    leaves: Annotated[tuple[_Leaf, ...], Meta(min_length=2, max_length=MAX_ROOTS)]


def write_roots(leaves: Sequence[bytes]) -> bytes:
    """Return the file that holds ``leaves``, of which there is at least one."""
    if len(leaves) == 1:
        return read_leaf(leaves[0]).body
    return encode(RootFile(v=1, leaves=tuple(leaves)))


def read_roots(data: bytes) -> tuple[bytes, ...]:
    """Return the leaves in a file, not looked at.

    Raises:
        MalformedError: neither of the two forms.
    """
    try:
        return decode(data, RootFile, limit=MAX_ROOT_FILE).leaves
    except MalformedError:
        signed = decode(data, Signed, limit=MAX_LEAF)
    return (signed_leaf(LeafKind.ROOT, signed),)


def realm_in(leaves: Sequence[bytes]) -> Realm:
    """Return the realm that the first document says: for whoever compares the paper.

    Raises:
        ProtocolError: no root document.
    """
    return realm_of(decode(first_root(leaves).document, RootDocument))


def chain(leaves: Sequence[bytes], *, realm: Realm) -> tuple[TrustedRoot, ...]:
    """Return the root after each leaf; the last is the one to start from.

    Raises:
        ProtocolError: a leaf that does not follow the one before; none is skipped,
            as a log's would be.
    """
    roots = [found(first_root(leaves), realm=realm)]
    for leaf in leaves[1:]:
        entry = read_leaf(leaf)
        signed = read_signed(entry.body)
        match entry.kind:
            case LeafKind.ROOT:
                roots.append(follow(roots[-1], signed))
            case LeafKind.EXTENSION:
                roots.append(extend(roots[-1], signed))
            case _:
                raise ChainError("neither a root document nor an extension")
    return tuple(roots)
