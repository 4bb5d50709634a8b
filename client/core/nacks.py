"""Nacks, both ends: "that prekey of mine is gone", and "then here it is again".

The receiver says it once per envelope, durably, before the relay may forget the
envelope.  The sender believes it only about the very deposit that it remembers, and
seals the record again (docs/spec/receipts.md section 4).
"""

from collections.abc import Collection
from typing import Final

from client.core.alarms import Alarm, Alarms
from client.core.offered import Offered
from client.core.own_manifests import OwnManifests
from client.core.questions import Effect, NackGiven, Question
from client.core.rows import IN, NackRow, RecordRow, Target
from client.core.sealing import Arrived
from client.core.seeds import Seed
from client.core.station import Station
from client.core.tracking import Tracking
from crypto.digest import H
from crypto.types import Digest, KeyId, Mailbox, PrekeyId, Signature
from protocol import delivery
from protocol.codec import decode
from protocol.directory_snapshot import Snapshot
from protocol.errors import BusyError, MalformedError, VerificationError
from protocol.limits import MAX_DOCUMENT
from protocol.nack import Aim, Deposit, Gone, SignedNack, check_nack, make_nack
from protocol.nack import Nack as NackDocument
from protocol.requests import Ask, Nack

MAX_DUE: Final = 1_024  # nacks that the relay has not taken; then envelopes wait there
LANE: Final = 1


class NacksOut:
    """What this terminal says of its own prekeys."""

    def __init__(self, station: Station) -> None:
        self._vault = station.vault
        self._identity = station.identity
        self._beliefs = station.beliefs
        self._manifests = OwnManifests(station.vault)
        self._alarms = Alarms(station.vault)
        self._given: set[Digest] = set()  # in this session

    def connected(self) -> None:
        """Take note of a new session: what the old one took with it is given again."""
        self._given.clear()

    def shown_before(self, came: Arrived) -> RecordRow | None:
        """Return the record that this very envelope brought, if it came before.

        Its one-time seed is gone because it was used: a lost ACK, and no nack.
        """
        body = H(came.envelope.body)
        for row in self._vault.records_with(came.envelope.id):
            if row.way == IN and row.leaf[-len(body) :] == body:
                return row
        return None

    def say(self, came: Arrived, seeds: Collection[Seed], now: int) -> bool:
        """Answer an envelope whose prekey is gone, inside the caller's transaction.

        Args:
            came: the envelope.
            seeds: all that are left.
            now: the wall clock.

        Returns False if that prekey never was ours: such a thing is not answered.

        Raises:
            BusyError: too many nacks wait for the relay; it keeps the envelope.
        """
        kid = PrekeyId(came.wrap.kid)
        reason = self._manifests.gone(kid, seeds, witnessed=self._beliefs.witnessed)
        if reason is None:
            return False
        if len(self._vault.due_nacks()) >= MAX_DUE:
            raise BusyError
        signed = make_nack(
            came.envelope,
            reason,
            gone={kid},
            key=self._identity.terminal,
            realm=self._identity.realm,
        )
        body = H(came.envelope.body)
        with self._vault.transaction():
            self._vault.keep_nack(NackRow(body, *signed))
            self._vault.add_event(now, "nacked", None, "")
            if reason is Gone.LOST:
                self._alarms.tell(Alarm.PREKEYS_LOST, now)
        # A crash before the commit: the relay delivers the envelope again.
        return True

    def pump(self) -> list[Effect]:
        """Return the nacks that this session has not given yet."""
        effects: list[Effect] = []
        for row in self._vault.due_nacks():
            if row.body in self._given:
                continue
            self._given.add(row.body)
            request = Nack(
                nack=row.document,
                signatures=(Signature(row.signature),),
                mailbox=Mailbox(row.mailbox),
            )
            effects.append(Question(NackGiven(row.body), Ask.NACK, request, LANE))
        return effects

    def taken(self, body: Digest) -> None:
        """Forget a nack: the relay has it durably, and tells it for 14 days."""
        with self._vault.transaction():
            self._vault.forget_nack(body)


class NacksIn:
    """What other terminals say of the prekeys that we sealed to."""

    def __init__(self, station: Station) -> None:
        self._vault = station.vault
        self._beliefs = station.beliefs
        self._alarms = Alarms(station.vault)
        self._tracking = Tracking(station.vault)
        self._offered = Offered(station)

    def came(self, data: bytes, now: int) -> Digest | None:
        """Take a nack that the relay passed on; return the record to seal again.

        One for an earlier seal is ignored: the relay tells each for days.
        """
        try:
            request = decode(data, Nack, limit=MAX_DOCUMENT)
            # Only to find the deposit: the same bytes are verified before they count.
            document = decode(request.nack, NackDocument)
            (signature,) = request.signatures
        except (MalformedError, ValueError):
            self._odd(now)
            return None
        deposit = self._vault.deposit_of(Digest(document.body))
        if deposit is None:
            return None
        view = self._beliefs.view()
        aims = self._aims(deposit.name, deposit.envelope, view)
        aim = aims.get(Mailbox(request.mailbox))
        if aim is None:
            return None
        target, terminal = aim
        row = self._vault.record(deposit.name)
        if row is None:
            return None
        kid = target.delivery.kids[-1]
        remembered = Deposit(
            row.id,
            Digest(document.body),
            {Mailbox(request.mailbox): Aim(terminal, kid)},
        )
        came = SignedNack(request.nack, Signature(signature), Mailbox(request.mailbox))
        try:
            check_nack(came, remembered, view)
        except (VerificationError, MalformedError):
            self._odd(now)
            return None
        with self._vault.transaction():
            after = self._tracking.move(target, delivery.Nacked(kid), now)
            if after.delivery.state is not delivery.State.COMPOSED:
                return None
            if document.reason is Gone.LOST:
                self._offered.lost(terminal, kid)
            self._vault.add_event(now, "resealing", deposit.name, target.post)
        # A crash before the commit: the relay tells the nack again.
        return deposit.name

    def _aims(
        self, name: Digest, envelope: Digest, view: Snapshot
    ) -> dict[Mailbox, tuple[Target, KeyId]]:
        """Return whose current seal this envelope is, and their key, by mailbox."""
        found: dict[Mailbox, tuple[Target, KeyId]] = {}
        for target in self._vault.targets(name):
            terminal = view.successor(target.terminal)
            current = target.delivery.envelope == envelope
            if current and terminal is not None and terminal.ended is None:
                found[terminal.mailbox] = target, terminal.key_id
        return found

    def _odd(self, now: int) -> None:
        with self._vault.transaction():
            self._alarms.tell(Alarm.NACK_ODD, now)
