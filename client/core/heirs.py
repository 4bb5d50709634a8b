"""What waited for a terminal that has ended goes to another terminal of its post.

A post is addressed, not a machine.  Where every terminal that a record was meant for is
lost, revoked or suspended, and one of them did not say that it has all of it, the
record is sealed anew to the terminals that the post has now: the one that stayed, or
the one that came in the place of the lost one.  That asks nobody: a new slip needs no
person.

A terminal that may come back (a suspension can be lifted) is waited for all the same;
for one that was revoked nothing waits any more, once somebody else has its place.

Source: docs/spec/delivery-and-streams.md, DEL-31.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from client.core.deadlines import delivery_deadline
from client.core.outbox import Outbox
from client.core.rows import RecordRow, Target
from client.core.station import Station
from crypto.types import Digest
from protocol import delivery
from protocol.codec import decode
from protocol.directory_view import Ended, Terminal
from protocol.errors import PolicyError
from protocol.limits import MAX_RECORD
from protocol.record import Record
from protocol.record_type import RULES, RecordType

REVOKED: Final = "revoked"  # for good, where a suspension may be lifted


class Heirs:
    """Looks after records whose receivers are no more."""

    def __init__(self, station: Station, outbox: Outbox) -> None:
        self._vault = station.vault
        self._beliefs = station.beliefs
        self._outbox = outbox

    def look(self, now: int) -> None:
        """Give what waits for ended terminals to others of their posts.

        At each checkpoint of the key log that is adopted, the same one in a new
        session too: a crash may have come between.
        """
        if self._beliefs.directory is None:
            return
        waiting: dict[tuple[Digest, str], None] = {}
        for target in self._vault.open_targets():
            if self._ended(target) is not None:
                waiting[target.name, target.post] = None
        for name, post in waiting:
            row = self._vault.record(name)
            if row is not None and RULES[RecordType(row.type)].labelled:
                self._pass_on(row, post, now)

    def _pass_on(self, row: RecordRow, post: str, now: int) -> None:
        had = [t for t in self._vault.targets(row.name) if t.post == post]
        if any(self._ended(t) is None for t in had):
            return  # another of its terminals is on the way to it
        heirs = self._heirs(row.name, post, had)
        if not heirs:
            return  # the next directory may have one
        view, since = self._beliefs.view(), self._beliefs.time(now)
        record = decode(row.document, Record, limit=MAX_RECORD)
        deadline = delivery_deadline(view.policy, record, post, since)
        with self._vault.transaction():
            for terminal in heirs:
                begun, _ = delivery.begin(deadline)
                target = Target(row.name, terminal.first, post, None, begun)
                self._vault.add_target(target)
            for target in had:
                if not target.delivery.released:
                    self._let_go(target)
            # A crash before the commit: the next checkpoint finds the same.
        self._outbox.again(row.name)

    def _heirs(self, name: Digest, post: str, had: Iterable[Target]) -> list[Terminal]:
        try:
            allowed = self._outbox.may_have(name)
        except PolicyError:
            return []
        known = {target.terminal for target in had}
        return [
            terminal
            for terminal in self._beliefs.view().terminals(post)
            if terminal.first in allowed - known
        ]

    def _let_go(self, target: Target) -> None:
        """Wait no more for a terminal that was revoked; its word still counts.

        For one that may come back nobody is told at the deadline: the heir has one.
        """
        ended = self._ended(target)
        gone = ended is not None and ended.reason == REVOKED
        if gone and target.place is None:
            self._vault.drop_target(target)
            return
        settled = replace(target.delivery, released=gone, overdue=not gone)
        self._vault.set_target(replace(target, delivery=settled))

    def _ended(self, target: Target) -> Ended | None:
        terminal = self._beliefs.view().successor(target.terminal)
        return None if terminal is None else terminal.ended
