"""Receipts that came: whose word about which of our records, and what it moves."""

from collections.abc import Iterable
from typing import Final

from client.core.alarms import Alarm, Alarms
from client.core.deadlines import Deadlines
from client.core.rows import IN, ReceiptRow
from client.core.station import Station
from client.core.tracking import Tracking
from crypto.types import Digest, KeyId
from protocol import delivery
from protocol.codec import decode
from protocol.errors import BindingError
from protocol.limits import MAX_RECORD
from protocol.receipt import (
    OF_MEMBER,
    Kind,
    Receipt,
    Sent,
    check_receipt,
    is_complete,
)
from protocol.record import Record

_EVENTS: Final = {
    Kind.DELIVERED: "delivered",
    Kind.READ: "read",
    Kind.ACKNOWLEDGED: "acknowledged",
}
_DONE: Final = frozenset({Kind.ACKNOWLEDGED, Kind.REFUSED})


class Credit:
    """Takes receipts, inside the caller's transaction."""

    def __init__(self, station: Station, deadlines: Deadlines) -> None:
        vault = station.vault
        self._vault = vault
        self._beliefs = station.beliefs
        self._deadlines = deadlines
        self._alarms = Alarms(vault)
        self._tracking = Tracking(vault)

    def take(self, receipts: Iterable[Receipt], carrier: Digest, now: int) -> None:
        """Note the receipts of one admitted record."""
        for receipt in receipts:
            sent = self._sent(receipt.statement.record)
            if sent is None or not _holds(receipt, sent):
                self._alarms.tell(Alarm.RECEIPT_ODD, now, carrier, receipt.post)
            else:
                self._note(receipt, sent, carrier, now)

    def _note(self, receipt: Receipt, sent: Sent, carrier: Digest, now: int) -> None:
        statement = receipt.statement
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
            if statement.kind is Kind.REFUSED:
                self._alarms.tell(Alarm.REFUSED, now, sent.record, receipt.post)
            else:
                what = _EVENTS[statement.kind]
                self._vault.add_event(now, what, sent.record, receipt.post)
        if statement.kind in _DONE:
            self._deadlines.acted(sent.record, receipt.post, now)
        terminal = self._beliefs.view().terminal(KeyId(receipt.signer))
        first = receipt.signer if terminal is None else terminal.first
        for target in self._vault.targets(sent.record):
            of_terminal = target.terminal == first
            of_member = statement.kind in OF_MEMBER and target.post == receipt.post
            if of_terminal or of_member:
                after = self._tracking.move(target, _event(receipt, sent), now).delivery
                if sent.blobs and after.whole and not target.delivery.whole:
                    self._vault.add_event(now, "whole", sent.record, target.post)

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
