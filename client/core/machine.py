"""Everything a terminal decides, in one place that does no I/O.

Events come in as method calls with the time as an argument; what is to be asked of
the relay comes out as a list::

    machine = Machine(station, sync)
    effects = machine.connected(now)
    effects = machine.answered(tag, body, now)

The state is the vault's: a crash is a restart, and what was in flight is asked for
again.  ``now`` is the wall clock; what must not trust it reads witnessed time.
"""

import contextlib
import datetime as dt
from collections.abc import Sequence
from typing import TypeVar, assert_never

from client.core.attachments import Attachments
from client.core.compose import Composed, Wish, compose
from client.core.courier import Courier
from client.core.forgotten import Forgotten
from client.core.inbox import Inbox
from client.core.outbox import Outbox, deposited
from client.core.prekeys import Prekeys
from client.core.questions import (
    BlobTag,
    CheckpointWanted,
    CourierKeysWanted,
    Effect,
    KeyLogWanted,
    ManifestPublished,
    PrekeysWanted,
    ProofWanted,
    Tag,
)
from client.core.receipts import due, owe_by_member
from client.core.rows import EventRow, RecordRow
from client.core.station import Station
from client.core.sync import Sync
from crypto.sign import SigningKey
from crypto.types import Digest
from protocol.codec import decode
from protocol.errors import (
    FreshnessError,
    PolicyError,
    ProtocolError,
    SplitViewError,
    ThresholdError,
    VerificationError,
)
from protocol.limits import MAX_ENVELOPE
from protocol.receipt import Kind
from protocol.record import Serial
from protocol.requests import (
    Delivery,
    Entries,
    LogName,
    Offers,
    Proof,
    SignedCheckpoint,
)
from protocol.tlog_proof import write_proof

COUNTER = "serial"
T = TypeVar("T")


