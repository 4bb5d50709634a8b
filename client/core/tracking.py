"""Moving deliveries: one event for one target, and what follows from it here.

Where a record stands is :mod:`protocol.delivery`'s business.  This module keeps the
result and carries out what stays inside this terminal: alarms, and letting go of
envelopes that every addressee has.  What is to be sealed or deposited is seen in the
vault by the outbox, so that a crash changes nothing.
"""

from dataclasses import replace

from client.core.alarms import Alarm, Alarms
from client.core.ports import Vault
from client.core.rows import Target
from crypto.types import Digest
from protocol import delivery

_TOLD = {
    delivery.Alarm.OVERDUE: Alarm.UNDELIVERED,
    delivery.Alarm.RESEALS_SPENT: Alarm.RESEALS_SPENT,
}
_UNDELIVERED = (*_TOLD.values(), Alarm.UNFETCHED)  # over when it is there


class Tracking:
    """Follows records to their terminals, inside the caller's transaction."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._alarms = Alarms(vault)

    def move(self, target: Target, event: delivery.Event, now: int) -> Target:
        """Return the target after ``event``, kept.

        Raises:
            UnexpectedMessageError: of another envelope; nothing changed.
        """
        after, effects = delivery.step(target.delivery, event)
        if after == target.delivery and not effects:
            return target
        moved = replace(target, delivery=after)
        self._vault.set_target(moved)
        for effect in effects:
            match effect:
                case delivery.Raise(why):
                    self._alarms.tell(_TOLD[why], now, target.name, target.post)
                case delivery.Release():
                    self._released(moved, now)
                case _:
                    pass  # the outbox finds it by its state
        if after.state >= delivery.State.DELIVERED:
            for alarm in _UNDELIVERED:
                self._alarms.over(alarm, now, target.name, target.post)
        return moved

    def reopen(self, target: Target, now: int) -> Target:
        """Have the same bytes deposited again: they may be lost at the relay."""
        moved = self.move(target, delivery.Doubt(forgotten=True), now)
        name = moved.delivery.envelope
        deposit = None if name is None else self._vault.deposit(name)
        if moved.delivery.state is delivery.State.SEALED and deposit is not None:
            self._vault.set_deposit(replace(deposit, log_index=None))
        return moved

    def settle(self, target: Target, now: int) -> None:
        """Let go of a record that needs no receipt: its terminal confirmed the place.

        A heartbeat that covers a place says what a receipt would say.
        """
        self.move(target, delivery.Delivered(whole=True), now)

    def _released(self, target: Target, now: int) -> None:
        """Forget the envelopes of a record that nobody needs any more."""
        self._vault.add_event(now, "released", target.name, target.post)
        self.forget_envelopes(target.name)

    def forget_envelopes(self, name: Digest) -> None:
        """Forget the sealed bytes of a record once each addressee has it."""
        if all(target.delivery.released for target in self._vault.targets(name)):
            for deposit in self._vault.deposits(name):
                self._vault.set_deposit(replace(deposit, sealed=None))
