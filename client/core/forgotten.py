"""What the relay lost: deposits and prekeys that were stored there and are no more.

Two signs, and the first is only a hint.  A relay tells in each session which life its
store is in: another one than last time means that its envelopes and prekeys are gone,
though the logs went on.  And a leaf that was promised at an index, and proven not to
stand there, was lost with the end of the log.

Either way the answer is the promise itself: a record stays in the outbox until its
receipts are there, so whatever has none is deposited again, the same bytes.  A relay
that says so falsely gets what it has already, and finds it by its hash.
"""

from dataclasses import replace

from client.core.alarms import Alarm, Alarms
from client.core.prekeys import FORGOTTEN, PUBLISHED
from client.core.rows import Deposit
from client.core.station import Station
from crypto.types import Digest
from protocol import delivery

INCARNATION = "relay.incarnation"


class Forgotten:
    """Notices losses, and puts what they hit back to "to be deposited"."""

    def __init__(self, station: Station) -> None:
        self._vault = station.vault
        self._alarms = Alarms(station.vault)
        self._doubted: set[Digest] = set()  # in this session, because of a proof

    def connected(self) -> None:
        """Take note of a new session."""
        self._doubted.clear()

    def told(self, incarnation: bytes, now: int) -> list[Deposit] | None:
        """Take the relay's word on its life; None: it is the one we know.

        Returns what is to be deposited again: all that is stored and has no receipt.
        """
        known = self._vault.get(INCARNATION)
        if known == incarnation:
            return None
        lost: list[Deposit] = []
        with self._vault.transaction():
            self._vault.put(INCARNATION, incarnation)
            if known is not None:  # else it is the first that we ever hear of
                lost = [self._reopened(deposit) for deposit in self._stored()]
                self._vault.put(FORGOTTEN, self._vault.get(PUBLISHED) or b"")
                self._vault.add_event(now, "relay-refilled", None, "")
        # A crash before the commit: the next session tells it again; after it: every
        # deposit is one that the relay has not confirmed, as after any cut.
        return None if known is None else lost

    def unproven(self, envelope: Digest, now: int) -> list[Deposit]:
        """Take note that the log does not have a deposit's leaf where it was promised.

        Returns what is to be deposited again: it, once in a session.
        """
        deposit = self._vault.deposit(envelope)
        if deposit is None or envelope in self._doubted:
            return []
        self._doubted.add(envelope)
        with self._vault.transaction():
            reopened = self._reopened(deposit)
            self._alarms.tell(Alarm.LEAF_LOST, now, deposit.name)
        return [] if reopened.sealed is None else [reopened]

    def _stored(self) -> list[Deposit]:
        """Return the deposits that some terminal has not confirmed, oldest first."""
        waiting = [
            *self._vault.waiting(delivery.State.STORED),
            *self._vault.waiting(delivery.State.ACCEPTED),
        ]
        names = dict.fromkeys(target.delivery.envelope for target in waiting)
        found = (self._vault.deposit(name) for name in names if name is not None)
        return [one for one in found if one is not None and one.sealed is not None]

    def _reopened(self, deposit: Deposit) -> Deposit:
        """Return the deposit as one that the relay has not confirmed."""
        reopened = replace(deposit, log_index=None)
        self._vault.set_deposit(reopened)
        for target in self._vault.targets(deposit.name):
            if target.delivery.envelope == deposit.envelope:
                event = delivery.Doubt(forgotten=True)
                after, _ = delivery.step(target.delivery, event)
                self._vault.set_target(replace(target, delivery=after))
        return reopened
