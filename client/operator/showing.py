"""What an operator is about to sign, as sentences made from the very bytes.

A person decides on what stands here, so it is read from the document that will be
signed and from nothing beside it: :func:`sentences` says what the document is,
:mod:`client.operator.effects` what it would change for whom.  What this version cannot
show whole is refused: nobody signs what was not shown.
"""

from collections.abc import Iterator
from typing import Final

from client.harmless import harmless
from client.home import HomeError
from client.operator.voice import of_entry, said
from client.present import iso
from protocol.bodies import Subject
from protocol.codec import decode
from protocol.directory_entry import (
    Action,
    AddedMembers,
    AddedTerminals,
    Change,
    ChangedDetails,
    ChangedRights,
    Details,
    DirectoryEntry,
    Enrolment,
    Lift,
    NewMember,
    NewTerminal,
    Revocation,
    Rights,
    Rotation,
    Rotations,
    change_of,
)
from protocol.errors import BindingError, MalformedError
from protocol.label import CAVEATS, SHORT, Clearance, Level
from protocol.restriction import Restriction, ZeroiseOrder
from protocol.signed import SignatureKey

SHORT_ID: Final = 12  # hexadecimal characters of a key id that people compare
NONE: Final = "-"
Sentence = tuple[str, dict[str, object]]  # code of client.words, and its parts


def sentences(
    document: bytes, subject: Subject = Subject.DIRECTORY_ENTRY
) -> list[Sentence]:
    """Return what ``document`` says, a sentence each.

    Raises:
        HomeError: not a document of this kind, or one that is not shown here.
    """
    try:
        match subject:
            case Subject.DIRECTORY_ENTRY:
                return [*_entry(decode(document, DirectoryEntry))]
            case Subject.RESTRICTION:
                return [_restriction(decode(document, Restriction))]
            case Subject.ZEROISE:
                return [_zeroise(decode(document, ZeroiseOrder))]
            case _:  # a root document has its own ceremony
                raise HomeError("operator.not-shown", what=subject.name)
    except (MalformedError, BindingError):
        raise HomeError("operator.not-shown", what="?") from None


def action_code(action: Action) -> str:
    """Return the code of the sentence that says what an action is."""
    return "showing." + action.name.lower().replace("_", "-")


def cleared(clearance: Clearance) -> str:
    """Return a clearance as people read it."""
    caveats = (CAVEATS[caveat] for caveat in clearance.caveats)
    return ", ".join((SHORT[clearance.level], *caveats, *clearance.schemes))


def level_name(level: Level | None) -> str:
    """Return the short name of a level; "-" for none."""
    return NONE if level is None else SHORT[level]


def short_id(name: bytes) -> str:
    """Return as much of a key id or a hash as people compare."""
    return name.hex()[:SHORT_ID]


def _entry(entry: DirectoryEntry) -> Iterator[Sentence]:
    yield action_code(entry.action), {"post": entry.post}
    yield (
        "showing.place",
        {
            "version": entry.version,
            "root": short_id(entry.root),
            "reason": harmless(entry.reason),
        },
    )
    change = change_of(entry)
    yield from _change(change)
    heard = of_entry(entry, change)
    if heard is not None:
        yield "showing.voice", said(heard)
    yield "operator.show-expires", {"time": iso(entry.expires)}


def _change(change: Change) -> Iterator[Sentence]:
    match change:
        case Enrolment():
            yield from _enrolment(change)
        case AddedTerminals():
            yield from map(_terminal, change.terminals)
        case AddedMembers():
            yield from map(_member, change.members)
        case Rotations():
            yield from map(_rotation, change.rotations)
        case _:
            yield from _change_of_keys_there(change)


def _change_of_keys_there(
    change: ChangedRights | ChangedDetails | Lift | Revocation,
) -> Iterator[Sentence]:
    match change:
        case ChangedRights():
            yield from map(_rights, change.rights)
        case ChangedDetails():
            yield _details(change.details)
        case Lift():
            yield from map(_ends, change.ends)
        case Revocation(keys=()):
            yield "showing.revoked-post", {}
        case _:
            for key in change.keys:
                yield "showing.revoked-key", {"key": short_id(key)}


def _enrolment(change: Enrolment) -> Iterator[Sentence]:
    yield _details(change.details)
    yield "operator.show-rights", {"rights": cleared(change.clearance)}
    yield from map(_terminal, change.terminals)
    yield from map(_member, change.members)
    yield "operator.show-recovery", {"key": _key(change.recovery.key)}
    yield from map(_ends, change.ends)


def _details(details: Details) -> Sentence:
    return (
        "operator.show-names",
        {
            "nl": harmless(details.name_nl),
            "en": harmless(details.name_en),
            "collectives": ", ".join(details.collectives) or NONE,
        },
    )


def _rights(rights: Rights) -> Sentence:
    if rights.key is None:
        return "operator.show-rights", {"rights": cleared(rights.clearance)}
    return (
        "showing.rights-of-key",
        {
            "key": short_id(rights.key),
            "rights": cleared(rights.clearance),
            "release": level_name(rights.may_release),
        },
    )


def _ends(restriction: bytes) -> Sentence:
    return "operator.show-ends", {"restriction": short_id(restriction)}


def _terminal(terminal: NewTerminal) -> Sentence:
    return (
        "operator.show-terminal",
        {
            "number": terminal.number,
            "key": _key(terminal.key),
            "rights": cleared(terminal.clearance),
            "until": iso(terminal.until),
        },
    )


def _member(member: NewMember) -> Sentence:
    return (
        "operator.show-member",
        {
            "name": harmless(member.name),
            "key": _key(member.key),
            "rights": cleared(member.clearance),
            "release": level_name(member.may_release),
            "until": iso(member.until),
        },
    )


def _rotation(new: Rotation) -> Sentence:
    return (
        "showing.rotation",
        {"old": short_id(new.old), "key": _key(new.key), "until": iso(new.until)},
    )


def _restriction(restriction: Restriction) -> Sentence:
    parts: dict[str, object] = {
        "key": short_id(restriction.key),
        "time": iso(restriction.time),
        "reason": harmless(restriction.reason),
    }
    if restriction.highest is None:
        return "showing.suspension", parts
    return "showing.restriction", parts | {"level": SHORT[restriction.highest]}


def _zeroise(order: ZeroiseOrder) -> Sentence:
    return (
        "showing.zeroise",
        {
            "key": short_id(order.key),
            "time": iso(order.time),
            "reason": harmless(order.reason),
        },
    )


def _key(key: SignatureKey) -> str:
    return short_id(key.parsed().id)
