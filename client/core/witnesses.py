"""What witnesses say past the relay: checkpoints to compare, restrictions to obey.

A relay can show each post another log, keep one back, or not log a restriction.  So
now and then a terminal asks a witness itself.  Nothing of the answer is believed for
who gave it::

    checkpoint    the log's own signature under it; then either it lies on our way, or
                  two signatures exclude each other (a split view, kept as evidence)
    bulletin      the signatures of who may restrict, or of two operators who order
                  this terminal to destroy its vault; then it counts at once

A checkpoint that is larger than ours is news and waits.  When a quorum of witnesses has
shown what the relay, asked again, does not, people are told: it withholds the log.

Source: docs/spec/log.md sections 5 and 10; docs/spec/root-and-directory.md section 6.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated

from msgspec import Meta

from client.core.alarms import Alarm, Alarms
from client.core.questions import ConsistencyWanted, Effect, Question
from client.core.station import Station
from crypto.errors import ProofError
from crypto.merkle import verify_consistency
from crypto.notekey import NoteAlgorithm
from crypto.types import Digest, KeyId
from protocol.bulletins import MAX_BULLETIN, MAX_SERVED, Bulletins
from protocol.checkpoint import Checkpoint
from protocol.codec import Message, decode, encode
from protocol.cosignature import cosigned_at
from protocol.directory_state import Cut
from protocol.errors import ProtocolError, VerificationError
from protocol.fields import V1, KeyIdField, Time
from protocol.limits import MAX_SIGNATURES
from protocol.requests import Ask, LogName, SignedCheckpoint
from protocol.requests import Checkpoint as CheckpointRequest
from protocol.root import LogKey
from protocol.signed import Signed
from protocol.trusted_directory import TrustedDirectory
from protocol.trusted_log import TrustedLog, genuine_checkpoint, signed_checkpoint
from protocol.witness_policy import cosigner
from protocol.zeroising import is_order

HEARD = "bulletins"  # every bulletin that counted, in the vault
MAX_HEARD = 64  # bulletins kept: far more than operators may have standing
EVIDENCE = "evidence"  # two notes that exclude each other, or of which one is smaller


@dataclass(frozen=True, slots=True)
class Said:
    """One witness's answer as it came."""

    witness: str
    notes: Mapping[LogName, bytes]  # without those logs that it cosigned nothing of
    bulletins: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """A checkpoint that a witness showed and that is not yet compared."""

    checkpoint: Checkpoint
    note: bytes
    asked: bool = False  # the relay answered since, and did not come that far


class Heard(Message):
    """A bulletin that counted, and what was witnessed when we first heard it."""

    since: Time
    data: Annotated[bytes, Meta(max_length=MAX_BULLETIN)]
    by: Annotated[tuple[KeyIdField, ...], Meta(max_length=MAX_SIGNATURES)] = ()


class Told(Message):
    """All of them."""

    v: V1
    heard: tuple[Heard, ...] = ()


