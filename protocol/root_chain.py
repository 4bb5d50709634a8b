"""Following root documents through leaves, before the leaves themselves count.

A checkpoint is believed because of the witnesses that the root document names, and
the root document stands in the log that the checkpoint is of.  So a client first
walks the root documents alone, which need no log to be believed: their signatures
and the hash on paper prove them::

    root = founding_root(leaves, pin=pin, realm=realm)      # the first time
    root = leading_root(directory.root, new_leaves)         # later
    ... trust the checkpoint with root.document.witnesses and root.document.key_log
    ... directory.adopt(new_leaves, checkpoint)             # and only now believe

Source: docs/spec/root-and-directory.md section 5.
"""

from collections.abc import Iterable, Sequence

from crypto.sign import Realm
from crypto.types import Digest
from protocol.errors import ChainError, ProtocolError, VerificationError
from protocol.key_log_entry import LeafKind, read_leaf, read_signed
from protocol.signed import Signed
from protocol.trusted_root import TrustedRoot, follow, found


def founding_root(leaves: Sequence[bytes], *, pin: Digest, realm: Realm) -> TrustedRoot:
    """Return the root that ``leaves`` lead to, under the hash on paper.

    Args:
        leaves: from position 0; the first is root document version 1.
        pin: H of any root document of the chain: each names the one before, so
            one pins them all.
        realm: of this client; never taken from the document.

    Raises:
        MalformedError, VerificationError: the first leaf is no root that holds.
        ChainError: no leaves, or another kind first.
        VerificationError: a chain without the pin.
    """
    root = leading_root(found(first_root(leaves), realm=realm), leaves[1:])
    if pin not in root.past:
        raise VerificationError("not the root document on paper")
    return root


def leading_root(root: TrustedRoot, leaves: Iterable[bytes]) -> TrustedRoot:
    """Return the last root document that follows ``root`` among ``leaves``."""
    for leaf in leaves:
        try:
            entry = read_leaf(leaf)
            if entry.kind is LeafKind.ROOT:
                root = follow(root, read_signed(entry.body))
        except ProtocolError:
            continue  # counts for nothing, here as in the directory
    return root


def first_root(leaves: Sequence[bytes]) -> Signed:
    """Return the signed root document that a key log begins with.

    Raises:
        MalformedError: no leaf of v1.
        ChainError: no leaves, or another kind first.
    """
    entry = read_leaf(leaves[0]) if leaves else None
    if entry is None or entry.kind is not LeafKind.ROOT:
        raise ChainError("a key log without a root document")
    return read_signed(entry.body)
