"""What must hold in every world, looked at after every commit.

1. *Nothing stored is lost*: an envelope that a terminal knows to be stored is owed by
   the relay, or the record is in the addressee's vault.
2. *Once, in order*: a record is received once by a terminal, and within one lane of
   one sender in the order of its places.
3. *No false alarm*: nothing here lies, so nothing is called a lie.
4. *The log only grows*, and has each stored leaf at the place that was named.
5. *What a person was told* (composed) is in the outbox ever after.
"""

from collections import Counter

from sqlalchemy import text

from client.core.alarms import INTEGRITY, Alarm
from client.core.rows import IN, OUT, EventRow
from crypto.types import Digest
from protocol import requests
from protocol.codec import decode
from protocol.delivery import State
from protocol.limits import MAX_RECORD
from protocol.nack import Nack
from protocol.record import Record
from protocol.record_type import RecordType
from protocol.requests import LogName
from tests.support.sim.people import People
from tests.support.sim.terminal import SimTerminal
from tests.support.sim.world import World

# A terminal of an honest ministry never says these, whatever breaks.
FALSE = frozenset({*(alarm.value for alarm in INTEGRITY), Alarm.HELD, "fork", "held"})


# What was sealed or deposited again may come late, and is then said to be late.
AGAIN = frozenset({"resealing", "asked-again"})
TRUE = frozenset({Alarm.OVERDUE, Alarm.PREKEYS_LOST})  # in these worlds


class BrokenError(AssertionError):
    """An invariant does not hold; the seed is in the text."""


