"""Somebody else's tool shows operators what they sign, from the very bytes."""

import re

import pytest
from cryptography.exceptions import InvalidSignature

from crypto.suite import SuiteId
from protocol.codec import encode
from protocol.directory_entry import (
    Action,
    AddedMembers,
    AddedTerminals,
    Change,
    ChangedDetails,
    ChangedRights,
    Details,
    Lift,
    Revocation,
    Rights,
    Rotation,
    Rotations,
)
from protocol.label import Clearance, Level
from protocol.proposal import prove
from protocol.signed import Signed, carried
from tests.second.plain_cbor import Refused
from tests.second.plain_proposal import rendered, verified
from tests.support.ministry import Ministry, founded

REALM = "koerier-demo"
KEY = "[0-9a-f]{16}"


@pytest.fixture(params=list(SuiteId), ids=lambda suite: suite.name)
def hague(request: pytest.FixtureRequest) -> Ministry:
    return founded(request.param)


def operators(hague: Ministry) -> dict[bytes, tuple[int, bytes]]:
    keys = hague.operators.values()
    return {key.id: (int(key.suite), key.public) for key in keys}


def shown(hague: Ministry, signed: Signed) -> str:
    document, who = verified(encode(signed), operators(hague), REALM)
    assert who == {key.id for key in hague.pair}
    return "\n".join(rendered(document, REALM))


def test_it_shows_an_enrolment_line_by_line(hague: Ministry) -> None:
    place = hague.place("bern", Action.ENROL)
    signed = hague.signed(place, hague.enrolment(place))
    assert re.fullmatch(
        rf"""ENROL bern, version 1 after 0000000000000000
under root {KEY}, open until 2027-09-2\d
reason: test
named Post bern / Post bern, reached by all-cyber
cleared for Stg.G caveat 2 EU NATO
paper key {KEY}
terminal 1: key {KEY}, mailbox {KEY}, Stg.G caveat 2 EU NATO, until 2027-09-21
member bern/m1: key {KEY}, Stg.G caveat 2 EU NATO, releases Stg.C, until 2027-09-21""",
        shown(hague, signed),
    )


def changes(hague: Ministry) -> dict[Action, tuple[Change, str]]:
    """Return one change of each later action, and a line that must be shown."""
    own = hague.enrol("bern")
    key, cleared = own.terminal.key.id, Clearance(level=Level.DEP_V)
    add, member, rotate = (
        hague.place("bern", action)
        for action in (Action.ADD_TERMINAL, Action.ADD_MEMBER, Action.ROTATE)
    )
    new = hague.key("bern/t1/next")
    rotation = Rotation(
        old=key,
        key=carried(new),
        until=hague.now,
        proof=prove(new, rotate, nonce=hague.fresh(32), realm=hague.realm),
    )
    details = Details(name_nl="Bern", name_en="Berne")
    return {
        Action.ADD_TERMINAL: (
            AddedTerminals(terminals=(hague.new_terminal(add, "bern/t2", 2),)),
            "terminal 2: key",
        ),
        Action.ADD_MEMBER: (
            AddedMembers(members=(hague.new_member(member, "bern/m2"),)),
            "member bern/m2: key",
        ),
        Action.ROTATE: (
            Rotations(rotations=(rotation,)),
            f"key {key.hex()[:16]} becomes {new.id.hex()[:16]}",
        ),
        Action.SET_RIGHTS: (
            ChangedRights(rights=(Rights(clearance=cleared),)),
            "the post is cleared for Dep.V",
        ),
        Action.SET_DETAILS: (
            ChangedDetails(details=details),
            "named Bern / Berne, reached by no collective address",
        ),
        Action.LIFT: (Lift(ends=(key,)), f"ends restriction {key.hex()[:16]}"),  # type: ignore[arg-type]
        Action.REVOKE: (Revocation(keys=(key,)), f"ends key {key.hex()[:16]}"),
    }


def test_it_shows_every_action(hague: Ministry) -> None:
    found = changes(hague)
    assert set(found) == set(Action) - {Action.ENROL, Action.RE_ENROL}
    for action, (change, line) in found.items():
        signed = hague.signed(hague.place("bern", action), change)
        text = shown(hague, signed)
        assert text.startswith(f"{action.name} bern, version 2 after ")
        assert line in text


def test_it_shows_the_end_of_a_whole_post(hague: Ministry) -> None:
    hague.enrol("bern")
    signed = hague.signed(hague.place("bern", Action.REVOKE), Revocation())
    assert shown(hague, signed).endswith("ends the post and all its keys")


def test_it_does_not_show_what_was_not_signed(hague: Ministry) -> None:
    place = hague.place("bern", Action.ENROL)
    signed = hague.signed(place, hague.enrolment(place))
    other = bytearray(signed.document)
    other[-1] ^= 1
    forged = Signed(document=bytes(other), signatures=signed.signatures)
    with pytest.raises(InvalidSignature):
        verified(encode(forged), operators(hague), REALM)
    with pytest.raises(InvalidSignature):
        verified(encode(signed), operators(hague), "koerier")


def test_it_refuses_a_field_that_it_does_not_show(hague: Ministry) -> None:
    place = hague.place("bern", Action.ENROL)
    entry = hague.signed(place, hague.enrolment(place)).document
    more = b"\xaa" + entry[1:] + b"\x09\x00"
    with pytest.raises(Refused):
        rendered(more, REALM)


def test_it_counts_no_stranger(hague: Ministry) -> None:
    place = hague.place("bern", Action.ENROL)
    keys = [hague.operators["anna"], hague.key("a stranger")]
    signed = hague.signed(place, hague.enrolment(place), by=keys)
    _, who = verified(encode(signed), operators(hague), REALM)
    assert who == {hague.operators["anna"].id}
