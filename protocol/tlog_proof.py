"""A proof that something was logged, for readers without us (C2SP tlog-proof).

::

    c2sp.org/tlog-proof@v1
    index 73894
    <inclusion path, one base64 hash a line>

    <the checkpoint's note>

Source: C2SP tlog-proof.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from crypto.types import Digest
from protocol.checkpoint import parse_decimal
from protocol.errors import MalformedError
from protocol.limits import KIB, MAX_NOTE
from protocol.note import from_base64

HEADER: Final = b"c2sp.org/tlog-proof@v1"
MAX_PROOF: Final = MAX_NOTE + 8 * KIB  # bytes
MAX_PATH: Final = 64  # hashes
_HASH: Final = 32


@dataclass(frozen=True, slots=True)
class TlogProof:
    """Index, path and checkpoint, taken apart and not verified."""

    index: int
    path: tuple[Digest, ...]
    note: bytes


def write_proof(index: int, path: Sequence[Digest], note: bytes) -> bytes:
    """Return the proof as text."""
    lines = [HEADER, b"index %d" % index, *(base64.b64encode(node) for node in path)]
    return b"".join(line + b"\n" for line in lines) + b"\n" + note


def read_proof(data: bytes) -> TlogProof:
    """Return the parts of a proof, without extra data.

    Raises:
        MalformedError: not a proof, or in another form than :func:`write_proof`'s.
    """
    head, separator, note = data.partition(b"\n\n")
    header, *lines = head.split(b"\n")
    if len(data) > MAX_PROOF or not separator or header != HEADER or not lines:
        raise MalformedError
    first, *hashes = lines
    if not first.startswith(b"index ") or len(hashes) > MAX_PATH:
        raise MalformedError
    path = tuple(Digest(from_base64(line)) for line in hashes)
    if any(len(node) != _HASH for node in path):
        raise MalformedError
    return TlogProof(parse_decimal(first.removeprefix(b"index ")), path, note)
