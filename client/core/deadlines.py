"""Deadlines: when a record is to be there and acted on; ends of root and keys too.

Both count from the release and by precedence, as the signed policy says.  The clock
that decides is the log's, carried on by this machine's between two checkpoints: a
wall clock that is years off makes nothing overdue.  The sender's terminal and the
addressee's each tell their own people.
"""

from client.core.alarms import Alarm, Alarms
from client.core.beliefs import Beliefs
from client.core.identity import Identity
from client.core.key_ends import KeyEnds
from client.core.ports import Vault
from client.core.root_ends import RootEnds
from client.core.tracking import Tracking
from crypto.types import Digest
from protocol import delivery
from protocol.label import Precedence
from protocol.policy import DAY, Policy, deadline
from protocol.record import ARCHIVE, Record, Role
from protocol.record_type import RULES, RecordType

NEVER = (1 << 48) - 1  # POSIX seconds: what needs no receipt is never late
ACTED_ON = frozenset({RecordType.CABLE, RecordType.INCIDENT})
FIRST_WEEKDAY = 3  # 1970-01-01 was a Thursday, counted from Monday
SATURDAY = 5


def due_at(policy: Policy, precedence: Precedence, since: int) -> int:
    """Return by when what was released at ``since`` is to be acknowledged.

    "The next working day" is until its end in UTC, Monday to Friday: no document
    says yet which days and hours a post works.
    """
    seconds = deadline(policy, precedence)
    if seconds is not None:
        return since + seconds
    day = since // DAY + 1  # since 1970
    while (day + FIRST_WEEKDAY) % 7 >= SATURDAY:
        day += 1
    return (day + 1) * DAY


def delivery_deadline(policy: Policy, record: Record, post: str, since: int) -> int:
    """Return by when a receipt of ``post`` is missed."""
    if not RULES[RecordType(record.type)].receipted:
        return NEVER
    precedence = max(to.precedence for to in record.to if to.post == post)
    return due_at(policy, precedence, since)


class Deadlines:
    """Tells people what is late."""

    def __init__(self, vault: Vault, beliefs: Beliefs, identity: Identity) -> None:
        self._vault = vault
        self._beliefs = beliefs
        self._post = identity.post
        self._alarms = Alarms(vault)
        self._tracking = Tracking(vault)
        self._root_ends = RootEnds(vault, beliefs)
        self.key_ends = KeyEnds(vault, beliefs, identity)

    def sent(self, name: Digest, record: Record, now: int) -> None:
        """Note who is to act on a record of ours, inside the caller's transaction."""
        if record.type in ACTED_ON:
            policy, since = self._beliefs.view().policy, self._beliefs.time(now)
            for to in record.to:
                if to.role is Role.ACTION and to.post != ARCHIVE:
                    due = due_at(policy, to.precedence, since)
                    self._vault.owe_action(name, to.post, due)

    def received(self, name: Digest, record: Record, now: int) -> None:
        """Note that we are to act on a record, inside the caller's transaction.

        It counts from the sender's release, as far as the sender's clock can be true.
        """
        if record.type not in ACTED_ON:
            return
        policy, came = self._beliefs.view().policy, self._beliefs.time(now)
        true = came - policy.retention <= record.ts <= came
        for to in record.to:
            if to.role is Role.ACTION and to.post == self._post:
                due = due_at(policy, to.precedence, record.ts if true else came)
                self._vault.owe_action(name, to.post, due)

    def acted(self, name: Digest, post: str, now: int) -> None:
        """Note that ``post`` acknowledged or refused, or that nothing is asked now."""
        self._vault.acted(name, post)
        self._alarms.over(Alarm.OVERDUE, now, name, post)

    def tick(self, now: int) -> None:
        """Tell what is late by now; durable when this returns."""
        clock = self._beliefs.time(now)
        with self._vault.transaction():
            for target in self._vault.late_targets(clock):
                self._tracking.move(target, delivery.Tick(clock), now)
            for name, post in self._vault.late_actions(clock):
                self._alarms.tell(Alarm.OVERDUE, now, name, post)
            self._root_ends.tick(now)
            self.key_ends.tick(now)
            # A crash before this commit: the next tick finds the same.
