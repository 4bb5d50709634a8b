"""A proof that something was logged, for readers without us (C2SP tlog-proof).

::

    c2sp.org/tlog-proof@v1
    index 73894
    <inclusion path, one base64 hash a line>

    <the checkpoint's note>

It carries everything but the leaf, the log's key and the witness policy: a third
party takes those two from the root document, offline, and calls :func:`verify_proof`.

Source: C2SP tlog-proof; docs/spec/log.md section 7.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from crypto.errors import ProofError
from crypto.merkle import verify_inclusion
from crypto.types import Digest
from protocol.checkpoint import parse_decimal
from protocol.errors import MalformedError, VerificationError
from protocol.limits import KIB, MAX_NOTE
from protocol.note import from_base64
from protocol.root import LogKey
from protocol.trusted_log import signed_checkpoint
from protocol.witness_policy import WitnessPolicy, quorum_time

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


@dataclass(frozen=True, slots=True)
class Logged:
    """What a proof shows: the leaf stood at ``index`` not later than ``witnessed``."""

    index: int
    size: int  # of the tree under the proof's checkpoint
    witnessed: int  # POSIX seconds


def write_proof(index: int, path: Sequence[Digest], note: bytes) -> bytes:
    """Return the proof as text."""
    lines = [HEADER, b"index %d" % index, *(base64.b64encode(node) for node in path)]
    return b"".join(line + b"\n" for line in lines) + b"\n" + note


def read_proof(data: bytes) -> TlogProof:
    """Return the parts of a proof, without extra data.

    Raises:
        MalformedError: not a proof, or in another form than :func:`write_proof`'s.
    """
    if len(data) > MAX_PROOF:
        raise MalformedError
    head, separator, note = data.partition(b"\n\n")
    header, *lines = head.split(b"\n")
    if not separator or header != HEADER or not lines:
        raise MalformedError
    first, *hashes = lines
    if not first.startswith(b"index ") or len(hashes) > MAX_PATH:
        raise MalformedError
    path = tuple(Digest(from_base64(line)) for line in hashes)
    if any(len(node) != _HASH for node in path):
        raise MalformedError
    return TlogProof(parse_decimal(first.removeprefix(b"index ")), path, note)


def verify_proof(
    data: bytes, leaf: bytes, key: LogKey, policy: WitnessPolicy
) -> Logged:
    """Return what the proof shows of ``leaf``.

    Args:
        data: the proof as it arrived.
        leaf: recomputed by the caller from what it says was logged.
        key: the log's, from the root document.
        policy: whose cosignatures count, from the same.

    Raises:
        MalformedError: not a proof, a note or a checkpoint.
        VerificationError: not of this log, or not of this leaf.
        ThresholdError: no quorum of ML-DSA cosignatures.
    """
    proof = read_proof(data)
    note, checkpoint = signed_checkpoint(proof.note, key)
    witnessed = quorum_time(policy, note, checkpoint)
    try:
        verify_inclusion(
            leaf, proof.index, checkpoint.size, proof.path, checkpoint.root
        )
    except ProofError:
        raise VerificationError("the leaf is not shown to be logged") from None
    return Logged(proof.index, checkpoint.size, witnessed)
