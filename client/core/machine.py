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
from collections.abc import Sequence
from typing import TypeVar, assert_never

from client.core.alarms import Alarm, Alarms
from client.core.appending import Appending
from client.core.arrivals import Arrivals
from client.core.attachments import Attachments
from client.core.compose import Composed, Wish
from client.core.courier import Courier
from client.core.deadlines import Deadlines
from client.core.forgotten import Forgotten
from client.core.heartbeats import Heartbeats
from client.core.heirs import Heirs
from client.core.holes import Holes
from client.core.inbox import Inbox
from client.core.kept_keys import KeptKeys
from client.core.nacks import NacksIn, NacksOut
from client.core.outbox import Outbox, deposited
from client.core.prekeys import Prekeys
from client.core.proofs import Proofs
from client.core.proposals import Proposals
from client.core.questions import (
    AppendWanted,
    BlobTag,
    CheckpointWanted,
    ConsistencyWanted,
    CourierKeysWanted,
    Effect,
    ExpiringWanted,
    HeldProofWanted,
    KeyLogWanted,
    ManifestPublished,
    NackGiven,
    PrekeysWanted,
    ProofWanted,
    Tag,
)
from client.core.rows import RecordRow
from client.core.station import Station
from client.core.sync import EntriesLackingError, Sync
from client.core.unfetched import Unfetched
from client.core.watching import Watching
from client.core.witnesses import Said, Witnesses
from client.core.writing import Writing
from crypto.sign import SigningKey
from crypto.types import Digest
from protocol.codec import decode
from protocol.errors import (
    FreshnessError,
    ProtocolError,
    RollbackError,
    SplitViewError,
    ThresholdError,
    VerificationError,
)
from protocol.limits import MAX_ENVELOPE
from protocol.receipt import Kind
from protocol.requests import (
    Delivery,
    Entries,
    LogName,
    Offers,
    Proof,
    SignedCheckpoint,
)

T = TypeVar("T")
LogTag = KeyLogWanted | CheckpointWanted | ConsistencyWanted
ProofTag = ProofWanted | HeldProofWanted