class Witnesses:
    """Compares what witnesses show with what this terminal believes."""

    def __init__(self, station: Station) -> None:
        self._vault = station.vault
        self._beliefs = station.beliefs
        self._alarms = Alarms(station.vault)
        self._identity = station.identity
        self._claims: dict[tuple[LogName, str], Claim] = {}
        self._again()

    # --- bulletins

    def _again(self) -> None:
        """Let the bulletins of earlier days count again, since when they did.

        They counted by the directory of that day.  Whoever signed one may have been
        replaced since; that a terminal was restarted lifts no restriction.
        """
        for heard in self._told().heard:
            directory = self._beliefs.directory
            signed = decode(heard.data, Signed, limit=MAX_BULLETIN)
            if directory is None or is_order(signed):
                self._obey(heard)
                continue
            by = frozenset(map(KeyId, heard.by))
            self._beliefs.directory = directory.recalled(signed, by, heard.since)

    def _told(self) -> Told:
        kept = self._vault.get(HEARD)
        return Told(v=1) if kept is None else decode(kept, Told, limit=MAX_SERVED)

    def _obey(self, heard: Heard) -> bool:
        """Let a bulletin count; False: it says nothing new, or nothing that counts."""
        directory = self._beliefs.directory
        if directory is None:
            return False
        try:
            signed = decode(heard.data, Signed, limit=MAX_BULLETIN)
            if signed.digest in directory.state.restrictions:
                return False
            after = directory.bulletin(signed, since=heard.since)
        except ProtocolError:
            return False  # nobody signed it who may, or it was lifted
        if is_order(signed):
            return self._ordered(after)
        before = directory.state.bulletins.get(signed.digest)
        if before == after.state.bulletins[signed.digest]:
            return False
        self._beliefs.directory = after
        return True

    def _ordered(self, after: TrustedDirectory) -> bool:
        """Let an order to destroy a vault count, if it is for this one."""
        before, self._beliefs.directory = self._beliefs.directory, after
        return before != after and self._beliefs.zeroised(self._identity.terminal.id)

    def _heard(self, encoded: bytes, now: int) -> None:
        try:
            board = decode(encoded, Bulletins, limit=MAX_SERVED)
        except ProtocolError:
            self._odd(now)
            return
        since = self._beliefs.witnessed
        for data in board.bulletins:
            heard = Heard(since=since, data=data)
            if not self._obey(heard):
                continue
            with self._vault.transaction():
                kept = [one for one in self._told().heard if self._counts(one.data)]
                cut = self._cut(data)
                by = () if cut is None else tuple(sorted(cut.by))
                told = (*kept, Heard(since=since, data=data, by=by))[-MAX_HEARD:]
                self._vault.put(HEARD, encode(Told(v=1, heard=told)))
                if cut is not None:
                    self._alarms.tell(Alarm.RESTRICTED, now, post=self._about(data))
            # A crash before the commit: the next witness tells it again.

    def _counts(self, data: bytes) -> bool:
        """Tell whether a bulletin still counts.

        Also when the log has it by now: it counts here since we heard it, and a relay
        that logs it late gives nobody that time.
        """
        return self._cut(data) is not None or is_order(
            decode(data, Signed, limit=MAX_BULLETIN)
        )

    def _cut(self, data: bytes) -> Cut | None:
        directory = self._beliefs.directory
        name = decode(data, Signed, limit=MAX_BULLETIN).digest
        if directory is None:
            return None
        cut = directory.state.bulletins.get(name)
        post = None if cut is None else directory.state.owner(cut.restriction.key)
        return None if post is not None and name in post.lifted else cut

    def _about(self, data: bytes) -> str:
        """Return the post that a bulletin cuts; nothing where it is not known."""
        directory, cut = self._beliefs.directory, self._cut(data)
        if directory is None or cut is None:
            return ""
        post = directory.state.owner(cut.restriction.key)
        return "" if post is None else post.post

    # --- checkpoints

    def said(self, said: Said, now: int) -> list[Effect]:
        """Take one witness's answer; return what is to be asked because of it."""
        self._heard(said.bulletins, now)
        for log, note in said.notes.items():
            self._shown(log, said.witness, note, now)
        self._judge(now)
        return self.compare(now)

    def sizes(self) -> tuple[int, int]:
        """Return the largest sizes of key and message log that witnesses showed."""
        key, message = (
            max(
                (c.checkpoint.size for (of, _), c in self._claims.items() if of is log),
                default=0,
            )
            for log in LogName
        )
        return key, message

    def told(self, log: LogName, now: int) -> list[Effect]:
        """Take note that the relay told its last checkpoint of ``log``."""
        for key, claim in self._claims.items():
            if key[0] is log:
                self._claims[key] = replace(claim, asked=True)
        return self.compare(now)

    def _shown(self, log: LogName, witness: str, note: bytes, now: int) -> None:
        trusted = self._log(log)
        try:
            found, checkpoint = genuine_checkpoint(note, trusted.key, self._former)
            key = next(w for w in trusted.policy.witnesses if w.name == witness)
            ours = cosigner(key, NoteAlgorithm.ML_DSA_44)
            if cosigned_at(found, checkpoint, ours) is None:
                raise VerificationError("not cosigned by whom it comes from")
        except (ProtocolError, StopIteration):
            self._odd(now)
            return
        before = self._claims.get((log, witness))
        if before is None or before.checkpoint.size < checkpoint.size:
            asked = before is not None and before.asked
            self._claims[log, witness] = Claim(checkpoint, note, asked=asked)

    def _judge(self, now: int) -> None:
        """Say so when a quorum has shown what the relay, asked, has not."""
        withheld = False
        for log in LogName:
            trusted = self._log(log)
            showing = {
                witness.organisation
                for witness in trusted.policy.witnesses
                if (claim := self._claims.get((log, witness.name))) is not None
                and claim.asked
                and claim.checkpoint.size > trusted.size
            }
            if len(showing) >= trusted.policy.quorum:
                withheld = True
        say = self._alarms.tell if withheld else self._alarms.over
        with self._vault.transaction():
            say(Alarm.LOG_WITHHELD, now)

    def compare(self, now: int) -> list[Effect]:
        """Compare every claim that our view has reached."""
        effects: list[Effect] = []
        for (log, witness), claim in list(self._claims.items()):
            trusted = self._log(log)
            size = claim.checkpoint.size
            if size > trusted.size:
                continue
            root = self._root(log, size)
            if root is None:
                tag = ConsistencyWanted(log, witness)
                body = CheckpointRequest(log=log, size=size)
                effects.append(Question(tag, Ask.CHECKPOINT, body))
                continue
            del self._claims[log, witness]
            if root != claim.checkpoint.root:
                self.split((claim.note, trusted.note), now)
        return effects

    def compared(
        self, tag: ConsistencyWanted, answer: SignedCheckpoint, now: int
    ) -> None:
        """Take the relay's proof that what a witness showed lies on its way.

        Raises:
            ProtocolError: not a checkpoint of this log: the relay talks nonsense.
        """
        claim = self._claims.get((tag.log, tag.witness))
        if claim is None:
            return
        trusted = self._log(tag.log)
        _, checkpoint = signed_checkpoint(answer.note, trusted.key)
        del self._claims[tag.log, tag.witness]
        try:
            verify_consistency(
                *(claim.checkpoint.size, checkpoint.size, answer.consistency),
                *(claim.checkpoint.root, checkpoint.root),
            )
        except ProofError:
            self.split((claim.note, answer.note), now)

    def split(self, evidence: tuple[bytes, ...], now: int) -> None:
        """Keep notes that exclude each other, and tell people.

        Their signatures are the log's own: whoever has the root document can check
        them.  The first pair stays; later ones are of the same quarrel.
        """
        with self._vault.transaction():
            self._keep(evidence)
            self._alarms.tell(Alarm.SPLIT_VIEW, now)

    def rolled_back(self, log: LogName, note: bytes, now: int) -> None:
        """Keep a note that is smaller than the trusted one, with that one.

        The log has signed both, so it has shown more than it shows now: its disk is an
        older one, or it hides something.
        """
        with self._vault.transaction():
            self._keep((note, self._log(log).note))
            self._alarms.tell(Alarm.RELAY_ODD, now)

    def _keep(self, evidence: tuple[bytes, ...]) -> None:
        if evidence and self._vault.get(EVIDENCE) is None:
            self._vault.put(EVIDENCE, encode(evidence))

    def _odd(self, now: int) -> None:
        with self._vault.transaction():
            self._alarms.tell(Alarm.WITNESS_ODD, now)

    @property
    def _former(self) -> frozenset[LogKey]:
        """What the logs had for keys: a witness may not have seen a newer note yet."""
        directory = self._beliefs.directory
        return frozenset() if directory is None else directory.root.former

    def _log(self, log: LogName) -> TrustedLog:
        if log is LogName.KEY:
            return self._beliefs.key_log
        return self._beliefs.message_log

    def _root(self, log: LogName, size: int) -> Digest | None:
        if log is LogName.KEY:
            return self._beliefs.key_root(size)
        return self._beliefs.message_root(size)
