"""Writing: what people and machines say becomes a record in the outbox.

Each record takes the next number of this terminal, in the transaction that keeps it:
a number that nobody sees is given again, and a record without one is never seen.
"""

import contextlib
import datetime as dt
from typing import Final

from client.core.attachments import Attachments
from client.core.compose import Composed, Wish, compose
from client.core.deadlines import Deadlines
from client.core.outbox import Outbox
from client.core.receipts import due, owe_by_member
from client.core.rows import RecordRow
from client.core.station import Station
from client.core.withdrawals import Withdrawals
from crypto.types import Digest, KeyId
from protocol.errors import PolicyError
from protocol.receipt import Kind
from protocol.record import Serial

COUNTER: Final = "serial"
_SAID: Final = {Kind.READ: "opened", Kind.ACKNOWLEDGED: "taken-on"}  # events


class Writing:
    """The way into the outbox."""

    def __init__(
        self,
        station: Station,
        outbox: Outbox,
        attachments: Attachments,
        deadlines: Deadlines,
    ) -> None:
        self._station = station
        self._vault = station.vault
        self._identity = station.identity
        self._beliefs = station.beliefs
        self._outbox = outbox
        self._attachments = attachments
        self._deadlines = deadlines
        self._withdrawals = Withdrawals(station.vault, deadlines)

    # --- people

    def compose(self, wish: Wish, now: int) -> Composed:
        """Make a record and put it into the outbox.

        Raises:
            PolicyError: the label, an addressee or the missing release.
            FreshnessError: this terminal was never synchronised.
        """
        with self._vault.transaction():
            composed = self._composed(wish, now)
            # A crash before the commit: nothing was written, the person sees no
            # number; after it: the record waits in the outbox.
            self._vault.add_event(now, "composed", composed.name, "")
        return composed

    def withdraw(
        self, row: RecordRow, reason: str, instead: Digest | None, now: int
    ) -> Composed | None:
        """Take back what was written here; None: it had not left the outbox.

        Raises:
            PolicyError: a kind of record that people do not write, or an addressee
                that may not be told.
        """
        with self._vault.transaction():
            wish = self._withdrawals.withdraw(row, reason, instead, now)
            # A crash before the commit: nothing is withdrawn, and nobody was told so.
            return None if wish is None else self._composed(wish, now)

    def by_member(self, row: RecordRow, kind: Kind, now: int) -> None:
        """Say what a member did with a record that came in; the first time counts."""
        what = _SAID[kind]
        if any(event.what == what for event in self._vault.events_of(row.name)):
            return
        with self._vault.transaction():
            owe_by_member(self._vault, row, kind, self._identity.signer, now)
            self._vault.add_event(now, what, row.name, row.post)
            if kind is Kind.ACKNOWLEDGED:
                self._deadlines.acted(row.name, self._identity.post, now)

    def _composed(self, wish: Wish, now: int) -> Composed:
        composed = self._made(wish, now)
        self._outbox.enqueue(composed, now)
        self._attachments.enqueue(composed.name, composed.record, wish.spooled)
        self._deadlines.sent(composed.name, composed.record, now)
        return composed

    # --- machines

    def queue(self, wish: Wish, terminal: KeyId, now: int) -> None:
        """Put a machine's word into the outbox, for one terminal.

        A terminal that is not there any more gets none, and no number is used.
        """
        with contextlib.suppress(PolicyError), self._vault.transaction():
            self._outbox.enqueue(self._made(wish, now), now, only=terminal)

    def queue_receipts(self, now: int) -> None:
        """Put the receipts that wait into the outbox, signed by whoever said them."""
        for post in self._vault.owed_posts(self._identity.signer):
            # The post has no terminal now: its receipts wait, and no number is used.
            with contextlib.suppress(PolicyError), self._vault.transaction():
                serial = self._serial(now)
                composed, numbers = due(self._station, post, serial, now)
                self._outbox.enqueue(composed, now)
                self._vault.settle_receipts(numbers)

    def _made(self, wish: Wish, now: int) -> Composed:
        serial, entropy = self._serial(now), self._station.entropy
        return compose(wish, self._identity, serial, now=now, entropy=entropy)

    def _serial(self, now: int) -> Serial:
        view = self._beliefs.view()
        own = view.terminal(self._identity.terminal.id)
        year = dt.datetime.fromtimestamp(now, dt.UTC).year
        last = self._vault.get(f"{COUNTER}.{year}")
        counter = int.from_bytes(last or b"", "big") + 1
        self._vault.put(f"{COUNTER}.{year}", counter.to_bytes(8, "big"))
        return Serial(0 if own is None else own.number, year, counter)
