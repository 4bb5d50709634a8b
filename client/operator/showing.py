"""What an operator is about to sign, as sentences made from the very bytes.

A person decides on what stands here, so it is read from the document that will be
signed and from nothing beside it.  A change that this version cannot show whole is
refused: nobody signs what was not shown.
"""

from collections.abc import Iterator
from typing import Final

from client.harmless import harmless
from client.home import HomeError
from client.present import iso
from protocol.codec import decode
from protocol.directory_entry import (
    AddedMembers,
    AddedTerminals,
    DirectoryEntry,
    Enrolment,
    NewMember,
    NewTerminal,
    change_of,
)
from protocol.errors import BindingError, MalformedError
from protocol.label import CAVEATS, SHORT, Clearance, Level
from protocol.signed import SignatureKey

SHORT_ID: Final = 12  # hexadecimal characters of a key id that people compare
Sentence = tuple[str, dict[str, object]]  # code of client.words, and its parts


def sentences(document: bytes) -> list[Sentence]:
    """Return what the entry ``document`` does, a sentence each.

    Raises:
        HomeError: not an entry, or of an action that this version does not show.
    """
    try:
        entry = decode(document, DirectoryEntry)
        change = change_of(entry)
        match change:
            case Enrolment():
                shown = [*_enrolment(change)]
            case AddedTerminals():
                shown = [
                    ("operator.show-terminal", _terminal(t)) for t in change.terminals
                ]
            case AddedMembers():
                shown = [("operator.show-member", _member(m)) for m in change.members]
            case _:
                shown = []
        if shown:
            return [
                ("operator.show-entry", _entry(entry)),
                *shown,
                ("operator.show-expires", {"time": iso(entry.expires)}),
            ]
    except (MalformedError, BindingError):
        raise HomeError("operator.not-shown", what="?") from None
    raise HomeError("operator.not-shown", what=entry.action.name)


def _entry(entry: DirectoryEntry) -> dict[str, object]:
    return {
        "action": entry.action.name,
        "post": entry.post,
        "version": entry.version,
        "root": entry.root.hex()[:SHORT_ID],
        "reason": harmless(entry.reason),
    }


def _enrolment(change: Enrolment) -> Iterator[Sentence]:
    details = change.details
    collectives = ", ".join(details.collectives) or "-"
    yield (
        "operator.show-names",
        {
            "nl": harmless(details.name_nl),
            "en": harmless(details.name_en),
            "collectives": collectives,
        },
    )
    yield "operator.show-rights", {"rights": _cleared(change.clearance)}
    for terminal in change.terminals:
        yield "operator.show-terminal", _terminal(terminal)
    for member in change.members:
        yield "operator.show-member", _member(member)
    yield "operator.show-recovery", {"key": _short(change.recovery.key)}
    for ended in change.ends:
        yield "operator.show-ends", {"restriction": ended.hex()[:SHORT_ID]}


def _terminal(terminal: NewTerminal) -> dict[str, object]:
    return {
        "number": terminal.number,
        "key": _short(terminal.key),
        "rights": _cleared(terminal.clearance),
        "until": iso(terminal.until),
    }


def _member(member: NewMember) -> dict[str, object]:
    return {
        "name": harmless(member.name),
        "key": _short(member.key),
        "rights": _cleared(member.clearance),
        "release": _level(member.may_release),
        "until": iso(member.until),
    }


def _cleared(clearance: Clearance) -> str:
    caveats = (CAVEATS[caveat] for caveat in clearance.caveats)
    return ", ".join((SHORT[clearance.level], *caveats, *clearance.schemes))


def _level(level: Level | None) -> str:
    return "-" if level is None else SHORT[level]


def _short(key: SignatureKey) -> str:
    return key.parsed().id.hex()[:SHORT_ID]
