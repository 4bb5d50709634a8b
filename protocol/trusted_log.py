"""One door to a log: the checkpoint that is trusted, and how the next one is.

::

    log = TrustedLog(key=root.key_log, policy=root.witnesses)
    log = log.adopt(note, consistency)              # or nothing happens
    log.check_inclusion(leaf, index, path)

A checkpoint is adopted when the log signed it, a quorum of witnesses cosigned it
with ML-DSA-44, and it extends the one that was trusted.  Between two of those, on
lines where ML-DSA signatures are dear, :meth:`TrustedLog.extend` takes a quorum of
Ed25519 cosignatures as a sign of life: it moves ``shown``, and nothing else.

Two genuine checkpoints that exclude each other are a split view: both notes are in
the error, as evidence that anybody can check.

Source: docs/spec/log.md section 6.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from crypto.errors import ProofError
from crypto.merkle import EMPTY_ROOT, verify_consistency, verify_inclusion
from crypto.notekey import NoteAlgorithm
from crypto.types import Digest
from protocol.checkpoint import Checkpoint, parse_checkpoint
from protocol.errors import (
    ChainError,
    FreshnessError,
    RollbackError,
    SplitViewError,
    ThresholdError,
    VerificationError,
)
from protocol.note import Note, parse_note, verify_log_signature
from protocol.root import LogKey
from protocol.witness_policy import WitnessPolicy, quorum_time


@dataclass(frozen=True, slots=True)
class TrustedLog:
    """The largest checkpoint of one log that was verified."""

    key: LogKey
    policy: WitnessPolicy
    size: int = 0
    root: Digest = EMPTY_ROOT
    note: bytes = b""  # the note that was adopted last: evidence, and for proofs
    witnessed: int = 0  # POSIX seconds: when its ML-DSA quorum saw it
    shown: int = 0  # POSIX seconds: when a quorum of either kind last showed growth

    def adopt(self, data: bytes, consistency: Sequence[Digest]) -> "TrustedLog":
        """Return the log at the checkpoint of a note.

        A note of the trusted size whose quorum is not later changes nothing.

        Args:
            data: the note as it arrived.
            consistency: proof from our size to its size.

        Raises:
            MalformedError: not a note, not a checkpoint.
            VerificationError: another origin, a signature that fails.
            SplitViewError: signed by the log, our size and another root.
            ThresholdError: too few witnesses; nobody is accused.
            RollbackError: smaller than what is trusted.
            ChainError: not shown to extend what is trusted.
        """
        note, checkpoint = self._signed(data)
        time = quorum_time(self.policy, note, checkpoint)
        self._continues(checkpoint, consistency)
        if checkpoint.size == self.size and time <= self.witnessed:
            return self
        return replace(
            self,
            size=checkpoint.size,
            root=checkpoint.root,
            note=data,
            witnessed=max(time, self.witnessed),
            shown=max(time, self.shown),
        )

    def extend(
        self, data: bytes, consistency: Sequence[Digest], *, longest: int
    ) -> "TrustedLog":
        """Return the log with a later sign of life, by Ed25519 cosignatures.

        Size, root, note and witnessed time stay: nothing is proven under such a
        checkpoint.

        Args:
            data: the note as it arrived.
            consistency: proof from our size to its size.
            longest: seconds that the trusted ML-DSA quorum serves (policy).

        Raises:
            FreshnessError: the trusted quorum is more than ``longest`` older.
            ProtocolError: as :meth:`adopt`.
        """
        note, checkpoint = self._signed(data)
        time = quorum_time(self.policy, note, checkpoint, NoteAlgorithm.ED25519)
        self._continues(checkpoint, consistency)
        if time - self.witnessed > longest:
            raise FreshnessError("an ML-DSA quorum is needed again")
        return replace(self, shown=max(time, self.shown))

    def governed(self, key: LogKey, policy: WitnessPolicy) -> "TrustedLog":
        """Return the log under a later root document: its keys and witnesses count.

        What was adopted stays adopted.

        Raises:
            ChainError: of another origin: that is a new log, not this one going on.
        """
        if key.origin != self.key.origin:
            raise ChainError("the root document names another log")
        return replace(self, key=key, policy=policy)

    def recalled(self, data: bytes) -> "TrustedLog":
        """Return the log at a note that was adopted before, from our own store.

        The store is authenticated, so size and root are taken as they were verified.
        Where the root document has changed its witnesses since, the note may have no
        quorum any more: it then vouches for no time.

        Raises:
            MalformedError: not a note.
            VerificationError: a known witness's line that does not hold.
        """
        note = parse_note(data)
        checkpoint = parse_checkpoint(note.text)
        try:
            time = quorum_time(self.policy, note, checkpoint)
        except ThresholdError:
            time = 0
        return replace(
            self,
            size=checkpoint.size,
            root=checkpoint.root,
            note=data,
            witnessed=time,
            shown=time,
        )

    def check_inclusion(self, leaf: bytes, index: int, path: Sequence[Digest]) -> None:
        """Return if ``leaf`` stands at ``index`` under the trusted checkpoint.

        Raises:
            VerificationError: it does not, or the proof is for another size.
        """
        try:
            verify_inclusion(leaf, index, self.size, path, self.root)
        except ProofError:
            raise VerificationError("the leaf is not shown to be logged") from None

    def _signed(self, data: bytes) -> tuple[Note, Checkpoint]:
        """Return the note and its checkpoint, signed by the log and no split view."""
        note, checkpoint = signed_checkpoint(data, self.key)
        if checkpoint.size == self.size and checkpoint.root != self.root:
            # Before the quorum: the log's own two signatures are the evidence.
            raise SplitViewError("one size, two roots", evidence=(self.note, data))
        return note, checkpoint

    def _continues(self, checkpoint: Checkpoint, consistency: Sequence[Digest]) -> None:
        if checkpoint.size < self.size:
            raise RollbackError("a smaller checkpoint")
        try:
            verify_consistency(
                self.size, checkpoint.size, consistency, self.root, checkpoint.root
            )
        except ProofError:
            raise ChainError("not shown to extend what is trusted") from None


def genuine_checkpoint(
    data: bytes, key: LogKey, former: Iterable[LogKey]
) -> tuple[Note, Checkpoint]:
    """Return a note and its checkpoint, signed by the log's key or by one it had.

    For what is compared and not adopted: a witness that has not seen a newer note yet
    shows one that the key of an earlier root document signed.

    Args:
        data: the note as it arrived.
        key: of the root document in force.
        former: those of earlier versions (:attr:`protocol.trusted_root.TrustedRoot`).

    Raises:
        MalformedError: not a note, not a checkpoint.
        VerificationError: of another origin, or signed by none of the keys.
    """
    older = [one for one in former if one.origin == key.origin]
    for one in (key, *older):
        try:
            return signed_checkpoint(data, one)
        except VerificationError:
            continue
    raise VerificationError("not signed by any key that the log had")


def signed_checkpoint(data: bytes, key: LogKey) -> tuple[Note, Checkpoint]:
    """Return a note and its checkpoint, signed by the log and by nobody else yet.

    Raises:
        MalformedError: not a note, not a checkpoint.
        VerificationError: of another origin, or not signed by this log.
    """
    note = parse_note(data)
    checkpoint = parse_checkpoint(note.text)
    if checkpoint.origin != key.origin:
        raise VerificationError("the checkpoint of another log")
    verify_log_signature(note, key.origin, key.public)
    return note, checkpoint
