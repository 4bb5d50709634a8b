"""The root document in a file: read under the realm that the member chose.

A founded home names its realm in the file that ``terminal init`` pinned; here the
file itself says it, and the person compares the hash with the paper.
"""

from pathlib import Path
from typing import Final

from client.home import HomeError
from protocol.codec import decode
from protocol.errors import ProtocolError
from protocol.limits import MAX_DOCUMENT
from protocol.root import RootDocument, realm_of
from protocol.signed import Signed
from protocol.trusted_root import TrustedRoot, found

MAX_FILE: Final = 2 * MAX_DOCUMENT


def read_root(path: Path) -> TrustedRoot:
    """Return the founding root document in ``path``, its signatures verified.

    Raises:
        HomeError: no such file, or not a root document that holds.
    """
    try:
        with path.open("rb") as file:
            signed = decode(file.read(MAX_FILE + 1), Signed, limit=MAX_FILE)
        realm = realm_of(decode(signed.document, RootDocument))
        return found(signed, realm=realm)
    except (OSError, ProtocolError):
        raise HomeError("operator.bad-file", file=path, kind="root") from None
