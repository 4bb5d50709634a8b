"""What happened, as ``koerier watch`` tells it: a line of JSON for each event.

A notification says no more than that there is something, that it is urgent, or that
something is wrong: never from whom, about what, how much or how often.
"""

from typing import Any, Final

from client.answers.names import SHOWN_TYPES, short
from client.core.alarms import Alarm
from client.core.ports import Vault
from client.core.rows import IN, EventRow
from client.present import iso
from protocol.codec import decode
from protocol.label import Precedence
from protocol.limits import MAX_RECORD
from protocol.record import Record

ALARMS: Final = frozenset(alarm.value for alarm in Alarm)
SOMETHING, NOW, ALARM = "something", "now", "alarm"


def news_of(event: EventRow, vault: Vault) -> dict[str, Any] | None:
    """Return an event as people may be told it; None: a machine's own business."""
    row = None if event.name is None else vault.record(event.name)
    if row is not None and row.type not in SHOWN_TYPES and event.what not in ALARMS:
        return None  # a receipt on its way: what it says is an event of its own
    notification = None
    if event.what in ALARMS:
        notification = ALARM
    elif event.what == "received" and row is not None and row.way == IN:
        record = decode(row.document, Record, limit=MAX_RECORD)
        urgent = record.precedence >= Precedence.IMMEDIATE
        notification = NOW if urgent else SOMETHING
    return {
        "number": event.number,
        "at": iso(event.at),
        "what": event.what,
        "id": None if event.name is None else short(event.name),
        "post": event.post or None,
        "notification": notification,
    }


def watching(number: int, now: int) -> dict[str, Any]:
    """Return the first line of a watch: what came after event ``number`` follows."""
    return {
        "number": number,
        "at": iso(now),
        "what": "watching",
        "id": None,
        "post": None,
        "notification": None,
    }
