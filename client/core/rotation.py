"""Keys that follow one another: the terminal changes to its new key by itself.

A new key waits beside the old one (:class:`client.core.identity.Identity`) until the
adopted directory has it in the old one's lineage.  Which key is in use is then a
matter of the directory alone, so that a crash between adopting the entry and changing
over changes nothing: the next start finds the same.

What else changes does so once, in one transaction, noted by the key that the vault's
state is of:

* manifests are counted from 1 again (PRE-3);
* what no terminal has confirmed is sealed again under the new key (TIME-10);
* what a member said and nobody signed yet is signed with the new key.

Everything is kept by a terminal's *first* key, ours and that of others: streams,
deliveries and receipts go on as if nothing had happened.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from client.core.prekeys import NUMBER
from client.core.rows import Target
from client.core.station import Station
from client.core.tracking import Tracking
from crypto.types import Digest
from protocol.delivery import State, Voided

IN_USE: Final = "identity.key"  # the terminal key that the vault's state is of
ROTATED: Final = "rotated"  # the event
_UNCONFIRMED: Final = (State.SEALED, State.STORED, State.ACCEPTED)


class Rotation:
    """Follows what the directory says of our own keys."""

    def __init__(self, station: Station, again: Callable[[Digest], None]) -> None:
        """``again`` is told each record that is to be sealed anew."""
        self._vault = station.vault
        self._identity = station.identity
        self._beliefs = station.beliefs
        self._tracking = Tracking(station.vault)
        self._again = again
        self.look(station.beliefs.witnessed)  # a crash may have come before it

    def look(self, now: int) -> None:
        """Change to the keys that the adopted directory says are ours."""
        if self._beliefs.directory is None:
            return
        self._terminal(now)
        self._member()

    def _terminal(self, now: int) -> None:
        identity, view = self._identity, self._beliefs.view()
        if identity.next_terminal is not None:
            known = view.terminal(identity.next_terminal.id)
            if known is not None and identity.terminal.id in known.lineage:
                identity.terminal, identity.next_terminal = identity.next_terminal, None
        own = identity.terminal.id
        if view.terminal(own) is None:
            return
        used = self._vault.get(IN_USE)
        if used == own:
            return
        with self._vault.transaction():
            self._vault.put(IN_USE, own)
            if used is not None:
                self._vault.put(NUMBER, bytes(8))
                self._seal_again(now)
                self._vault.add_event(now, ROTATED, None, identity.post)
        # A crash before the commit: the next start changes over; after it: all is done.

    def _seal_again(self, now: int) -> None:
        """Seal again what nobody confirmed: the old key signed it.

        Also what is *accepted*.  A peer that adopted the entry before that checkpoint
        would ask in vain for a proof that it was there before (TIME-8).
        """
        for target in self._vault.open_targets():
            if target.delivery.state in _UNCONFIRMED:
                self._unseal(target, now)
        for deposit in self._vault.unstored():
            targets = self._vault.targets(deposit.name)
            if all(one.delivery.envelope != deposit.envelope for one in targets):
                # Deposited now it would only be held, as signed by the old key.
                self._vault.set_deposit(replace(deposit, sealed=None))

    def _unseal(self, target: Target, now: int) -> None:
        moved = self._tracking.move(target, Voided(), now)
        if moved.delivery.state is State.COMPOSED:
            self._again(target.name)

    def _member(self) -> None:
        identity, view = self._identity, self._beliefs.view()
        if identity.member is None:
            return
        if identity.next_member is not None:
            known = view.member(identity.next_member.id)
            if known is not None and identity.member.id in known.lineage:
                identity.member, identity.next_member = identity.next_member, None
        own = view.member(identity.member.id)
        former = () if own is None else own.lineage[:-1]
        if not former:
            return
        with self._vault.transaction():
            for key_id in former:
                self._vault.resign(key_id, identity.member.id)
        # A crash before the commit: it waits, and the next look finds it.
