"""Founding: what a relay or a witness starts from.

``root.cbor`` in the home holds the root documents from the first one on
(:mod:`protocol.root_file`).  An empty key log begins with the first; a log that exists
must begin with it.  Everything else, later versions too, comes through the admin
socket or a session (docs/decisions/0014-relay-founding-and-admin.md).
"""

from pathlib import Path

from protocol.errors import ProtocolError
from protocol.root_file import MAX_ROOT_FILE, chain, read_roots, realm_in
from protocol.trusted_root import TrustedRoot
from server.config import ConfigError


def read_root(path: Path) -> tuple[bytes, TrustedRoot]:
    """Return the first leaf of the key log, and the newest root in the file.

    Raises:
        ConfigError: as :func:`read_chain`.
    """
    leaves, roots = read_chain(path)
    return leaves[0], roots[-1]


def read_chain(path: Path) -> tuple[tuple[bytes, ...], tuple[TrustedRoot, ...]]:
    """Return the leaves in the file, and the root after each.

    The realm is the document's own: the operator who put the file here compared its
    hash with the paper, and our keys are in it or are not.

    Raises:
        ConfigError: not there, or not root documents that hold.
    """
    try:
        with path.open("rb") as file:
            leaves = read_roots(file.read(MAX_ROOT_FILE + 1))
        return leaves, chain(leaves, realm=realm_in(leaves))
    except FileNotFoundError:
        raise ConfigError(f"{path}: not there; the root holders make it") from None
    except ProtocolError:
        raise ConfigError(f"{path}: not a root document that holds") from None