class Machine:
    """One unlocked terminal."""

    def __init__(self, station: Station, sync: Sync) -> None:
        self.beliefs = station.beliefs
        self.identity = station.identity
        self._station = station
        self._vault = station.vault
        self._sync = sync
        self._inbox = Inbox(station)
        self._outbox = Outbox(station)
        self._prekeys = Prekeys(station)
        self.courier = Courier(station, self._outbox, self._inbox)
        self._forgotten = Forgotten(station)
        self.attachments = Attachments(station)
        self._online = False
        self._inbox.erase_used()  # a crash may have come between use and erasure

    # --- the line

    def connected(self, now: int) -> list[Effect]:
        """Take note of a new session; ask for everything that is open."""
        self._online = True
        self._prekeys.connected(now)
        self.courier.connected()
        self._forgotten.connected()
        self.attachments.connected()
        return [*self._sync.start(), *self._outbox.redeposit(), *self.pump(now)]

    def disconnected(self) -> None:
        """Take note that the session ended."""
        self._online = False

    @property
    def online(self) -> bool:
        """Whether a session is open."""
        return self._online

    def noticed(self, key_size: int, message_size: int) -> list[Effect]:
        """Take the relay's word on how large its logs are."""
        return self._sync.noticed(key_size, message_size)

    def told_life(self, incarnation: bytes, now: int) -> list[Effect]:
        """Take the relay's word on the life of its store; another one lost all."""
        lost = self._forgotten.told(incarnation, now)
        if lost is None:
            return []
        self._prekeys.forgotten()
        return [*map(deposited, lost), *self.pump(now)]

    def delivered(self, delivery: Delivery, now: int) -> bool:
        """Take an envelope of our mailbox; True: durable, the relay may forget it."""
        try:
            self._inbox.delivered(delivery, now)
        except ProtocolError:
            return False  # not yet: no directory, or too many holes before it
        return True

    def stored(self, envelope: Digest, index: int, leaf: bytes, now: int) -> None:
        """Take the relay's word that a deposit is durable."""
        self._outbox.stored(envelope, index, leaf, now)

    def answered(self, tag: Tag, body: bytes | None, now: int) -> list[Effect]:
        """Take the answer to a question; None: the relay refused it.

        What does not verify changes nothing and is written down as an alarm.
        """
        try:
            effects = self._answered(tag, body, now)
        except ThresholdError:
            effects = []  # the witnesses have not seen it yet: the next notice asks
        except SplitViewError:
            self._alarm("split-view", now)
            effects = []
        except (VerificationError, ProtocolError):
            self._alarm("relay-odd", now)
            effects = []
        return [*effects, *self.pump(now)]

    def _answered(self, tag: Tag, body: bytes | None, now: int) -> list[Effect]:
        if isinstance(tag, ManifestPublished):
            return []  # the log will name it
        if isinstance(tag, PrekeysWanted):
            offers = Offers() if body is None else _read(body, Offers)
            return self._outbox.offered(tag.names, offers, now)
        if isinstance(tag, BlobTag):
            return self.attachments.answered(tag, body, now)
        if body is None:
            return []
        match tag:
            case KeyLogWanted():
                return self._sync.entries(_read(body, Entries))
            case CheckpointWanted(log):
                self._sync.checkpoint(log, _read(body, SignedCheckpoint))
                if log is LogName.MESSAGE:
                    return self._sync.proofs()
                self._prekeys.synced()
                self._outbox.synced()
                self.courier.synced()
                return []
            case CourierKeysWanted():
                self.courier.offered(_read(body, Offers))
                return []
            case ProofWanted():
                return self._proven(tag, _read(body, Proof), now)
            case _:
                assert_never(tag)

    def _proven(self, tag: ProofWanted, answer: Proof, now: int) -> list[Effect]:
        """Verify inclusion under the checkpoint that the question named."""
        log = self.beliefs.message_log
        if log.size != tag.size:
            return []  # the log moved on: the next round asks again
        leaf = self._leaf(tag)
        try:
            log.check_inclusion(leaf, tag.index, answer.path)
        except VerificationError:
            if not tag.own:
                raise
            return [*map(deposited, self._forgotten.unproven(tag.name, now))]
        proof = write_proof(tag.index, answer.path, log.note)
        if tag.own:
            self._outbox.proven(tag.name, proof, log.witnessed, now)
        else:
            with self._vault.transaction():
                self._vault.set_proof(tag.name, proof)
        return []

    def _leaf(self, tag: ProofWanted) -> bytes:
        if tag.own:
            deposit = self._vault.deposit(tag.name)
            return b"" if deposit is None else deposit.leaf
        row = self._vault.record(tag.name)
        return b"" if row is None else row.leaf

    def pump(self, now: int) -> list[Effect]:
        """Return what can be done now, without an answer to anything."""
        if not self._online:
            return []
        try:
            publish = self._prekeys.pump()
            self._prekeys.erase_old(now)
            self._queue_receipts(now)
            return [
                *publish,
                *self._outbox.pump(now),
                *self.courier.pump(),
                *self.attachments.pump(),
            ]
        except FreshnessError:
            return []  # nothing is synchronised yet

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

    def _composed(self, wish: Wish, now: int) -> Composed:
        serial = self._serial(now)
        composed = compose(
            wish, self.identity, serial, now=now, entropy=self._station.entropy
        )
        self._outbox.enqueue(composed, now)
        self.attachments.enqueue(composed.name, composed.record, wish.spooled)
        return composed

    def read(self, row: RecordRow, now: int) -> None:
        """Say that the member opened a record that came in; the first time counts."""
        self._by_member(row, Kind.READ, "opened", now)

    def acknowledge(self, row: RecordRow, now: int) -> None:
        """Say that the member takes a record on."""
        self._by_member(row, Kind.ACKNOWLEDGED, "taken-on", now)

    def _by_member(self, row: RecordRow, kind: Kind, what: str, now: int) -> None:
        if any(e.what == what and e.name == row.name for e in self._said(row.name)):
            return
        with self._vault.transaction():
            owe_by_member(self._vault, row, kind, self.identity.signer, now)
            self._vault.add_event(now, what, row.name, row.post)

    def take_seat(self, member: SigningKey | None, now: int) -> None:
        """Let another member sit down: what follows is signed by them.

        What the one before said is signed before they rise; what cannot go out now
        waits until they are back, and is signed by nobody else.
        """
        self.settle(now)
        self.identity.member = member

    def settle(self, now: int) -> None:
        """Put the receipts that wait into the outbox, signed."""
        with contextlib.suppress(FreshnessError):
            self._queue_receipts(now)

    def _said(self, name: Digest) -> Sequence[EventRow]:
        return self._vault.events_of(name)

    def _queue_receipts(self, now: int) -> None:
        for post in self._vault.owed_posts(self.identity.signer):
            # The post has no terminal now: its receipts wait, and no number is used.
            with contextlib.suppress(PolicyError), self._vault.transaction():
                serial = self._serial(now)
                composed, numbers = due(self._station, post, serial, now)
                self._outbox.enqueue(composed, now)
                self._vault.settle_receipts(numbers)

    def _serial(self, now: int) -> Serial:
        view = self.beliefs.view()
        own = view.terminal(self.identity.terminal.id)
        year = dt.datetime.fromtimestamp(now, dt.UTC).year
        last = self._vault.get(f"{COUNTER}.{year}")
        counter = int.from_bytes(last or b"", "big") + 1
        self._vault.put(f"{COUNTER}.{year}", counter.to_bytes(8, "big"))
        return Serial(0 if own is None else own.number, year, counter)

    def _alarm(self, what: str, now: int) -> None:
        with self._vault.transaction():
            self._vault.add_event(now, what, None, "")


def _read(body: bytes, of: type[T]) -> T:
    return decode(body, of, limit=MAX_ENVELOPE)
