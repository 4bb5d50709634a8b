"""A note in a bundle: every line of it is by a key that the root document names.

Elsewhere a line of an unknown key counts for nothing.  Here it would be a byte that
anybody could change, so it refuses the bundle (EVID-5).
"""

import contextlib

from crypto.notekey import NoteAlgorithm
from protocol.checkpoint import Checkpoint
from protocol.cosignature import Cosigner, cosigned_at
from protocol.errors import ProtocolError, VerificationError
from protocol.evidence.findings import Cosigned, Shown
from protocol.note import ED25519_TYPE, Line, Note, key_hash
from protocol.root import LogKey
from protocol.trusted_log import signed_checkpoint
from protocol.witness_policy import WitnessPolicy, cosigner, quorum_time


def shown(data: bytes, key: LogKey, policy: WitnessPolicy) -> Shown:
    """Return what a note proves, each of its lines verified.

    Raises:
        MalformedError: not a note, or not a checkpoint.
        VerificationError: of another log; a line that does not verify, of a key that
            the root document does not name, or the second of one key.
        ThresholdError: no quorum of ML-DSA cosignatures.
    """
    note, checkpoint = signed_checkpoint(data, key)
    witnessed = quorum_time(policy, note, checkpoint)
    own = key_hash(key.origin, ED25519_TYPE, key.public)
    lines = [Cosigned(key.origin, NoteAlgorithm.ED25519.value, None)]
    known = {(key.origin, own)}
    for witness in policy.witnesses:
        for algorithm in NoteAlgorithm:
            cosigned = _line(note, checkpoint, cosigner(witness, algorithm))
            if cosigned is not None:
                lines.append(cosigned)
                known.add((witness.name, cosigner(witness, algorithm).hash))
    # Each known key found a line, and there are no more lines than keys.
    if len(note.lines) != len(known):
        raise VerificationError("a line by nobody, or by somebody twice")
    return Shown(
        origin=checkpoint.origin,
        size=checkpoint.size,
        root=checkpoint.root,
        witnessed=witnessed,
        lines=tuple(lines),
    )


def _line(note: Note, checkpoint: Checkpoint, by: Cosigner) -> Cosigned | None:
    time = cosigned_at(note, checkpoint, by)
    return None if time is None else Cosigned(by.name, by.key.algorithm.value, time)


def known_lines(data: bytes, key: LogKey, policy: WitnessPolicy) -> bytes | None:
    """Return the note with one line of each known key, for a bundle.

    None: under these keys it is not a checkpoint with a quorum.
    """
    try:
        note, checkpoint = signed_checkpoint(data, key)
        quorum_time(policy, note, checkpoint)
    except ProtocolError:
        return None
    cosigners = [
        cosigner(witness, algorithm)
        for witness in policy.witnesses
        for algorithm in NoteAlgorithm
    ]
    kept = [_first(note, key.origin, key_hash(key.origin, ED25519_TYPE, key.public))]
    for one in cosigners:
        with contextlib.suppress(ProtocolError):  # an Ed25519 line that is no good
            time = cosigned_at(note, checkpoint, one)
            if time is not None:
                kept.append(_at(note, one, time))
    return Note(note.text, tuple(kept)).data()


def _first(note: Note, name: str, hashed: bytes) -> Line:
    return Line(name, hashed, note.by(name, hashed)[0])


def _at(note: Note, by: Cosigner, time: int) -> Line:
    """Return the line of that time: of several, the one that counts (LOG-11)."""
    stamp = time.to_bytes(8, "big")
    signature = next(s for s in note.by(by.name, by.hash) if s.startswith(stamp))
    return Line(by.name, by.hash, signature)
