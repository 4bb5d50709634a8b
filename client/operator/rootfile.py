"""The root documents in a file: read under the realm that the member chose.

A founded home names its realm in the file that ``terminal init`` pinned; here the
file itself says it, and the person compares the hash with the paper.
"""

from pathlib import Path

from client.files import read_bounded
from client.home import HomeError
from protocol.errors import ProtocolError
from protocol.root_file import MAX_ROOT_FILE, chain, read_roots, realm_in
from protocol.trusted_root import TrustedRoot


def read_root(path: Path) -> TrustedRoot:
    """Return the newest root document in ``path``, its whole chain verified.

    Raises:
        HomeError: no such file, or not root documents that hold.
    """
    return read_chain(path)[1][-1]


def read_chain(path: Path) -> tuple[tuple[bytes, ...], tuple[TrustedRoot, ...]]:
    """Return the leaves in ``path``, and the root after each.

    Raises:
        HomeError: as :func:`read_root`.
    """
    try:
        leaves = read_roots(read_bounded(path, MAX_ROOT_FILE))
        return leaves, chain(leaves, realm=realm_in(leaves))
    except (OSError, ProtocolError):
        raise HomeError("operator.bad-file", file=path, kind="root") from None