class Invariants:
    """Watches a world."""

    def __init__(self, world: World, people: People, *, honest: bool = True) -> None:
        self._honest = honest  # whether the relay is
        self.received: Counter[tuple[str, Digest]] = Counter()
        self._world = world
        self._people = people
        self._last: dict[tuple[str, str, int], int] = {}  # of a lane: its last place
        self._sizes: tuple[int, ...] = ()
        world.relay.on_commit = self._relay_committed
        for terminal in world.terminals.values():
            terminal.on_commit = self._terminal_committed

    def require(self, holds: bool, what: str) -> None:  # noqa: FBT001 -- an assertion
        """Stop the world if something does not hold; no process can swallow it."""
        if not holds:
            error = BrokenError(f"{what} (seed {self._world.seed!r})")
            self._world.loop.faults.append(error)
            raise error

    # --- after each commit of a terminal

    def _terminal_committed(self, terminal: SimTerminal) -> None:
        for event in terminal.news():
            self._world.loop.note(f"{terminal.name} {event.what} {event.post}")
            self._world.sometimes[f"event {event.what}"] += 1
            true = not self._honest or event.what not in FALSE
            self.require(true, f"{terminal.name} says {event.what} falsely")
            if event.what == "received" and event.name is not None:
                self._received(terminal, event)

    def _received(self, terminal: SimTerminal, event: EventRow) -> None:
        name = Digest(event.name or b"")
        self.received[terminal.name, name] += 1
        once = self.received[terminal.name, name] == 1
        self.require(once, f"{terminal.name} was shown a record twice")
        row = terminal.disk.record(name)
        self.require(row is not None, "received and not in the vault")
        if row is None:
            return
        record = decode(row.document, Record, limit=MAX_RECORD)
        sender = self._world.terminals[record.sender]
        sent = sender.disk.record(name)
        same = sent is not None and sent.document == row.document
        self.require(same, "received what was never composed")
        own = terminal.post.terminal.key.id
        (place,) = (t.place for t in sender.disk.targets(name) if t.terminal == own)
        self.require(place is not None, "received without a place")
        lane = max(to.precedence for to in record.to).lane
        key = (record.sender, terminal.name, lane)
        seq = 0 if place is None else place.seq
        before = self._last.get(key, 0)
        late = any(one.what == "late" for one in terminal.disk.events_of(name))
        again = {one.what for one in sender.disk.events_of(name)} & AGAIN
        in_order = seq > before or (late and (bool(again) or not self._honest))
        self.require(in_order, f"{key}: place {seq} came after place {before}")
        for other in range(lane + 1, 4):
            if self._last.get((*key[:2], other), 0) > seq:
                self._world.sometimes["urgent came later than slower"] += 1
        if any(self._last.get((*key[:2], o), 0) > seq for o in range(lane)):
            self._world.sometimes["overtaken by a more urgent lane"] += 1
        self._last[key] = seq

    # --- after each commit of the relay

    def _relay_committed(self) -> None:
        sizes = self._world.sizes
        if not sizes or not self._sizes:
            self._sizes = sizes or self._sizes
            return
        grown = all(a <= b for a, b in zip(self._sizes, sizes, strict=True))
        self.require(grown, f"a log shrank: {self._sizes} to {sizes}")
        self._sizes = sizes

    # --- now and then, and at each crash: it reads everything

    def check_all(self) -> None:
        """Check what is expensive: loss, the log's leaves, the relay's own checker."""
        self.require(not self._world.relay.faults(), "`koerier relay check` complains")
        self._told()
        with self._world.relay.engine.begin() as connection:
            logged = connection.execute(
                text("SELECT place, data FROM leaves WHERE log = :log"),
                {"log": int(LogName.MESSAGE)},
            )
            leaves = {int(place): bytes(data) for place, data in logged}
            found = connection.execute(
                text("SELECT leaf, mailbox FROM deliveries WHERE acknowledged IS NULL")
            )
            owed = {(int(leaf), bytes(mailbox)) for leaf, mailbox in found}
        for terminal in self._world.terminals.values():
            self._stored(terminal, leaves, owed)

    def _told(self) -> None:
        for sender, name in self._people.wrote:
            row = self._world.terminals[sender].disk.record(Digest(name))
            self.require(row is not None, f"{sender} lost what it had composed")

    def _stored(
        self,
        terminal: SimTerminal,
        leaves: dict[int, bytes],
        owed: set[tuple[int, bytes]],
    ) -> None:
        everybody = self._world.terminals.values()
        of_key = {other.post.terminal.key.id: other for other in everybody}
        nacked = self._nacked(terminal)
        for row in terminal.disk.records(OUT, 100_000):
            for deposit in terminal.disk.deposits(row.name):
                index = deposit.log_index
                if index is None:
                    continue
                same = leaves.get(index) == deposit.leaf
                self.require(same, f"{terminal.name}: another leaf than was stored")
                for target in terminal.disk.targets(row.name):
                    if target.delivery.envelope != deposit.envelope:
                        continue
                    to = of_key[target.terminal]
                    waits = (index, bytes(to.post.terminal.mailbox)) in owed
                    there = to.disk.record(row.name) is not None
                    kept = there or waits or deposit.envelope in nacked
                    self.require(
                        kept or not self._honest,
                        f"{terminal.name}: a stored message is lost",
                    )

    def _nacked(self, terminal: SimTerminal) -> set[Digest]:
        """Return the envelopes of a terminal for which a nack is on its way."""
        bodies = {
            nack.body
            for other in self._world.terminals.values()
            for nack in other.disk.due_nacks()
        }
        with self._world.relay.engine.begin() as connection:
            kept = connection.execute(text("SELECT nack FROM nacks"))
            for (nack,) in kept:
                document = decode(decode(bytes(nack), requests.Nack).nack, Nack)
                bodies.add(Digest(document.body))
        deposits = [terminal.disk.deposit_of(body) for body in sorted(bodies)]
        return {Digest(one.envelope) for one in deposits if one is not None}

    # --- at the end

    def settled(self) -> bool:
        """Say whether every message was delivered, and its sender knows."""
        return all(not self._open(one) for one in self._world.terminals.values())

    def _open(self, terminal: SimTerminal) -> bool:
        return any(
            target.delivery.state < State.DELIVERED
            for state in (State.COMPOSED, State.SEALED, State.STORED, State.ACCEPTED)
            for target in terminal.disk.waiting(state)
            if self._is_cable(terminal, target.name)
        )

    def _is_cable(self, terminal: SimTerminal, name: Digest) -> bool:
        row = terminal.disk.record(name)
        return row is not None and row.type == RecordType.CABLE

    def check_end(self) -> None:
        """Check what must hold when everything has arrived."""
        self.check_all()
        for terminal in self._world.terminals.values():
            for row in terminal.disk.records(OUT, 100_000):
                if row.type != RecordType.CABLE:
                    continue
                for target in terminal.disk.targets(row.name):
                    shown = self.received[target.post, row.name]
                    self.require(shown == 1, f"shown {shown} times to {target.post}")
            for row in terminal.disk.records(IN, 100_000):
                self.require(row.refused is None, f"{terminal.name} refused a record")
            standing = {alarm.what for alarm in terminal.disk.alarms(100, ended=False)}
            self.require(
                not standing - TRUE,
                f"{terminal.name} still says {sorted(standing)}",
            )
