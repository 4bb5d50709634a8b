"""Cosignatures: a witness's word that a checkpoint extends all it saw before.

Two kinds, each a line of the note: Ed25519 over the note's text, and ML-DSA-44 over
a structure with the witness's name, the time, origin, size and root.  Both carry the
time.  A quorum counts the ML-DSA lines only; Ed25519 lines serve freshness between
them, on lines where 2.4 kB a signature matters.

Source: C2SP tlog-cosignature.
"""

import struct
from dataclasses import dataclass
from typing import Final

from crypto.notekey import NoteAlgorithm, NoteSigningKey, NoteVerifyKey
from protocol.checkpoint import Checkpoint, parse_checkpoint
from protocol.errors import MalformedError
from protocol.note import Line, Note, key_hash, signature_line, verify_line

KINDS: Final = {NoteAlgorithm.ED25519: b"\x04", NoteAlgorithm.ML_DSA_44: b"\x06"}
_LABEL: Final = b"subtree/v1\n\x00"
_TIMESTAMP: Final = 8  # bytes
MAX_TIME: Final = 1 << 40  # POSIX seconds: far beyond any clock that is right


@dataclass(frozen=True, slots=True)
class Cosigner:
    """A witness's key of one kind, under its name."""

    name: str
    key: NoteVerifyKey

    @property
    def hash(self) -> bytes:
        """The 4 bytes that name the key in signature lines."""
        return key_hash(self.name, KINDS[self.key.algorithm], self.key.public)


def cosign(note: Note, name: str, key: NoteSigningKey, *, now: int) -> bytes:
    """Return one signature line of a witness for a checkpoint's note.

    Args:
        note: the checkpoint, verified against what the witness knows.
        name: the witness's, at most 255 bytes.
        key: of either kind.
        now: POSIX seconds, the witness's clock.
    """
    checkpoint = parse_checkpoint(note.text)
    signature = key.sign(_message(key.algorithm, note.text, checkpoint, name, now))
    hashed = key_hash(name, KINDS[key.algorithm], key.public)
    return signature_line(name, hashed, struct.pack(">Q", now) + signature)


def cosigned_at(note: Note, checkpoint: Checkpoint, cosigner: Cosigner) -> int | None:
    """Return when ``cosigner`` cosigned the note, or None if it did not.

    Of several lines by one key the latest counts.

    Raises:
        MalformedError: a line of that key without a time.
        VerificationError: a line of that key that does not verify.
    """
    times = [
        _verified(line, note, checkpoint, cosigner)
        for line in note.lines
        if line.name == cosigner.name.encode() and line.key_hash == cosigner.hash
    ]
    return max(times, default=None)


def _verified(
    line: Line, note: Note, checkpoint: Checkpoint, cosigner: Cosigner
) -> int:
    stamp, signature = line.signature[:_TIMESTAMP], line.signature[_TIMESTAMP:]
    now = int.from_bytes(stamp, "big")
    if len(stamp) != _TIMESTAMP or now >= MAX_TIME:
        raise MalformedError
    message = _message(
        cosigner.key.algorithm, note.text, checkpoint, cosigner.name, now
    )
    verify_line(cosigner.key, signature, message)
    return now


def _message(
    algorithm: NoteAlgorithm, text: bytes, checkpoint: Checkpoint, name: str, now: int
) -> bytes:
    if algorithm is NoteAlgorithm.ED25519:
        return b"cosignature/v1\ntime %d\n" % now + text
    origin = checkpoint.origin.encode()
    return (
        _LABEL
        + struct.pack(">B", len(name.encode()))
        + name.encode()
        + struct.pack(">QB", now, len(origin))
        + origin
        + struct.pack(">QQ", 0, checkpoint.size)
        + checkpoint.root
    )
