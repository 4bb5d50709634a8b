"""The outbox: from a record that people signed to its last receipt.

A record waits here until every terminal that it is for has it, by that terminal's
own receipt.  Sealing happens when the relay is there and the directory is fresh; the
envelope is then kept, so that a retry sends the same bytes.  Where each record stands
is :mod:`protocol.delivery`'s business; this module gives it events and carries out
its effects.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from client.core.alarms import Alarm, Alarms
from client.core.compose import Composed
from client.core.deadlines import delivery_deadline
from client.core.kept_keys import KeptKeys
from client.core.offered import Offered
from client.core.placing import PlacedSealing
from client.core.questions import Deposited, Effect, PrekeysWanted, Question
from client.core.rows import OUT, Deposit, RecordRow, Target
from client.core.sealing import Sealed
from client.core.station import Station
from client.core.tracking import Tracking
from crypto.digest import H
from crypto.merkle import leaf_hash
from crypto.types import Digest, KeyId
from protocol import delivery
from protocol.codec import decode
from protocol.decision import Decision, draft_of, may_send
from protocol.directory_view import Terminal
from protocol.errors import ExpiredError, FreshnessError, PolicyError, Reason
from protocol.label import Level
from protocol.leaf import message_leaf
from protocol.limits import MAX_RECORD
from protocol.manifest import PrekeyKind
from protocol.record import Record
from protocol.requests import Ask, Offers, Prekeys, Submit
from protocol.trusted_manifest import Prekey


class Outbox:
    """Records on their way out."""

    def __init__(self, station: Station, kept: KeptKeys) -> None:
        self._vault = station.vault
        self._identity = station.identity
        self._beliefs = station.beliefs
        self._entropy = station.entropy
        self._kept = kept
        self._offered = Offered(station)
        self._sealing = PlacedSealing(station)
        self._tracking = Tracking(station.vault)
        self._alarms = Alarms(station.vault)
        self._asked: set[Digest] = set()  # records whose prekeys were asked for
        self._again: set[Digest] = set()  # records with deposits that were reopened
        # The record that was looked at last, by its name: it is looked at again.
        self._looked: tuple[Digest, Record] | None = None

    # --- composed

    def enqueue(self, composed: Composed, now: int, only: KeyId | None = None) -> None:
        """Put a record into the outbox, inside the caller's transaction.

        Args:
            composed: the record.
            now: the wall clock.
            only: the one terminal that a machine's word is for; None: all of each
                addressee.

        Raises:
            PolicyError: an addressee may not have it, or is not there; or whoever
                signed it is not enrolled.
        """
        record = composed.record
        self._looked = composed.name, record
        targets = [
            terminal
            for terminal in self._receivers(record)
            if only in {None, terminal.first}
        ]
        if not targets:
            raise PolicyError(Reason.NOT_ACTIVE)
        self._vault.add_record(
            RecordRow(
                name=composed.name,
                id=record.id,
                way=OUT,
                type=record.type,
                post=record.sender,
                at=now,
                document=composed.document,
                release=b"" if composed.release is None else composed.release.signature,
            )
        )
        policy, since = self._beliefs.view().policy, self._beliefs.time(now)
        for terminal in targets:
            deadline = delivery_deadline(policy, record, terminal.post, since)
            started, _ = delivery.begin(deadline)
            self._vault.add_target(
                Target(composed.name, terminal.first, terminal.post, None, started)
            )

    def _receivers(self, record: Record) -> tuple[Terminal, ...]:
        """Return every terminal to seal to, or refuse for the first rule broken."""
        decision = self._decision(record)
        for refusal in decision.refusals:
            raise PolicyError(refusal.reason, post=refusal.post)
        return decision.terminals

    def _allowed(self, name: Digest) -> tuple[Terminal, ...]:
        """Return the terminals that may have a waiting record by today's directory.

        What an addressee lost since holds up that addressee; what the message or
        this terminal lost holds up all.
        """
        try:
            decision = self._decision(self._record(name))
        except PolicyError:
            return ()
        own = self._identity.post
        if any(refusal.post in {None, own} for refusal in decision.refusals):
            return ()
        return decision.terminals

    def may_have(self, name: Digest) -> frozenset[KeyId]:
        """Return the terminals that may have a waiting record by today's directory.

        Raises:
            PolicyError: the message, or this terminal, may not go at all any more.
        """
        decision = self._decision(self._record(name))
        for refusal in decision.refusals:
            if refusal.post in {None, self._identity.post}:
                raise PolicyError(refusal.reason, post=refusal.post)
        return frozenset(terminal.first for terminal in decision.terminals)

    def _decision(self, record: Record) -> Decision:
        view = self._beliefs.view()
        own = view.terminal(self._identity.terminal.id)
        if own is None or own.ended is not None:
            raise PolicyError(Reason.NOT_ACTIVE)
        if any(view.member(key) is None for key in record.by):
            # No receiver could verify it; it waits for the member's enrolment.
            raise PolicyError(Reason.MEMBER_NOT_ACTIVE, post=record.sender)
        return may_send(
            draft_of(record), own, view, now=record.ts, archive=bool(view.root.archive)
        )

    # --- sealing

    def pump(self, wall: int) -> list[Effect]:
        """Return what can be done now: prekeys to ask for, envelopes to deposit.

        A FLASH does not wait for an answer where a key of each terminal is kept.
        """
        wanted: dict[Digest, list[KeyId]] = {}
        for target in self._vault.waiting(delivery.State.COMPOSED):
            if target.name not in self._asked and self._may_seal(target.name, wall):
                wanted.setdefault(target.name, []).append(target.terminal)
        effects = self._reopened()
        for name, terminals in wanted.items():
            self._asked.add(name)
            lane = self._lane(name)
            if lane == 0 and (deposits := self._sealed_ahead(name, terminals, wall)):
                effects.extend(deposits)
                continue
            size = self._beliefs.key_log.size
            current = tuple(self._kept.current(terminal) for terminal in terminals)
            question = PrekeysWanted((name,), current, size)
            body = Prekeys(terminals=current)
            effects.append(Question(question, Ask.PREKEYS, body, lane))
        return effects

    def _sealed_ahead(
        self, name: Digest, terminals: Sequence[KeyId], wall: int
    ) -> list[Effect]:
        """Seal a record to kept keys, if there is one for each terminal (PRE-19).

        A wall clock that says another day than W asks the relay for today's key.
        """
        keys = {terminal: self._kept.key(terminal) for terminal in terminals}
        found = {
            terminal: key
            for terminal, key in keys.items()
            if key is not None and key.window.covers(wall)
        }
        targets = [
            target
            for target in self._vault.targets(name)
            if target.terminal in found
            and self._unused(target, found[target.terminal], wall)
        ]
        if len(targets) < len(terminals):
            return []  # one envelope for all, by the relay's answer
        return self._seal(name, found, wall)

    def _reopened(self) -> list[Effect]:
        """Return the deposits that somebody asked for again, since the last look."""
        names, self._again = self._again, set()
        return [
            deposited(deposit)
            for name in sorted(names)
            for deposit in self._vault.deposits(name)
            if deposit.log_index is None and deposit.sealed is not None
        ]

    def urgent(self) -> bool:
        """Tell whether a record of lane 0 is not at the relay yet."""
        waiting = (
            *self._vault.waiting(delivery.State.COMPOSED),
            *self._vault.waiting(delivery.State.SEALED),
        )
        return any(self._lane(target.name) == 0 for target in waiting)

    def redeposit(self) -> list[Effect]:
        """Return every envelope that the relay has not confirmed: after a cut."""
        self._asked.clear()
        return [deposited(deposit) for deposit in self._vault.unstored()]

    def synced(self) -> None:
        """Take note of a newer directory: what still waits may be asked for again."""
        self._asked.clear()

    def again(self, name: Digest) -> None:
        """Take note that a record is to be sealed or deposited again, at once."""
        self._asked.discard(name)
        self._again.add(name)

    def offered(self, wanted: PrekeysWanted, offers: Offers, now: int) -> list[Effect]:
        """Seal records to the prekeys that came, and deposit them.

        A terminal without a genuine prekey, or that may not have the record any more,
        keeps it waiting for the next directory or session; the others get theirs.
        """
        found = self._offered.genuine(offers, wanted, now)
        if found:
            self._kept.look()  # they may be written to for the first time
        effects: list[Effect] = []
        for name in wanted.names:
            effects.extend(self._seal(name, found, now))
        return effects

    def _seal(
        self, name: Digest, prekeys: dict[KeyId, Prekey], now: int
    ) -> list[Effect]:
        row = self._vault.record(name)
        if row is None or not self._may_seal(name, now):
            return []
        allowed = {terminal.first for terminal in self._allowed(name)}
        targets = [
            target
            for target in self._vault.targets(name)
            if target.delivery.state is delivery.State.COMPOSED
            and target.terminal in allowed & prekeys.keys()
            and self._unused(target, prekeys[target.terminal], now)
        ]
        if not targets:
            return []
        with self._vault.transaction():
            sealed, placed = self._sealing.seal(row, targets, prekeys)
            deposit = self._deposit(sealed)
            self._vault.add_deposit(deposit)
            for target in placed:
                event = delivery.Sealed(deposit.envelope, prekeys[target.terminal].kid)
                self._tracking.move(target, event, now)
            # A crash after this commit: the envelope is here, `redeposit` sends it.
            self._vault.add_event(now, "sealed", name, "")
        return [deposited(deposit)]

    def seal_apart(
        self,
        row: RecordRow,
        targets: Sequence[Target],
        prekeys: Mapping[KeyId, Prekey],
        now: int,
    ) -> bytes:
        """Return an envelope that goes another way than by the relay.

        Places are given as for any sealing; the delivery stands where it stood.
        """
        with self._vault.transaction():
            sealed, placed = self._sealing.seal(row, targets, prekeys)
            for target in placed:
                self._vault.set_target(target)
            # A crash before the commit: no file was written; after it: the places
            # are given, and the next sealing has the same.
            for post in sorted({target.post for target in placed}):
                self._vault.add_event(now, "couriered", row.name, post)
        return sealed.envelope

    def _unused(self, target: Target, prekey: Prekey, now: int) -> bool:
        """Tell whether a record was never sealed to this prekey (B22, NACK-5).

        Today's epoch key may be offered again: then it waits for the next manifest.
        A one-time key is handed out once.
        """
        if prekey.kid not in target.delivery.kids:
            return not self._offered.is_lost(prekey.terminal)
        if prekey.window.kind is PrekeyKind.ONE_TIME:
            with self._vault.transaction():
                self._alarms.tell(Alarm.PREKEY_ODD, now, None, target.post)
        return False

    def _deposit(self, sealed: Sealed) -> Deposit:
        return Deposit(
            envelope=H(sealed.envelope),
            name=sealed.name,
            sealed=sealed.envelope,
            slip=sealed.slip,
            commitment=sealed.commitment,
            leaf=message_leaf(sealed.commitment, sealed.body),
            lane=self._lane(sealed.name),
            size=len(sealed.envelope),
            signature=sealed.signature,
        )

    def _may_seal(self, name: Digest, wall: int) -> bool:
        record = self._record(name)
        level = Level.ONGERUBRICEERD if record.label is None else record.label.level
        try:
            self._beliefs.view().require_current()  # an expired root: read-only
            self._beliefs.require_fresh(level, wall)
        except (ExpiredError, FreshnessError):
            return False
        return True

    def _lane(self, name: Digest) -> int:
        return self._record(name).precedence.lane

    def _record(self, name: Digest) -> Record:
        if self._looked is not None and self._looked[0] == name:
            return self._looked[1]
        row = self._vault.record(name)
        if row is None:
            raise RuntimeError("a target without its record")
        record = decode(row.document, Record, limit=MAX_RECORD)
        self._looked = name, record
        return record

    # --- what the relay and the log say

    def stored(self, envelope: Digest, index: int, leaf: bytes, now: int) -> None:
        """Note that the relay has the envelope durably, and where its leaf is.

        Args:
            envelope: H(envelope).
            index: in the message log.
            leaf: RFC 6962 hash of the leaf, as the relay logged it.
            now: the wall clock.
        """
        deposit = self._vault.deposit(envelope)
        if deposit is None or deposit.log_index is not None:
            return
        if leaf != leaf_hash(deposit.leaf):  # logged as something else: never accepted
            with self._vault.transaction():
                self._alarms.tell(Alarm.LEAF_ODD, now, deposit.name)
            return
        with self._vault.transaction():
            self._vault.set_deposit(replace(deposit, log_index=index))
            self._step(deposit, delivery.Stored(envelope), now)
            if deposit.proof is not None:  # proven once, before the relay lost it
                self._step(deposit, delivery.Proven(envelope), now)
            # A crash before this commit: it is deposited again, and answered again.
            self._vault.add_event(now, "stored", deposit.name, "")

    def proven(self, envelope: Digest, proof: bytes, witnessed: int, now: int) -> None:
        """Note that the leaf of a deposit stands in the witnessed log."""
        deposit = self._vault.deposit(envelope)
        if deposit is None:
            return
        with self._vault.transaction():
            after = replace(deposit, accepted=witnessed, proof=proof)
            self._vault.set_deposit(after)
            self._step(deposit, delivery.Proven(envelope), now)
            # A crash before this commit: the proof is asked for again.
            self._vault.add_event(now, "accepted", deposit.name, "")

    def _step(self, deposit: Deposit, event: delivery.Event, now: int) -> None:
        for target in self._vault.targets(deposit.name):
            if target.delivery.envelope == deposit.envelope:
                self._tracking.move(target, event, now)


def deposited(deposit: Deposit) -> Deposited:
    """Return the wish to hand a sealed envelope to the relay."""
    if deposit.sealed is None:
        raise RuntimeError("an envelope that is gone is not deposited")
    body = Submit(envelope=deposit.sealed, commitment=deposit.commitment)
    return Deposited(deposit.envelope, body, deposit.lane)
