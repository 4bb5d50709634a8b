"""The inbox: from an envelope that came to a record in the archive and its receipt.

Whatever comes is answered: shown, kept unread with a reason, known already, or told
as an alarm.  Nothing that cannot be used blocks what comes behind it.  The relay may
forget an envelope once :meth:`Inbox.delivered` has returned: by then everything about
it is durable here, in one transaction.
"""

from dataclasses import replace

from client.core.attachments import expected
from client.core.rows import IN, BlobState, ReceiptRow, RecordRow
from client.core.sealing import UnreadableError, arrived, open_envelope
from client.core.station import Station
from crypto.digest import H
from crypto.kem import KemKey
from crypto.types import Digest, PrekeyId, Secret
from protocol import delivery, streams
from protocol.admit import Admitted, Held, Outcome, Refused, ViewCheck
from protocol.codec import decode, encode
from protocol.errors import BindingError, BusyError, FreshnessError, StrangerError
from protocol.genuine import Genuine
from protocol.leaf import leaf_commitment, message_leaf
from protocol.limits import MAX_RECORD
from protocol.manifest import PrekeyKind
from protocol.receipt import Kind, Receipt, Sent, Statement, check_receipt, is_complete
from protocol.receiver import Receiver
from protocol.record import Record
from protocol.record_type import rule_of
from protocol.requests import Delivery
from protocol.root import suites_opened
from protocol.stream_store import dump, load

_EVENTS = {
    Kind.DELIVERED: "delivered",
    Kind.READ: "read",
    Kind.ACKNOWLEDGED: "acknowledged",
    Kind.REFUSED: "refused",
}


# Kept as evidence and never shown: one that comes again in good order is news.
HELD, FORK = "held", "fork"
MAX_STRANGERS = 8  # far below the streams of a line


