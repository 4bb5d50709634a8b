"""The inbox: from an envelope that came to a record in the archive and its receipt.

Whatever comes is answered: shown, kept unread with a reason, known already, or told
as an alarm.  Nothing that cannot be used blocks what comes behind it.  The relay may
forget an envelope once :meth:`Inbox.delivered` has returned: by then everything about
it is durable here.  What came at once is kept in one transaction, so that a backlog
costs a commit and a key sheet for each batch and not for each message; it leaves the
same behind as if each had come alone.
"""

from collections.abc import Sequence

from client.core.alarms import Alarm, Alarms
from client.core.arrivals import Arrivals
from client.core.attachments import expected
from client.core.batch import Batch, Opened
from client.core.held import HELD, HeldRecords
from client.core.holes import Holes, Queue
from client.core.nacks import NacksOut
from client.core.questions import Effect, HeldProofWanted
from client.core.rows import IN, BlobState, RecordRow
from client.core.sealing import Arrived, UnreadableError
from client.core.station import Station
from crypto.digest import H
from crypto.types import Digest, PrekeyId
from protocol import streams
from protocol.admit import Admitted, Held, Outcome, Refused, ViewCheck
from protocol.codec import decode, encode
from protocol.errors import BusyError, FreshnessError, ProtocolError, StrangerError
from protocol.genuine import Genuine
from protocol.limits import MAX_RECORD
from protocol.receipt import Kind, Statement
from protocol.receiver import Receiver
from protocol.record import Record
from protocol.record_type import rule_of
from protocol.requests import Delivery, Proof
from protocol.root import suites_opened

# Kept as evidence and never shown, as HELD: one that comes in good order is news.
FORK = "fork"
MAX_STRANGERS = 8  # far below the streams of a line


