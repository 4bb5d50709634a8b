"""A record as text for a person: the CLI prints it, nothing is decided by it.

Control and bidirectional characters that a peer wrote are shown as their code, so
that a text cannot pretend to be ours.
"""

import unicodedata

from protocol.bodies import CableBody
from protocol.codec import decode
from protocol.label import SHORT, Level, Precedence
from protocol.limits import MAX_RECORD
from protocol.record import Record
from protocol.record_type import RecordType

_ODD = frozenset({"Cc", "Cf", "Co", "Cs"})  # Unicode categories that hide or move


def harmless(text: str) -> str:
    """Return ``text`` with characters that hide or move shown as their code."""
    return "".join(
        f"<U+{ord(c):04X}>" if unicodedata.category(c) in _ODD and c != "\n" else c
        for c in text
    )


def level_of(record: Record) -> str:
    """Return the short name of the record's level."""
    return SHORT[Level.ONGERUBRICEERD if record.label is None else record.label.level]


def precedence_of(record: Record) -> Precedence:
    """Return the most urgent precedence of the record."""
    return max(addressee.precedence for addressee in record.to)


def subject_of(record: Record) -> str:
    """Return one line that says what the record is about."""
    if record.type == RecordType.CABLE:
        return harmless(decode(record.body, CableBody, limit=MAX_RECORD).subject)
    return RecordType(record.type).name.lower()


def lines_of(record: Record) -> list[str]:
    """Return the record's text, line by line."""
    if record.type == RecordType.CABLE:
        body = decode(record.body, CableBody, limit=MAX_RECORD)
        lines = [harmless(body.subject)]
        for paragraph in body.paragraphs:
            mark = "" if paragraph.mark is None else f"({SHORT[paragraph.mark]}) "
            lines += ["", *harmless(mark + paragraph.text).splitlines()]
        return lines
    return [subject_of(record)]
