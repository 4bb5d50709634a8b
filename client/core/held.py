"""Records under a key that has ended: kept as evidence, asked for again with a proof.

A record is held because nothing shows yet that it was sealed before its signer's key
ended.  What shows it is its leaf under a checkpoint of the message log that this
terminal adopted before then: a checkpoint that came later could cover what a thief
made with the key.  Its parts are kept, so that :func:`protocol.admit.admit` judges
the very same bytes again; the seed that opened them may be erased.

Source: docs/spec/record-and-envelope.md (RCV-3), docs/spec/time.md section 3.
"""

from dataclasses import dataclass
from typing import Final

from client.core.ports import Vault
from client.core.questions import Effect, HeldProofWanted, Question
from client.core.rows import RecordRow
from client.core.station import Station
from crypto.errors import ProofError
from crypto.merkle import verify_inclusion
from crypto.types import Digest
from protocol.admit import Held, Outcome, admit
from protocol.codec import Message, decode, encode
from protocol.directory_view import Ended
from protocol.errors import ProtocolError, VerificationError
from protocol.fields import (
    CommitmentField,
    DigestField,
    PrekeyIdField,
    SaltField,
    StreamIdField,
    Time,
    UInt48,
)
from protocol.genuine import Unsealed
from protocol.receiver import Receiver
from protocol.requests import Ask, LogName, Prove
from protocol.slip import Place

HELD: Final = "held"  # ``RecordRow.refused`` of a record that is kept as evidence


class _Opened(Message):
    """What the wrap held beside the content key, and when the signer's key ended."""

    kid: PrekeyIdField
    kc: CommitmentField
    stream: StreamIdField
    seq: UInt48
    prev: DigestField
    salt: SaltField
    ended: Time


class _Before(Message):
    reason: str
    at: Time


@dataclass(frozen=True, slots=True)
class SignedBefore:
    """The event that a shown record was signed before; POSIX seconds."""

    reason: str  # as ``Ended.reason``
    at: int


class HeldRecords:
    """Keeps what is needed to judge held records again, and asks for proofs."""

    def __init__(self, station: Station) -> None:
        self._vault = station.vault
        # One look at the archive for a run of the process: few are ever held.
        self._open = {row.name for row in station.vault.held(HELD)}
        self._asked: set[Digest] = set()  # in this session

    def connected(self) -> None:
        """Take note of a new session: what the old one did not answer is asked."""
        self._asked.clear()

    def is_news(self, name: Digest, index: int | None) -> bool:
        """Tell whether a held sealing is to be kept: the one that was logged first."""
        row = self._vault.record(name)
        if row is None:
            return True
        if row.refused != HELD or index is None:
            return False
        return row.log_index is None or index < row.log_index

    def keep(self, outcome: Held) -> None:
        """Keep the parts of a held record, in the transaction that keeps the record."""
        opened, name = outcome.unsealed, outcome.genuine.name
        parts = _Opened(
            kid=opened.kid,
            kc=opened.kc,
            stream=opened.place.stream,
            seq=opened.place.seq,
            prev=opened.place.prev,
            salt=opened.salt,
            ended=outcome.ended.witnessed,
        )
        self._vault.put(_parts_of(name), encode(parts))
        self._open.add(name)
        self._asked.discard(name)

    def let_go(self, name: Digest, ended: Ended | None) -> bool:
        """Take note that a record need not be held, in the caller's transaction.

        Args:
            name: H(record).
            ended: the end that it was signed before; None: of current keys.

        Returns whether it was held until now.
        """
        held = name in self._open
        self._open.discard(name)
        if ended is not None:
            before = _Before(reason=ended.reason, at=ended.witnessed)
            self._vault.put(_before_of(name), encode(before))
        return held

    def pump(self) -> list[Effect]:
        """Return a question for each record that a checkpoint of ours may free."""
        effects: list[Effect] = []
        for name in sorted(self._open - self._asked):
            found = self._parts(name)
            if found is None:
                continue
            index, _, parts, (size, _, witnessed) = found
            if witnessed >= parts.ended:
                continue
            self._asked.add(name)
            tag = HeldProofWanted(name, index, size)
            body = Prove(log=LogName.MESSAGE, index=index, size=size)
            effects.append(Question(tag, Ask.PROVE, body))
        return effects

    def proven(
        self, tag: HeldProofWanted, path: tuple[Digest, ...], receiver: Receiver
    ) -> Outcome | None:
        """Return the outcome of judging a record again; None: it stays evidence.

        Raises:
            VerificationError: the path does not lead to the checkpoint of the tag.
        """
        found = self._parts(tag.name)
        if found is None:
            return None
        index, row, parts, (size, root, witnessed) = found
        if (index, size) != (tag.index, tag.size):
            return None  # another sealing came since, and is asked for itself
        try:
            verify_inclusion(row.leaf, tag.index, size, path, root)
        except ProofError:
            raise VerificationError("the leaf is not shown to be logged") from None
        unsealed = Unsealed(
            id=row.id,
            kid=parts.kid,
            kc=parts.kc,
            place=Place(parts.stream, parts.seq, parts.prev),
            salt=parts.salt,
            inner=row.inner,
            body=Digest(row.leaf[-len(root) :]),
        )
        try:
            outcome = admit(unsealed, receiver, witnessed=witnessed)
        except ProtocolError:
            return None  # of an identity that a restored terminal has no more
        return None if isinstance(outcome, Held) else outcome

    def _parts(
        self, name: Digest
    ) -> tuple[int, RecordRow, _Opened, tuple[int, Digest, int]] | None:
        """Return where a held record is logged, it, its parts and the first checkpoint.

        None: it is not held any more, came by courier only, or no checkpoint of ours
        covers its leaf.
        """
        row, kept = self._vault.record(name), self._vault.get(_parts_of(name))
        if row is None or row.refused != HELD or kept is None or row.log_index is None:
            return None
        checkpoint = self._vault.checkpoint_over(row.log_index)
        if checkpoint is None:
            return None
        return row.log_index, row, decode(kept, _Opened), checkpoint


def signed_before(vault: Vault, name: Digest) -> SignedBefore | None:
    """Return what a shown record was signed before; None: its keys were current."""
    kept = vault.get(_before_of(name))
    if kept is None:
        return None
    before = decode(kept, _Before)
    return SignedBefore(before.reason, before.at)


def _parts_of(name: Digest) -> str:
    return f"held.{name.hex()}"


def _before_of(name: Digest) -> str:
    return f"before.{name.hex()}"
