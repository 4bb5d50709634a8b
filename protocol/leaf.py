"""What a leaf of the message log says, without saying anything to its readers.

::

    leaf = 0x01 || H(T("koerier/v1/leaf", r, H(slip))) || H(body ciphertext)

``r`` is drawn for each seal and stands inside the signed slip, so that the leaf hides
the slip and binds it (B18).  The relay cannot compute the commitment: the sender
supplies it and checks its own leaf before believing *accepted*.  65 bytes, no type.

Source: docs/spec/log.md section 1; leaves of the key log: protocol.key_log_entry.
"""

from typing import Final

from crypto.digest import H, T
from crypto.types import Digest
from protocol.errors import BindingError, MalformedError

LEAF_LABEL: Final = b"koerier/v1/leaf"
VERSION: Final = b"\x01"
LEAF_SIZE: Final = 65  # bytes


def leaf_commitment(r: bytes, slip: bytes) -> Digest:
    """Return the commitment to one sealing: H over its ``r`` and its slip's name."""
    return H(T(LEAF_LABEL, r, H(slip)))


def message_leaf(commitment: bytes, body: Digest) -> bytes:
    """Return the leaf of an envelope.

    Args:
        commitment: 32 bytes, from the sender.
        body: H(body ciphertext).

    Raises:
        MalformedError: a commitment of another length.
    """
    leaf = VERSION + commitment + body
    if len(leaf) != LEAF_SIZE:
        raise MalformedError
    return leaf


def check_leaf(leaf: bytes, *, r: bytes, slip: bytes, body: Digest) -> None:
    """Return if ``leaf`` is that of this sealing.

    Raises:
        BindingError: it was logged for another slip or body (B18).
    """
    if leaf != message_leaf(leaf_commitment(r, slip), body):
        raise BindingError("B18")
