"""Cosignatures: a witness's word that a checkpoint extends all it saw before.

Two kinds, each a line of the note: Ed25519 over the note's text, and ML-DSA-44 over
a structure with the witness's name, the time, origin, size and root.  Both carry the
time.  A quorum counts the ML-DSA lines only; Ed25519 lines serve freshness between
them, on lines where 2.4 kB a signature matters.

The ML-DSA message is C2SP's ``cosigned_message`` for a whole tree: start 0, and a
time that is not zero.  A time of zero is what a witness writes under a *part* of a
tree, without a word on what the largest is: it never counts here.

Source: C2SP tlog-cosignature (types 0x04 and 0x06); docs/spec/log.md section 4.
"""

import struct
from dataclasses import dataclass
from typing import Final

from crypto.notekey import NoteAlgorithm, NoteSigningKey, NoteVerifyKey
from protocol.checkpoint import Checkpoint, parse_checkpoint
from protocol.errors import MalformedError
from protocol.note import Note, key_hash, signature_line, verify_line

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

    Raises:
        ValueError: a name or time that no witness has, a caller's bug.
    """
    if not 0 < now < MAX_TIME:
        raise ValueError("a witness's clock shows no such time")
    checkpoint = parse_checkpoint(note.text)
    message = cosigned_message(key.algorithm, note.text, checkpoint, name, now)
    hashed = key_hash(name, KINDS[key.algorithm], key.public)
    return signature_line(name, hashed, struct.pack(">Q", now) + key.sign(message))


def cosigned_at(note: Note, checkpoint: Checkpoint, cosigner: Cosigner) -> int | None:
    """Return when ``cosigner`` cosigned the note, or None if it did not.

    Of several lines by one key the latest counts.

    Raises:
        MalformedError: a line of that key without a time.
        VerificationError: a line of that key that does not verify.
    """
    times = [
        _verified(signature, note, checkpoint, cosigner)
        for signature in note.by(cosigner.name, cosigner.hash)
    ]
    return max(times, default=None)


def _verified(
    stamped: bytes, note: Note, checkpoint: Checkpoint, cosigner: Cosigner
) -> int:
    stamp, signature = stamped[:_TIMESTAMP], stamped[_TIMESTAMP:]
    time = int.from_bytes(stamp, "big")
    if len(stamp) != _TIMESTAMP or not 0 < time < MAX_TIME:
        raise MalformedError
    message = cosigned_message(
        cosigner.key.algorithm, note.text, checkpoint, cosigner.name, time
    )
    verify_line(cosigner.key, signature, message)
    return time


def cosigned_message(
    algorithm: NoteAlgorithm, text: bytes, checkpoint: Checkpoint, name: str, time: int
) -> bytes:
    """Return the bytes that a witness signs.

    Args:
        algorithm: of the witness's key; each has its own message.
        text: of the note, with its last newline: what an Ed25519 key signs.
        checkpoint: ``text``, parsed: what an ML-DSA-44 key signs.
        name: the witness's.
        time: POSIX seconds.

    Raises:
        ValueError: a name of more than 255 bytes, a caller's bug.
    """
    if algorithm is NoteAlgorithm.ED25519:
        return b"cosignature/v1\ntime %d\n" % time + text
    return b"".join(
        (
            _LABEL,
            _short(name),
            struct.pack(">Q", time),
            _short(checkpoint.origin),
            struct.pack(">QQ", 0, checkpoint.size),
            checkpoint.root,
        )
    )


def _short(text: str) -> bytes:
    """Return the text after its length in one byte (RFC 8446 section 3.4)."""
    raw = text.encode()
    return bytes([len(raw)]) + raw
