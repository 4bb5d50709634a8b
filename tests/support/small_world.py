"""A few terminals and an honest relay, all of it pure machines, in virtual minutes.

What people compose takes the real path: a place in the stream, a seal, a deposit, the
mailbox, the receiver's stream, the receipt.  Everything that crosses the line is lost
with a given chance; between lanes the relay delivers in any order, within a lane in
its own.  Some prekeys are gone, so some records are sealed again.
"""

import random
from collections import Counter
from dataclasses import dataclass, field

from crypto.digest import H, T, u64
from crypto.types import Digest, PrekeyId, StreamId
from protocol import clone_watch, delivery, given, mailbox, streams
from protocol.delivery import Delivery
from protocol.given import Given
from protocol.mailbox import Mailbox
from protocol.slip import Place
from protocol.streams import Stream

MINUTE = 60  # seconds between two rounds
DEADLINE = 86_400  # seconds that a record may take
MAX_DELAY = (0, 3, 8, 20)  # rounds that the relay holds a lane back


@dataclass(frozen=True)
class Record:
    """What travels: the name, and what the slip signs."""

    name: Digest
    sender: int
    to: int
    lane: int
    place: Place
    kid: PrekeyId
    sealed: int  # the message log's size when it was sealed


@dataclass
class World:
    """Terminals 0..n-1; each sends to each other."""

    seed: str
    terminals: int = 4
    loss: float = 0.3
    nacks: float = 0.01
    now: int = 0
    log: int = 0  # leaves in the message log
    alarms: Counter[str] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)
    shown: Counter[tuple[int, Digest]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.given: dict[tuple[int, int], Given] = {}
        self.deliveries: dict[tuple[Digest, int], Delivery] = {}
        self.composed: dict[tuple[Digest, int], tuple[int, int]] = {}  # sender, lane
        self.envelopes: dict[Digest, Record] = {}
        self.boxes = [Mailbox() for _ in range(self.terminals)]
        self.held: dict[tuple[int, int], int] = {}  # until which round
        self.streams: dict[tuple[int, int], Stream] = {}
        self.watches: dict[tuple[int, int], clone_watch.Watch] = {}
        self.vaults: list[set[Digest]] = [set() for _ in range(self.terminals)]
        self.receipts: list[Record] = []
        self.number = 0

    def lost(self) -> bool:
        return self.rng.random() < self.loss

    # --- senders

    def compose(self, sender: int, recipients: list[int], lane: int) -> None:
        self.number += 1
        name = H(T(self.seed.encode(), u64(self.number)))
        for to in recipients:
            self.composed[name, to] = (sender, lane)
            one, effects = delivery.begin(self.now + DEADLINE)
            self.deliveries[name, to] = one
            self.follow(name, to, effects)

    def follow(
        self, name: Digest, to: int, effects: tuple[delivery.Effect, ...]
    ) -> None:
        for effect in effects:
            match effect:
                case delivery.Seal():
                    self.seal(name, to)
                case delivery.Deposit(envelope):
                    self.deposit(envelope)
                case delivery.Raise(alarm):
                    self.alarms[alarm.value] += 1
                case delivery.Release():
                    pass

    def sender_event(self, name: Digest, to: int, event: delivery.Event) -> None:
        after, effects = delivery.step(self.deliveries[name, to], event)
        self.deliveries[name, to] = after
        self.follow(name, to, effects)

    def seal(self, name: Digest, to: int) -> None:
        sender, lane = self.composed[name, to]
        pair = (sender, to)
        stream = StreamId(H(T(self.seed.encode(), u64(sender)))[:16])
        self.given[pair], place = given.give(self.given.get(pair, Given(stream)), name)
        self.number += 1
        kid = PrekeyId(u64(self.number) * 2)
        envelope = H(T(b"envelope", name, kid))
        self.envelopes[envelope] = Record(name, sender, to, lane, place, kid, self.log)
        self.sender_event(name, to, delivery.Sealed(envelope, kid))

    def deposit(self, envelope: Digest) -> None:
        if self.lost():
            return
        record = self.envelopes[envelope]
        event = mailbox.Submitted(envelope, record.lane, self.now)
        box, effects = mailbox.step(self.boxes[record.to], event)
        self.boxes[record.to] = box
        for effect in effects:
            if isinstance(effect, mailbox.Offer):
                delay = self.rng.randint(0, MAX_DELAY[record.lane])
                self.held[record.to, effect.cursor] = self.now + delay * MINUTE
                self.log += 1
            if isinstance(effect, mailbox.Answer) and not self.lost():
                stored = delivery.Stored(effect.key)
                if self.deliveries[record.name, record.to].envelope == effect.key:
                    self.sender_event(record.name, record.to, stored)

    # --- receivers

    def collect(self, to: int) -> None:
        _, offers = mailbox.step(self.boxes[to], mailbox.Collect())
        waiting = set()  # lanes in which something older is held back
        for offer in offers:
            assert isinstance(offer, mailbox.Offer)
            record = self.envelopes[offer.key]
            lane = (record.lane, record.sender)
            if self.held[to, offer.cursor] > self.now or lane in waiting:
                waiting.add(lane)
                continue
            if self.lost():
                self.seen["delivery lost"] += 1
                waiting.add(lane)
                continue
            self.arrive(record, offer.cursor)

    def arrive(self, record: Record, cursor: int) -> None:
        to, name = record.to, record.name
        if self.rng.random() < self.nacks and name not in self.vaults[to]:
            self.seen["nack"] += 1
            self.confirm(to, cursor)
            self.sender_event(name, to, delivery.Nacked(record.kid))
            return
        pair = (record.sender, to)
        known = name in self.vaults[to]
        event = streams.Arrived(record.place, name, known, record.lane, self.now)
        stream = self.streams.get(pair, Stream(record.place.stream))
        self.streams[pair], effects = streams.step(stream, event)
        for effect in effects:
            self.note(effect)
            if isinstance(effect, streams.Accept):
                self.vaults[to].add(name)
                self.shown[to, name] += 1
                watch = self.watches.get(pair, clone_watch.Watch())
                self.watches[pair], alarms = clone_watch.advanced(
                    watch, record.place.stream, record.sealed
                )
                self.alarms.update(type(alarm).__name__ for alarm in alarms)
        self.confirm(to, cursor)
        self.receipts.append(record)

    def note(self, effect: streams.Effect) -> None:
        match effect:
            case streams.Fork() | streams.Held() | streams.HoleOverdue():
                self.alarms[type(effect).__name__] += 1
            case streams.Accept(late=True):
                self.seen["late"] += 1
            case _:
                self.seen[type(effect).__name__] += 1

    def confirm(self, to: int, cursor: int) -> None:
        if not self.lost():
            event = mailbox.Confirmed((cursor,), self.now)
            self.boxes[to], _ = mailbox.step(self.boxes[to], event)

    # --- time

    def round(self) -> None:
        """Let a minute pass: retries, deliveries, receipts, clocks."""
        self.now += MINUTE
        for name, to in self.deliveries:
            if not self.deliveries[name, to].released:
                self.sender_event(name, to, delivery.Doubt())
                self.sender_event(name, to, delivery.Tick(self.now))
        for to in range(self.terminals):
            self.collect(to)
        for pair, stream in self.streams.items():
            self.streams[pair], effects = streams.step(stream, streams.Tick(self.now))
            for effect in effects:
                self.note(effect)
        pending, self.receipts = self.receipts, []
        for record in pending:
            if self.lost():  # it is kept until a heartbeat covers it: it comes again
                self.receipts.append(record)
                continue
            self.sender_event(record.name, record.to, delivery.Delivered(whole=True))

    def settled(self) -> bool:
        """Say whether every record is released everywhere."""
        return all(one.released for one in self.deliveries.values())
