"""Founding: what a relay or a witness starts from.

``root.cbor`` in the home is the root document of version 1 with its signatures, one
:class:`protocol.signed.Signed`.  An empty key log begins with it; a log that exists
must begin with it.  Everything else, later versions too, comes through the admin
socket or a session (docs/decisions/0014-relay-founding-and-admin.md).
"""

from pathlib import Path

from protocol.codec import decode
from protocol.errors import ProtocolError
from protocol.key_log_entry import MAX_LEAF, LeafKind, signed_leaf
from protocol.root import RootDocument, realm_of
from protocol.signed import Signed
from protocol.trusted_root import TrustedRoot, found
from server.config import ConfigError


def read_root(path: Path) -> tuple[bytes, TrustedRoot]:
    """Return the first leaf of the key log, and the root document it holds.

    The realm is the document's own: the operator who put the file here compared its
    hash with the paper, and our keys are in it or are not.

    Raises:
        ConfigError: not there, or not a root document that holds.
    """
    try:
        with path.open("rb") as file:
            signed = decode(file.read(MAX_LEAF + 1), Signed, limit=MAX_LEAF)
        realm = realm_of(decode(signed.document, RootDocument))
        return signed_leaf(LeafKind.ROOT, signed), found(signed, realm=realm)
    except FileNotFoundError:
        raise ConfigError(f"{path}: not there; the root holders make it") from None
    except ProtocolError:
        raise ConfigError(f"{path}: not a root document that holds") from None
