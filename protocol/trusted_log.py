"""One door to a log: the checkpoint that is trusted, and how the next one is.

::

    log = TrustedLog.first(origin, public, policy)
    log, time = log.adopt(note, consistency)        # or nothing happens
    log.check_inclusion(leaf, index, path)

A checkpoint is adopted when the log signed it, a quorum of witnesses cosigned it
with ML-DSA-44, and it extends the one that was trusted.  Two genuine checkpoints
that exclude each other are a split view: both notes are in the error, as evidence.

Source: docs/spec/log.md section 6.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from crypto.errors import ProofError
from crypto.merkle import EMPTY_ROOT, verify_consistency, verify_inclusion
from crypto.notekey import NoteAlgorithm
from crypto.types import Digest
from protocol.checkpoint import Checkpoint, parse_checkpoint
from protocol.cosignature import cosigned_at
from protocol.errors import (
    RollbackError,
    SplitViewError,
    VerificationError,
)
from protocol.note import Note, parse_note, verify_log_signature
from protocol.root import LogKey
from protocol.witness_policy import WitnessPolicy, cosigner, require_quorum


@dataclass(frozen=True, slots=True)
class TrustedLog:
    """The largest checkpoint of one log that was verified."""

    key: LogKey
    policy: WitnessPolicy
    size: int = 0
    root: Digest = EMPTY_ROOT
    note: bytes = b""  # the note that was adopted last: evidence, and for proofs
    witnessed: int = 0  # POSIX seconds: when its quorum saw it

    def adopt(self, data: bytes, consistency: Sequence[Digest]) -> "TrustedLog":
        """Return the log at the checkpoint of a note.

        Args:
            data: the note as it arrived.
            consistency: proof from our size to its size.

        Raises:
            MalformedError: not a note, not a checkpoint.
            VerificationError: another origin, a signature that fails, no extension.
            ThresholdError: too few witnesses; nobody is accused.
            RollbackError: smaller than what is trusted.
            SplitViewError: signed by the log, and not an extension of our root.
        """
        note = parse_note(data)
        checkpoint = parse_checkpoint(note.text)
        if checkpoint.origin != self.key.origin:
            raise VerificationError("the checkpoint of another log")
        verify_log_signature(note, self.key.origin, self.key.public)
        time = self._witnessed(note, checkpoint)
        self._continues(checkpoint, consistency)
        return replace(
            self,
            size=checkpoint.size,
            root=checkpoint.root,
            note=data,
            witnessed=max(time, self.witnessed),
        )

    def recalled(self, data: bytes) -> "TrustedLog":
        """Return the log at a note that was adopted before, from our own store.

        The store is authenticated, so only the policy's quorum is looked at again:
        the note gives its size, root and time.

        Raises:
            MalformedError, VerificationError: it was not adopted under this policy.
        """
        note = parse_note(data)
        checkpoint = parse_checkpoint(note.text)
        return replace(
            self,
            size=checkpoint.size,
            root=checkpoint.root,
            note=data,
            witnessed=self._witnessed(note, checkpoint),
        )

    def _witnessed(self, note: Note, checkpoint: Checkpoint) -> int:
        """Return the k-th largest time at which the quorum cosigned."""
        times: dict[str, int] = {}
        for witness in self.policy.witnesses:
            key = cosigner(witness, NoteAlgorithm.ML_DSA_44)
            at = cosigned_at(note, checkpoint, key)
            if at is not None:
                times[witness.name] = at
        require_quorum(self.policy, frozenset(times))
        return sorted(times.values(), reverse=True)[self.policy.quorum - 1]

    def _continues(self, checkpoint: Checkpoint, consistency: Sequence[Digest]) -> None:
        if checkpoint.size < self.size:
            raise RollbackError("a smaller checkpoint")
        if checkpoint.size == self.size and checkpoint.root != self.root:
            raise SplitViewError("one size, two roots")
        try:
            verify_consistency(
                self.size, checkpoint.size, consistency, self.root, checkpoint.root
            )
        except ProofError:
            raise VerificationError("not shown to extend what is trusted") from None

    def check_inclusion(self, leaf: bytes, index: int, path: Sequence[Digest]) -> None:
        """Return if ``leaf`` stands at ``index`` under the trusted checkpoint.

        Raises:
            VerificationError: it does not, or the proof is for another size.
        """
        try:
            verify_inclusion(leaf, index, self.size, path, self.root)
        except ProofError:
            raise VerificationError("the leaf is not shown to be logged") from None
