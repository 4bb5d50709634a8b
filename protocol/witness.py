"""The witness's decision: cosign only growth of what it saw (C2SP tlog-witness).

Pure: the service keeps one :class:`Seen` per log, durably, and asks::

    request = read_request(body)
    seen, note = decide(seen, request, key)     # or a refusal with its HTTP status
    ... persist ``seen``; only then ...
    lines = [cosign(note, name, key, now=now) for key in keys]

A mirror keeps every entry besides and calls :func:`require_mirrored` before it
persists: the entries that it stored must give the checkpoint's root.

Source: C2SP tlog-witness; docs/spec/log.md section 5.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from crypto.errors import ProofError
from crypto.merkle import EMPTY_ROOT, Frontier, verify_consistency
from crypto.notekey import NoteAlgorithm
from crypto.types import Digest
from protocol.checkpoint import Checkpoint, parse_checkpoint, parse_decimal
from protocol.cosignature import cosigned_at
from protocol.errors import MalformedError, ProtocolError, VerificationError
from protocol.limits import KIB, MAX_NOTE
from protocol.note import (
    Note,
    from_base64,
    parse_note,
    signature_line,
    verify_log_signature,
)
from protocol.root import LogKey
from protocol.witness_policy import WitnessKey, cosigner

MAX_REQUEST: Final = MAX_NOTE + 8 * KIB  # bytes
MAX_PROOF: Final = 63  # lines, C2SP's bound
_HASH: Final = 32


class WitnessRefusal(Exception):  # noqa: N818 -- an answer, not a fault
    """The witness does not cosign; ``status`` is C2SP's HTTP status."""

    status: ClassVar[int]


class BadRequest(WitnessRefusal):
    """Not a request, or an old size above the checkpoint's."""

    status = 400


class NotSigned(WitnessRefusal):
    """The log did not sign the checkpoint."""

    status = 403


class Conflict(WitnessRefusal):
    """Not the size that was seen last; ``size`` is."""

    status = 409

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size


class Inconsistent(WitnessRefusal):
    """The proof, or the mirrored entries, do not lead to the checkpoint's root."""

    status = 422


@dataclass(frozen=True, slots=True)
class Seen:
    """The latest checkpoint of one log that this witness cosigned."""

    size: int = 0
    root: Digest = EMPTY_ROOT


@dataclass(frozen=True, slots=True)
class WitnessRequest:
    """An add-checkpoint request, taken apart."""

    old: int
    proof: tuple[Digest, ...]
    data: bytes  # the note as it arrived
    note: Note
    checkpoint: Checkpoint


def write_request(old: int, proof: Sequence[Digest], note: bytes) -> bytes:
    """Return the body of an add-checkpoint request."""
    lines = [b"old %d" % old, *(base64.b64encode(node) for node in proof)]
    return b"".join(line + b"\n" for line in lines) + b"\n" + note


def read_request(body: bytes) -> WitnessRequest:
    """Return the request that ``body`` holds.

    Raises:
        BadRequest: it holds none, or too much.
    """
    if len(body) > MAX_REQUEST:
        raise BadRequest
    head, separator, data = body.partition(b"\n\n")
    first, *lines = head.split(b"\n")
    if not separator or not first.startswith(b"old ") or len(lines) > MAX_PROOF:
        raise BadRequest
    try:
        note = parse_note(data)
        request = WitnessRequest(
            old=parse_decimal(first.removeprefix(b"old ")),
            proof=tuple(Digest(from_base64(line)) for line in lines),
            data=data,
            note=note,
            checkpoint=parse_checkpoint(note.text),
        )
    except MalformedError:
        raise BadRequest from None
    if any(len(node) != _HASH for node in request.proof):
        raise BadRequest
    return request


def decide(seen: Seen, request: WitnessRequest, key: LogKey) -> tuple[Seen, Note]:
    """Return what to remember and the note to cosign, in this order.

    The note has the log's own lines only: what strangers hung on it is neither
    stored nor served.

    Args:
        seen: the latest checkpoint cosigned for this log.
        request: with the log's origin, which the caller looked up.
        key: the log's.

    Raises:
        WitnessRefusal: in the order of C2SP's statuses; nothing is remembered.
    """
    checkpoint = request.checkpoint
    try:
        own = verify_log_signature(request.note, key.origin, key.public)
    except ProtocolError:
        raise NotSigned from None
    if request.old > checkpoint.size:
        raise BadRequest
    if request.old != seen.size:
        raise Conflict(seen.size)
    if checkpoint.size == seen.size and checkpoint.root != seen.root:
        raise Conflict(seen.size)
    try:
        verify_consistency(
            seen.size, checkpoint.size, request.proof, seen.root, checkpoint.root
        )
    except ProofError:
        raise Inconsistent from None
    return Seen(checkpoint.size, checkpoint.root), own


def require_mirrored(stored: Frontier, checkpoint: Checkpoint) -> None:
    """Return if the entries that a mirror stored are those of the checkpoint.

    Raises:
        Inconsistent: entries are missing, or are others.
    """
    if (stored.size, stored.root()) != (checkpoint.size, checkpoint.root):
        raise Inconsistent


def read_cosignatures(
    body: bytes, note: bytes, witness: WitnessKey
) -> tuple[bytes, ...]:
    """Return the lines that one witness's answer adds to a note.

    Only lines by that witness's own keys are taken, and each must verify: one bad
    line would spoil the whole note for every reader.

    Args:
        body: the answer to an add-checkpoint request.
        note: the one that was sent, signed by the log.
        witness: who was asked.

    Raises:
        MalformedError: not signature lines.
        VerificationError: a line of its keys that does not hold, or none at all.
    """
    text = parse_note(note).text
    answer = parse_note(text + b"\n" + body)
    if answer.text != text:
        raise MalformedError
    checkpoint = parse_checkpoint(text)
    lines: list[bytes] = []
    for algorithm in NoteAlgorithm:
        key = cosigner(witness, algorithm)
        if cosigned_at(answer, checkpoint, key) is not None:
            lines += (
                signature_line(key.name, key.hash, signature)
                for signature in answer.by(key.name, key.hash)
            )
    if not lines:
        raise VerificationError("an answer without a cosignature of this witness")
    return tuple(lines)