class Inbox:
    """Records on their way in."""

    def __init__(
        self,
        station: Station,
        holes: Holes,
        arrivals: Arrivals,
        nacks: NacksOut,
        queue: Queue,
    ) -> None:
        """``queue`` puts a machine's word into the outbox for one terminal."""
        self._holes = holes
        self._arrivals = arrivals
        self._nacks = nacks
        self._queue = queue
        self._held = HeldRecords(station)
        self._alarms = Alarms(station.vault)
        self._vault = station.vault
        self._identity = station.identity
        self._beliefs = station.beliefs
        self._seeds = station.seeds
        # Envelopes of unknown signers, and W of the directory that did not have them.
        self._strangers: dict[Digest, int] = {}

    def connected(self) -> None:
        """Take note of a new session."""
        self._held.connected()

    def pump(self) -> list[Effect]:
        """Return the proofs to ask for, of what is held."""
        return self._held.pump()

    def proven(self, tag: HeldProofWanted, answer: Proof, now: int) -> None:
        """Take the proof that a held record was logged before its key ended.

        Raises:
            VerificationError: it proves nothing.
        """
        outcome = self._held.proven(tag, answer.path, self.receiver())
        if outcome is None:
            return
        with self._vault.transaction():
            self.take(outcome, tag.index, now)
        # A crash before the commit: it is held, and the next session asks again.

    def delivered(self, came: Sequence[Delivery], now: int) -> list[bool]:
        """Take envelopes of our mailbox; durable when this returns.

        Returns for each whether the relay may forget it.  It keeps what cannot be
        taken yet: its signer may stand in the part of the key log that we lack, or
        too many nacks wait for the relay.

        Raises:
            FreshnessError: nothing was synchronised yet.
            BusyError: we are not in the directory.
        """
        batch = Batch(self._seeds, self.receiver())
        opened = batch.opened([one.envelope for one in came])
        with self._vault.transaction():
            taken = [
                self._taken(one, found, batch, now)
                for one, found in zip(came, opened, strict=True)
            ]
        # A crash before the commit: the relay delivers all again, and the seeds are
        # still here.  A crash behind it: `erase_used` runs at the next start.
        self.erase_used()
        return taken

    def _taken(
        self, came: Delivery, opened: Opened | UnreadableError, batch: Batch, now: int
    ) -> bool:
        """Keep one of a batch, in a transaction of its own inside the batch's."""
        try:
            with self._vault.transaction():
                used = self._keep_opened(came, opened, batch, now)
        except ProtocolError:
            return False  # nothing of it was kept, and the others stand
        if used is not None:
            batch.spend(used)
        return True

    def _keep_opened(
        self, came: Delivery, opened: Opened | UnreadableError, batch: Batch, now: int
    ) -> PrekeyId | None:
        """Keep what an envelope held; return the one-time key that it used.

        Raises:
            FreshnessError, BusyError: as :meth:`delivered`, for this one.
        """
        if isinstance(opened, UnreadableError):
            self._alarm(Alarm.UNREADABLE, now)
            return None
        found = opened.found
        if found is None or batch.is_spent(opened):
            self._gone(opened.came, came.index, batch, now)
            return None
        if isinstance(found, UnreadableError):
            if isinstance(found.__cause__, StrangerError):
                self._wait_for(H(came.envelope))
            self._alarm(Alarm.UNREADABLE, now)
            return None
        self.take(found, came.index, now)
        if not batch.is_once(opened):
            return None
        self._vault.use_prekey(opened.kid)
        return opened.kid

    def _gone(self, came: Arrived, index: int, batch: Batch, now: int) -> None:
        """Answer an envelope whose prekey has no seed any more."""
        row = self._nacks.shown_before(came)
        if row is not None:
            if row.refused in {HELD, FORK}:
                return  # evidence was never answered, and is not now
            with self._vault.transaction():
                self._answer_again(row, index, now)
        elif not self._nacks.say(came, batch.seeds(), now):
            self._alarm(Alarm.PREKEY_UNKNOWN, now)

    def _wait_for(self, envelope: Digest) -> None:
        """Keep an envelope waiting until the directory was synchronised once more.

        Raises:
            FreshnessError: it was not; a few may wait, so that they block nothing.
        """
        witnessed = self._beliefs.key_log.witnessed
        if envelope not in self._strangers and len(self._strangers) < MAX_STRANGERS:
            self._strangers[envelope] = witnessed
        if self._strangers.get(envelope) == witnessed:
            raise FreshnessError("the signer may be news")
        self._strangers.pop(envelope, None)

    def erase_used(self) -> None:
        """Erase the seeds of records that are durably in the vault."""
        used = self._vault.used_prekeys()
        if used:
            self._seeds.erase(used)
            with self._vault.transaction():
                self._vault.forget_used(used)

    def receiver(self) -> Receiver:
        """Return this terminal and what it knows, for the checks of an envelope."""
        view = self._beliefs.view()
        own = view.terminal(self._identity.terminal.id)
        if own is None:
            raise BusyError
        return Receiver(
            own=own,
            view=view,
            logs=self._beliefs,
            standing=lambda _: None,
            suites=suites_opened(view.root, view.witnessed),
            archive=bool(view.root.archive),
            now=view.witnessed,
        )

    def take(self, outcome: Outcome, index: int | None, now: int) -> None:
        """Take an opened envelope, inside the caller's transaction.

        Args:
            outcome: what it held.
            index: of its leaf in the message log; None: it came by courier.
            now: the wall clock.
        """
        found = outcome.genuine
        sender = found.record.sender
        if outcome.view is ViewCheck.DIFFERS:
            self._alarms.tell(Alarm.SPLIT_VIEW, now, None, sender)
        if isinstance(outcome, Held):
            if self._held.is_news(found.name, index):
                self._keep(found, index, now, refused=HELD)
                self._held.keep(outcome)
                self._alarms.tell(Alarm.HELD, now, found.name, sender)
            return
        if self._held.let_go(found.name, found.ended):
            self._alarms.over(Alarm.HELD, now, found.name, sender)
        row = self._vault.record(found.name)
        known = row is not None and row.refused not in {HELD, FORK}
        lane = found.record.precedence.lane
        for effect in self._holes.arrived(found, known=known, lane=lane, now=now):
            match effect:
                case streams.Accept(late):
                    self._accept(outcome, index, now)
                    if late:
                        self._vault.add_event(now, "late", found.name, sender)
                case streams.Duplicate() if row is not None:
                    self._logged(found, row, index)
                    self._answer_again(row, index, now)
                case streams.Held() | streams.Fork():
                    self._fork(found, effect, index, now)
                case _:
                    pass

    def _fork(
        self, found: Genuine, effect: streams.Effect, index: int | None, now: int
    ) -> None:
        """Keep a record apart whose stream is in doubt; tell both ends."""
        if self._vault.record(found.name) is None:
            self._keep(found, index, now, refused=FORK)
        self._alarms.tell(Alarm.FORK, now, None, found.record.sender)
        self._arrivals.forked(found, effect, now, self._queue)

    def _accept(self, outcome: Outcome, index: int | None, now: int) -> None:
        found = outcome.genuine
        if isinstance(outcome, Admitted):
            self._keep(found, index, now, refused=None)
            for blob in expected(found):
                self._vault.blobs.add(blob)
            self._vault.add_event(now, "received", found.name, found.record.sender)
            self._owe(found.name, found.record, Kind.DELIVERED, index, now)
            self._arrivals.accepted(outcome, now, self._queue)
        elif isinstance(outcome, Refused):
            reason = outcome.reason.value
            self._keep(found, index, now, refused=reason)
            self._vault.add_event(now, "refused-here", found.name, found.record.sender)
            self._owe(found.name, found.record, Kind.REFUSED, index, now, reason)

    def _keep(
        self, found: Genuine, index: int | None, now: int, *, refused: str | None
    ) -> None:
        record = found.record
        self._vault.add_record(
            RecordRow(
                name=found.name,
                id=record.id,
                way=IN,
                type=record.type,
                post=record.sender,
                at=now,
                document=found.inner.record,
                inner=found.evidence,
                leaf=found.leaf,
                log_index=index,
                refused=refused,
            )
        )

    # --- receipts

    def _answer_again(self, row: RecordRow, index: int | None, now: int) -> None:
        """Say of a record that came before what was said then (B3)."""
        kind = Kind.DELIVERED if row.refused is None else Kind.REFUSED
        record = decode(row.document, Record, limit=MAX_RECORD)
        self._owe(row.name, record, kind, index, now, row.refused)

    def _logged(self, found: Genuine, row: RecordRow, index: int | None) -> None:
        """Note the leaf of a record that came by courier first."""
        if row.way == IN and row.log_index is None and index is not None:
            # This sealing of it is logged, and is the evidence from now on.
            self._vault.set_logged(found.name, found.evidence, found.leaf, index)

    def _owe(  # noqa: PLR0913, PLR0917 -- the fields of one statement
        self,
        name: Digest,
        record: Record,
        kind: Kind,
        index: int | None,
        now: int,
        reason: str | None = None,
    ) -> None:
        """Queue a receipt, for the types that are receipted."""
        rule = rule_of(record.type)
        if rule is not None and not rule.receipted:
            return
        statement = Statement(
            kind=kind,
            record=name,
            id=record.id,
            time=now,
            index=index,
            blobs=self._verified(name, record) if kind is Kind.DELIVERED else (),
            reason=reason,
        )
        self._vault.owe_receipt(record.sender, encode(statement), record.precedence)

    def _verified(self, name: Digest, record: Record) -> tuple[Digest, ...]:
        rows = self._vault.blobs.of(name) if record.atts else []
        return tuple(row.blob for row in rows if row.state is not BlobState.WAITING)

    def _alarm(self, what: Alarm, now: int) -> None:
        with self._vault.transaction():
            self._alarms.tell(what, now)