class Machine:
    """One unlocked terminal."""

    def __init__(self, station: Station, sync: Sync) -> None:
        self.beliefs, self.identity = station.beliefs, station.identity
        self._vault, self._sync = station.vault, sync
        self._alarms, self._kept = Alarms(station.vault), KeptKeys(station)
        self._outbox = Outbox(station, self._kept)
        self._heirs = Heirs(station, self._outbox)
        self._prekeys, self._holes = Prekeys(station), Holes(station)
        self._nacks_in, self._nacks_out = NacksIn(station), NacksOut(station)
        self._heartbeats = Heartbeats(station, self._holes)
        self._watching = Watching(station, self._outbox.again)
        self._deadlines = Deadlines(station.vault, station.beliefs, station.identity)
        self.key_ends = self._deadlines.key_ends
        self.attachments = Attachments(station)
        self._writing = Writing(
            station, self._outbox, self.attachments, self._deadlines
        )
        arrivals = Arrivals(
            station, self._holes, self._heartbeats, self._deadlines, self._outbox.again
        )
        self._inbox = Inbox(
            station, self._holes, arrivals, self._nacks_out, self._writing.queue
        )
        self.courier = Courier(station, self._outbox, self._inbox, self._kept)
        self.renewal = arrivals.renewal
        self._forgotten, self._unfetched = Forgotten(station), Unfetched(station)
        self._proofs = Proofs(station, sync, self._inbox, self._outbox, self._forgotten)
        self.proposals, self.appending = Proposals(station), Appending(station)
        self._witnesses = Witnesses(station)
        self._online = False
        self._inbox.erase_used()  # a crash may have come between use and erasure

    # --- the line

    def connected(self, now: int) -> list[Effect]:
        """Take note of a new session; ask for everything that is open."""
        self._online = True
        self._prekeys.connected(now)
        self._kept.connected()
        self.appending.connected(self.proposals.complete(now))
        self._forgotten.connected()
        self._unfetched.connected()
        self.attachments.connected()
        self._nacks_out.connected()
        self._inbox.connected()
        self._watching.connected(now)
        return [*self._sync.start(), *self._outbox.redeposit(), *self.pump(now)]

    def disconnected(self) -> None:
        """Take note that the session ended."""
        self._online = False
        self._watching.disconnected()

    @property
    def online(self) -> bool:
        """Whether a session is open."""
        return self._online

    def urgent(self) -> bool:
        """Tell whether the relay is to be tried more often.

        A FLASH waits in the outbox; or nothing was synchronised ever, and somebody
        who sets up this terminal waits for the second operator.
        """
        return self.beliefs.directory is None or self._outbox.urgent()

    @property
    def synced(self) -> bool:
        """Whether both logs were followed since the session or the round began."""
        return self._online and self._sync.settled

    def resync(self, now: int) -> list[Effect]:
        """Return the questions of one more round in an open session."""
        return [*self._sync.start(), *self.pump(now)]

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

    def expiring(self) -> list[Effect]:
        """Take the relay's word that something of ours will go: ask what."""
        return self._unfetched.noticed()

    def nacked(self, nack: bytes, now: int) -> list[Effect]:
        """Take a nack that the relay passed on: a record may have to be sealed anew."""
        try:
            name = self._nacks_in.came(nack, now)
        except FreshnessError:
            return []  # nothing is synchronised yet: the relay tells it again
        if name is None:
            return []
        self._outbox.again(name)
        return self.pump(now)

    def tick(self, now: int) -> list[Effect]:
        """Do what the time asks for; call it every few seconds, online or not."""
        self._deadlines.tick(now)
        if not self._online:
            return []
        try:
            self._holes.tick(now, self._writing.queue)
            self._heartbeats.tick(now, self._writing.queue)
            self._watching.tick(now)
            checks = self._sync.tick(now)
        except FreshnessError:
            return []  # nothing is synchronised yet
        return [*checks, *self.pump(now)]

    def said(self, said: Said, now: int) -> list[Effect]:
        """Take a witness's answer: restrictions count at once, whatever the relay says.

        What has to be asked of the relay because of it waits for a session.
        """
        asked = self._witnesses.said(said, now)
        if not self._online:
            return []
        return [*asked, *self._sync.noticed(*self._witnesses.sizes()), *self.pump(now)]

    def delivered(self, came: Sequence[Delivery], now: int) -> list[bool]:
        """Take envelopes of our mailbox; True: durable, the relay may forget it."""
        try:
            return self._inbox.delivered(came, now)
        except ProtocolError:
            return [False] * len(came)  # not yet: no directory

    def stored(self, envelope: Digest, index: int, leaf: bytes, now: int) -> None:
        """Take the relay's word that a deposit is durable."""
        self._outbox.stored(envelope, index, leaf, now)

    def answered(self, tag: Tag, body: bytes | None, now: int) -> list[Effect]:
        """Take the answer to a question; None: the relay refused it.

        What does not verify changes nothing and is written down as an alarm.
        """
        effects: list[Effect] = []
        self._sync.answered(tag)
        try:
            effects = self._answered(tag, body, now)
        except ThresholdError:
            pass  # the witnesses have not seen it yet: the next notice asks
        except SplitViewError as error:
            self._witnesses.split(error.evidence, now)
        except (VerificationError, ProtocolError):
            self.alarm(Alarm.RELAY_ODD, now)
        return [*effects, *self._sync.behind(), *self.pump(now)]

    def _answered(self, tag: Tag, body: bytes | None, now: int) -> list[Effect]:
        if isinstance(tag, ManifestPublished):
            return []  # the log will name it
        if isinstance(tag, PrekeysWanted):
            offers = Offers() if body is None else _read(body, Offers)
            return self._outbox.offered(tag, offers, now)
        if isinstance(tag, BlobTag):
            return self.attachments.answered(tag, body, now)
        if isinstance(tag, AppendWanted):
            return self.appending.answered(tag, body)
        return [] if body is None else self._granted(tag, body, now)

    def _granted(
        self,
        tag: LogTag | ExpiringWanted | CourierKeysWanted | NackGiven | ProofTag,
        body: bytes,
        now: int,
    ) -> list[Effect]:
        match tag:
            case KeyLogWanted() | CheckpointWanted() | ConsistencyWanted():
                return self._told_log(tag, body, now)
            case ExpiringWanted():
                return self._told_expiring(tag, body, now)
            case CourierKeysWanted():
                self._kept.offered(_read(body, Offers))
                return []
            case NackGiven(name):
                self._nacks_out.taken(name)
                return []
            case ProofWanted() | HeldProofWanted():
                return self._proofs.answered(tag, _read(body, Proof), now)
            case _:
                assert_never(tag)

    def _told_expiring(
        self, tag: ExpiringWanted, body: bytes, now: int
    ) -> list[Effect]:
        effects, again = self._unfetched.answered(tag, body, now)
        for name in again:
            self._outbox.again(name)
        return effects

    def _told_log(self, tag: LogTag, body: bytes, now: int) -> list[Effect]:
        match tag:
            case KeyLogWanted():
                return self._sync.entries(tag, _read(body, Entries))
            case CheckpointWanted():
                return self._adopted(tag, _read(body, SignedCheckpoint), now)
            case _:
                self._witnesses.compared(tag, _read(body, SignedCheckpoint), now)
                return []

    def _adopted(
        self, tag: CheckpointWanted, answer: SignedCheckpoint, now: int
    ) -> list[Effect]:
        """Adopt a checkpoint, and tell those who wait for news."""
        if again := self._sync.overtaken(tag):
            return again
        first = self.beliefs.directory is None
        try:
            outcomes = self._sync.checkpoint(tag.log, answer)
        except EntriesLackingError:
            return [self._sync.more()]
        except RollbackError:
            self._witnesses.rolled_back(tag.log, answer.note, now)
            return []
        compared = self._witnesses.told(tag.log, now)
        if tag.log is LogName.MESSAGE:
            return [*compared, *self._sync.proofs()]
        self._watching.adopted(outcomes, now, first=first)
        self._prekeys.synced()
        self._outbox.synced()
        self._heirs.look(now)
        self._kept.look()
        return compared

    def pump(self, now: int) -> list[Effect]:
        """Return what can be done now, without an answer to anything."""
        if not self._online:
            return []
        try:
            publish = self._prekeys.pump(now)
            self._prekeys.erase_old(now)
            self._writing.queue_receipts(now)
            return [
                *publish,
                *self._nacks_out.pump(),
                *self._inbox.pump(),
                *self._outbox.pump(now),
                *self.appending.pump(),
                *self._kept.pump(),
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
        return self._writing.compose(wish, now)

    def withdraw(
        self, row: RecordRow, reason: str, instead: Digest | None, now: int
    ) -> Composed | None:
        """Take back what was written here; None: it had not left the outbox.

        Raises:
            PolicyError: a kind of record that people do not write, or an addressee
                that may not be told.
        """
        return self._writing.withdraw(row, reason, instead, now)

    def read(self, row: RecordRow, now: int) -> None:
        """Say that the member opened a record that came in; the first time counts."""
        self._writing.by_member(row, Kind.READ, now)

    def acknowledge(self, row: RecordRow, now: int) -> None:
        """Say that the member takes a record on."""
        self._writing.by_member(row, Kind.ACKNOWLEDGED, now)

    def take_seat(
        self, member: SigningKey | None, now: int, following: SigningKey | None = None
    ) -> None:
        """Let another member sit down: what follows is signed by them.

        What the one before said is signed before they rise; what cannot go out now
        waits until they are back, and is signed by nobody else.  ``following`` is the
        key that they drew to follow ``member``.
        """
        self.settle(now)
        self.identity.member, self.identity.next_member = member, following
        self._watching.rotation.look(now)

    def settle(self, now: int) -> None:
        """Put the receipts that wait into the outbox, signed."""
        with contextlib.suppress(FreshnessError):
            self._writing.queue_receipts(now)

    def alarm(self, what: Alarm, now: int) -> None:
        """Write down an alarm that was noticed outside the core."""
        with self._vault.transaction():
            self._alarms.tell(what, now)


def _read(body: bytes, of: type[T]) -> T:
    return decode(body, of, limit=MAX_ENVELOPE)
