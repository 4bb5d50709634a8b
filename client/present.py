"""A record as text for a person: nothing is decided by it.

Parts are (code, text): the code says what the part is, in the words' catalogues,
and the text is the peer's, made harmless.  Only running text has more than one line.
"""

import datetime as dt
from typing import Any, Final

from client.harmless import harmless, harmless_lines
from crypto.types import Digest
from protocol.bodies import (
    CableBody,
    IncidentBody,
    ProposalBody,
    RefusalBody,
    WithdrawalBody,
)
from protocol.codec import decode
from protocol.errors import MalformedError
from protocol.incident.model import IncidentReport, Sections, from_body
from protocol.label import SHORT, Label, Level
from protocol.limits import MAX_RECORD
from protocol.record import Record, Role
from protocol.record_type import RecordType

SHORT_NAME: Final = 12  # hexadecimal characters of a name that a person sees
_UNLABELLED: Final = Label(level=Level.ONGERUBRICEERD)
Part = tuple[str, str]


def level_of(record: Record) -> str:
    """Return the short name of the record's level."""
    return SHORT[(record.label or _UNLABELLED).level]


def subject_of(record: Record) -> str:
    """Return one line that says what the record is about; "" where nothing does."""
    cable = _cable_of(record)
    if cable is not None:
        return harmless(cable.subject)
    report = _report(record)
    return _reason(record) if report is None else harmless(report.sections.title)


def envelope_of(record: Record) -> dict[str, Any]:
    """Return to whom a record went, and when its classification ends."""
    label = record.label or _UNLABELLED
    return {
        "to": [one.post for one in record.to if one.role is Role.ACTION],
        "info": [one.post for one in record.to if one.role is Role.INFO],
        "until": None if label.until is None else iso(label.until),
        "events": [harmless(event) for event in label.events],
    }


def parts_of(record: Record) -> list[Part]:
    """Return the record's text by parts."""
    cable = _cable_of(record)
    if cable is not None:
        return _cable(cable)
    withdrawal = withdrawal_of(record)
    if withdrawal is not None:
        return _withdrawal(withdrawal)
    report = _report(record)
    return [] if report is None else _incident(report.sections)


def withdrawal_of(record: Record) -> WithdrawalBody | None:
    """Return what a withdrawal says; None: it is none, or does not say it rightly."""
    if record.type != RecordType.WITHDRAWAL:
        return None
    try:
        return decode(record.body, WithdrawalBody, limit=MAX_RECORD)
    except MalformedError:
        return None


def _reason(record: Record) -> str:
    """Return why something is proposed or refused; "" for other types."""
    try:
        if record.type == RecordType.PROPOSAL:
            proposed = decode(record.body, ProposalBody, limit=MAX_RECORD)
            return harmless(proposed.reason)
        if record.type == RecordType.REFUSAL:
            return harmless(decode(record.body, RefusalBody, limit=MAX_RECORD).reason)
    except MalformedError:
        pass  # one post's odd message must not hide the others
    return ""


def _cable_of(record: Record) -> CableBody | None:
    if record.type != RecordType.CABLE:
        return None
    try:
        return decode(record.body, CableBody, limit=MAX_RECORD)
    except MalformedError:
        return None  # one post's odd message must not hide the others


def _report(record: Record) -> IncidentReport | None:
    if record.type != RecordType.INCIDENT:
        return None
    try:
        body = decode(record.body, IncidentBody, limit=MAX_RECORD)
        return from_body(body, record.label or _UNLABELLED)
    except MalformedError:
        return None  # shown without its parts; the evidence is kept


def _cable(body: CableBody) -> list[Part]:
    parts = [("subject", harmless(body.subject))]
    for paragraph in body.paragraphs:
        mark = "" if paragraph.mark is None else f"({SHORT[paragraph.mark]}) "
        parts.append(("text", harmless_lines(mark + paragraph.text)))
    return parts


def _withdrawal(body: WithdrawalBody) -> list[Part]:
    parts = [("withdraws", name_of(body.target)), ("reason", harmless(body.reason))]
    if body.instead is not None:
        parts.append(("instead", name_of(body.instead)))
    return parts


def name_of(name: Digest) -> str:
    """Return as much of a record's name as a person sees."""
    return name.hex()[:SHORT_NAME]


def _incident(report: Sections) -> list[Part]:
    asked = report.asked_of_tfc
    impact = report.impact
    found: list[tuple[str, str | None]] = [
        ("subject", report.title),
        ("aware-at", iso(report.aware_at)),
        ("how-aware", report.how_aware),
        ("facts", report.what.text),
        ("who-is-hit", report.who_is_hit),
        ("impact-now", None if impact is None else impact.now),
        ("impact-outlook", None if impact is None else impact.outlook),
        *(
            ("indicator", f"{indicator.type.name} {indicator.value}")
            for indicator in report.indicators
        ),
        ("assessment", report.assessment),
        ("asked", None if asked is None else asked.what),
        ("asked-by", None if asked is None or asked.by is None else iso(asked.by)),
        ("channel-in-doubt", report.channel_in_doubt.name.lower()),
        ("tear-line", report.tear_line),
    ]
    one_line = {"subject", "indicator"}
    return [
        (code, harmless(text) if code in one_line else harmless_lines(text))
        for code, text in found
        if text is not None
    ]


def iso(seconds: int) -> str:
    """Return a time as ISO 8601 in UTC."""
    moment = dt.datetime.fromtimestamp(seconds, dt.UTC)
    return moment.isoformat().replace("+00:00", "Z")