class Inbox:
    """Records on their way in."""

    def __init__(self, station: Station) -> None:
        self._vault = station.vault
        self._identity = station.identity
        self._beliefs = station.beliefs
        self._seeds = station.seeds
        # Envelopes of unknown signers, and W of the directory that did not have them.
        self._strangers: dict[Digest, int] = {}

    def delivered(self, came: Delivery, now: int) -> None:
        """Take one envelope of our mailbox; durable when this returns.

        Raises:
            FreshnessError: nothing was synchronised yet, or its signer may stand in
                the part of the key log that we lack; the relay keeps it.
            BusyError: too many holes in its stream; the relay keeps it.
        """
        receiver = self.receiver()
        try:
            envelope = arrived(came.envelope, receiver)
            seed = self._seeds.seed(envelope.wrap.kid)
            if seed is None:
                self._alarm("prekey-gone", now)
                return
            # The kid has its suite's length, so a seed opens in its own suite only.
            key = KemKey.from_seed(envelope.envelope.suite, Secret(seed.seed))
            outcome = open_envelope(envelope, key, receiver)
        except UnreadableError as error:
            if isinstance(error.__cause__, StrangerError):
                self._wait_for(H(came.envelope))
            self._alarm("unreadable", now)
            return
        with self._vault.transaction():
            self.take(outcome, came.index, now)
            if seed.kind == PrekeyKind.ONE_TIME:
                self._vault.use_prekey(PrekeyId(seed.kid))
        # A crash before the commit: the relay delivers it again, and the seed is
        # still here.  A crash behind it: `erase_used` runs at the next start.
        self.erase_used()

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
        if outcome.view is ViewCheck.DIFFERS:
            self._vault.add_event(now, "split-view", found.name, found.record.sender)
        if isinstance(outcome, Held):
            if self._vault.record(found.name) is None:
                self._keep(found, index, now, refused=HELD)
                self._vault.add_event(now, "held", found.name, found.record.sender)
            return
        for effect in self._moved(found, now):
            match effect:
                case streams.Accept():
                    self._accept(outcome, index, now)
                case streams.Duplicate():
                    self._answer_again(found, index, now)
                case streams.Held() | streams.Fork():
                    if self._vault.record(found.name) is None:
                        self._keep(found, index, now, refused=FORK)
                    self._vault.add_event(now, "fork", found.name, found.record.sender)
                case streams.AskResend() | streams.HoleOverdue():
                    self._vault.add_event(now, "hole", None, found.record.sender)

    def _moved(self, found: Genuine, now: int) -> tuple[streams.Effect, ...]:
        policy = self._beliefs.view().policy
        patience = streams.Patience(policy.reorder_flash, policy.reorder)
        sender, place = found.terminal.key_id, found.place
        kept = self._vault.stream_in(sender, place.stream)
        stream = (
            streams.Stream(place.stream, patience=patience)
            if kept is None
            else load(kept, patience)
        )
        row = self._vault.record(found.name)
        known = row is not None and row.refused not in {HELD, FORK}
        lane = max(a.precedence for a in found.record.to).lane
        event = streams.Arrived(place, found.name, known=known, lane=lane, now=now)
        after, effects = streams.step(stream, event)
        self._vault.set_stream_in(sender, place.stream, dump(after))
        return effects

    def _accept(self, outcome: Outcome, index: int | None, now: int) -> None:
        found = outcome.genuine
        if isinstance(outcome, Admitted):
            self._keep(found, index, now, refused=None)
            for blob in expected(found):
                self._vault.blobs.add(blob)
            self._owe(found, Kind.DELIVERED, index, now)
            self._vault.add_event(now, "received", found.name, found.record.sender)
            for receipt in outcome.receipts:
                self._credit(receipt, found.name, now)
        elif isinstance(outcome, Refused):
            reason = outcome.reason.value
            self._keep(found, index, now, refused=reason)
            self._owe(found, Kind.REFUSED, index, now, reason)

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
                inner=encode(found.inner),
                leaf=message_leaf(
                    leaf_commitment(found.slip.r, found.inner.slip), found.body
                ),
                log_index=index,
                refused=refused,
            )
        )

    # --- receipts

    def _answer_again(self, found: Genuine, index: int | None, now: int) -> None:
        """Say of a record that came before what was said then (B3)."""
        row = self._vault.record(found.name)
        unlogged = row is not None and row.way == IN and row.log_index is None
        if unlogged and index is not None:
            # It came by courier first: this sealing of it is logged, and is evidence.
            self._vault.set_logged(found.name, encode(found.inner), found.leaf, index)
        reason = None if row is None else row.refused
        kind = Kind.DELIVERED if reason is None else Kind.REFUSED
        self._owe(found, kind, index, now, reason)

    def _owe(
        self,
        found: Genuine,
        kind: Kind,
        index: int | None,
        now: int,
        reason: str | None = None,
    ) -> None:
        """Queue a receipt, for the types that are receipted."""
        rule = rule_of(found.record.type)
        if rule is not None and not rule.receipted:
            return
        statement = Statement(
            kind=kind,
            record=found.name,
            id=found.record.id,
            time=now,
            index=index,
            blobs=self._verified(found.name) if kind is Kind.DELIVERED else (),
            reason=reason,
        )
        self._vault.owe_receipt(found.record.sender, encode(statement))

    def _verified(self, name: Digest) -> tuple[Digest, ...]:
        rows = self._vault.blobs.of(name)
        return tuple(row.blob for row in rows if row.state is not BlobState.WAITING)

    def _credit(self, receipt: Receipt, carrier: Digest, now: int) -> None:
        """Note a receipt for something that was written here."""
        statement = receipt.statement
        sent = self._sent(statement.record)
        if sent is None or not _holds(receipt, sent):
            self._vault.add_event(now, "receipt-odd", carrier, receipt.post)
            return
        row = ReceiptRow(
            name=statement.record,
            post=receipt.post,
            kind=statement.kind,
            signer=receipt.signer,
            at=statement.time,
            reason=statement.reason or "",
            carrier=carrier,
        )
        if self._vault.add_receipt(row):
            self._vault.add_event(
                now, _EVENTS[statement.kind], statement.record, receipt.post
            )
        self._advance(receipt, sent, now)

    def _sent(self, name: Digest) -> Sent | None:
        row = self._vault.record(name)
        if row is None or row.way == IN:
            return None
        record = decode(row.document, Record, limit=MAX_RECORD)
        return Sent(
            record=name,
            id=record.id,
            posts=frozenset(addressee.post for addressee in record.to),
            blobs=frozenset(attachment.blob for attachment in record.atts),
        )

    def _advance(self, receipt: Receipt, sent: Sent, now: int) -> None:
        """Move the deliveries that this receipt speaks for."""
        for target in self._vault.targets(sent.record):
            of_terminal = target.terminal == receipt.signer
            of_member = (
                receipt.statement.kind in {Kind.READ, Kind.ACKNOWLEDGED}
                and target.post == receipt.post
            )
            if of_terminal or of_member:
                event = _event(receipt, sent)
                after, _ = delivery.step(target.delivery, event)
                self._vault.set_target(replace(target, delivery=after))
                if sent.blobs and after.whole and not target.delivery.whole:
                    self._vault.add_event(now, "whole", sent.record, target.post)

    def _alarm(self, what: str, now: int) -> None:
        with self._vault.transaction():
            self._vault.add_event(now, what, None, "")


def _holds(receipt: Receipt, sent: Sent) -> bool:
    try:
        check_receipt(receipt, sent)
    except BindingError:
        return False
    return True


def _event(receipt: Receipt, sent: Sent) -> delivery.Event:
    match receipt.statement.kind:
        case Kind.DELIVERED:
            return delivery.Delivered(whole=is_complete(receipt, sent))
        case Kind.READ:
            return delivery.Read()
        case Kind.ACKNOWLEDGED:
            return delivery.Acknowledged()
        case Kind.REFUSED:
            return delivery.Refused()
