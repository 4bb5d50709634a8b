"""What nobody fetched: the relay says so before it lets a deposit of ours go.

The relay asks for nothing but that we know (docs/spec/requests.md, section 4), and we
say that only after it is written down here.  The record itself stays in the outbox
until its receipts are there.  While its time is not over it is sealed anew once, for
a terminal that comes back with new prekeys; later people are told, and it goes when
its terminal asks for its place.

A relay that says so falsely has people call a post, and gets one more envelope.
"""

from collections.abc import Iterable
from typing import Final

from client.core.alarms import Alarm, Alarms
from client.core.questions import Effect, ExpiringWanted, Question
from client.core.rows import Target
from client.core.station import Station
from client.core.tracking import Tracking
from crypto.types import Digest, Mailbox
from protocol import delivery
from protocol.codec import decode
from protocol.limits import MAX_ENVELOPE
from protocol.record import Record
from protocol.record_type import RULES, RecordType
from protocol.requests import Ask, Expiring, Expiry, Undelivered

LANE: Final = 2
ROUNDS: Final = 64  # questions after one notice: then the relay has to say it again
_OPEN: Final = (delivery.State.STORED, delivery.State.ACCEPTED)


class Unfetched:
    """Hears of what will go, writes it down, and says that it is known."""

    def __init__(self, station: Station) -> None:
        self._vault = station.vault
        self._beliefs = station.beliefs
        self._alarms = Alarms(station.vault)
        self._tracking = Tracking(station.vault)
        self._asking = False  # in this session; refused: not again in this one

    def connected(self) -> None:
        """Take note of a new session: what the old one asked gets no answer."""
        self._asking = False

    def noticed(self) -> list[Effect]:
        """Ask what will go; nothing while it is being asked."""
        if self._asking:
            return []
        self._asking = True
        return [_question((), ROUNDS)]

    def answered(
        self, tag: ExpiringWanted, body: bytes, now: int
    ) -> tuple[list[Effect], list[Digest]]:
        """Write down what nobody fetched, and only then say that it is known.

        Returns the next question, and the records that are to be sealed anew.

        Raises:
            MalformedError: no such answer; nothing is said.
        """
        self._asking = False
        expiries = decode(body, Expiring, limit=MAX_ENVELOPE).expiries
        if not expiries:
            return [], []
        again = self._noted(expiries, now)
        if not tag.rounds:
            return [], again
        self._asking = True
        names = dict.fromkeys(one.envelope for one in expiries)
        return [_question(tuple(names), tag.rounds - 1)], again

    def _noted(self, expiries: Iterable[Expiry], now: int) -> list[Digest]:
        """Write it down, durable when this returns."""
        again: list[Digest] = []
        with self._vault.transaction():
            for expiry in expiries:
                target = self._target(expiry)
                if target is not None and self._told(target, now):
                    again.append(target.name)
        # A crash before the commit: the relay was told nothing, and says it again.
        # A crash after it: said again, it is found written down.
        return again

    def _target(self, expiry: Expiry) -> Target | None:
        """Return whose current seal it is, if a receipt of that terminal is missed.

        None as well for what this vault does not know, or knows better.
        """
        deposit = self._vault.deposit(Digest(expiry.envelope))
        if deposit is None:
            return None
        view = self._beliefs.view()
        for target in self._vault.targets(deposit.name):
            terminal = view.successor(target.terminal)
            mailbox = None if terminal is None else terminal.mailbox
            current = target.delivery.envelope == deposit.envelope
            if current and mailbox == Mailbox(expiry.mailbox):
                return target if self._awaited(target) else None
        return None

    def _awaited(self, target: Target) -> bool:
        row = self._vault.record(target.name)
        if row is None or target.delivery.state not in _OPEN:
            return False
        return RULES[RecordType(decode(row.document, Record).type)].receipted

    def _told(self, target: Target, now: int) -> bool:
        """Tell people; True: it is to be sealed anew, for the first time."""
        fresh = self._alarms.tell(Alarm.UNFETCHED, now, target.name, target.post)
        if not fresh or self._beliefs.time(now) >= target.delivery.deadline:
            return False
        moved = self._tracking.move(target, delivery.Missed(), now)
        return moved.delivery.state is delivery.State.COMPOSED


def _question(told: tuple[Digest, ...], rounds: int) -> Question:
    body = Undelivered(told=told)
    return Question(ExpiringWanted(rounds), Ask.UNDELIVERED, body, LANE)
