"""A terminal alarms on each change of its post's keys that its post did not sign.

One real document per action, logged by the relay, as two operators (or one) may make
it; and the same with a signature of the post (root-and-directory.md, section 8).
"""

from collections.abc import Callable, Sequence

import pytest

from client.core.alarms import Alarm
from client.words import LANGUAGES, Words
from crypto.sign import SigningKey
from protocol.directory_entry import (
    Action,
    AddedMembers,
    AddedTerminals,
    ChangedDetails,
    ChangedRights,
    Details,
    Lift,
    Revocation,
    Rights,
    Rotation,
    Rotations,
)
from protocol.key_log_entry import LeafKind, signed_leaf
from protocol.label import Clearance, Level
from protocol.proposal import prove
from protocol.requests import LogName
from protocol.signed import carried
from tests.support.desk import Desk, exchange, pair
from tests.support.fake_relay import FakeRelay
from tests.support.ministry import YEAR, Ministry

Signers = Sequence[SigningKey]
Maker = Callable[[Ministry, Signers], bytes]


def log(desks: Sequence[Desk], leaf: bytes) -> None:
    """Let the relay log a leaf that counts, and all adopt it."""
    relay, hague = desks[0].relay, desks[0].ministry
    hague.log(leaf)
    relay.logs[LogName.KEY].append(leaf)
    relay.now += 60
    exchange(*desks)


def add_terminal(hague: Ministry, also: Signers) -> bytes:
    place = hague.place("bern", Action.ADD_TERMINAL)
    change = AddedTerminals(terminals=(hague.new_terminal(place, "bern/t2", 2),))
    return hague.entry("bern", Action.ADD_TERMINAL, change, [*hague.pair, *also])


def add_member(hague: Ministry, also: Signers) -> bytes:
    place = hague.place("bern", Action.ADD_MEMBER)
    change = AddedMembers(members=(hague.new_member(place, "bern/m2"),))
    return hague.entry("bern", Action.ADD_MEMBER, change, [*hague.pair, *also])


def rotate(hague: Ministry, old: SigningKey, name: str) -> bytes:
    """A rotation always bears the signature of the key that goes."""
    place, new = hague.place("bern", Action.ROTATE), hague.key(name)
    rotation = Rotation(
        old=old.id,
        key=carried(new),
        until=hague.now + YEAR,
        proof=prove(new, place, nonce=hague.fresh(32), realm=hague.realm),
    )
    change = Rotations(rotations=(rotation,))
    return hague.entry("bern", Action.ROTATE, change, [*hague.pair, old])


def revoke_member(hague: Ministry, also: Signers) -> bytes:
    gone = Revocation(keys=(hague.posts["bern"].member.id,))
    return hague.entry("bern", Action.REVOKE, gone, [*hague.pair, *also])


def revoke_terminal(hague: Ministry, also: Signers) -> bytes:
    gone = Revocation(keys=(hague.posts["bern"].terminal.key.id,))
    return hague.entry("bern", Action.REVOKE, gone, [*hague.pair, *also])


def revoke_post(hague: Ministry, also: Signers) -> bytes:
    return hague.entry("bern", Action.REVOKE, Revocation(), [*hague.pair, *also])


def enrol_again(hague: Ministry, also: Signers) -> bytes:
    place = hague.place("bern", Action.RE_ENROL)
    change = hague.enrolment(place, "+")
    return hague.entry("bern", Action.RE_ENROL, change, [*hague.pair, *also])


CHANGES: dict[str, Maker] = {
    "ADD_TERMINAL": add_terminal,
    "ADD_MEMBER": add_member,
    "REVOKE a member": revoke_member,
    "REVOKE a terminal": revoke_terminal,
    "REVOKE the post": revoke_post,
    "RE_ENROL": enrol_again,
}


@pytest.mark.parametrize("name", CHANGES)
def test_two_operators_alone_change_no_key_unseen(
    desks: tuple[Desk, Desk], name: str
) -> None:
    bern, tfc = desks
    log(desks, CHANGES[name](bern.ministry, ()))
    assert Alarm.OWN_KEY_CHANGED in bern.alarms()
    assert Alarm.OWN_KEY_CHANGED not in tfc.alarms()  # it is no business of theirs


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("who", ["terminal", "paper"])
def test_what_the_post_signed_too_is_no_alarm(
    desks: tuple[Desk, Desk], name: str, who: str
) -> None:
    bern, _ = desks
    post = bern.ministry.posts["bern"]
    own = post.terminal.key if who == "terminal" else post.recovery
    log(desks, CHANGES[name](bern.ministry, (own,)))
    assert Alarm.OWN_KEY_CHANGED not in bern.alarms()
    assert "post-changed" in bern.happened()


@pytest.mark.parametrize("who", ["terminal", "member"])
def test_a_rotation_bears_the_signature_of_what_it_ends(
    desks: tuple[Desk, Desk], who: str
) -> None:
    bern, _ = desks
    post = bern.ministry.posts["bern"]
    old = post.terminal.key if who == "terminal" else post.member
    bern.machine.identity.next_terminal = bern.ministry.key("bern/next")
    log(desks, rotate(bern.ministry, old, "bern/next"))
    assert Alarm.OWN_KEY_CHANGED not in bern.alarms()
    assert "post-changed" in bern.happened()


def test_a_terminal_sees_that_another_of_its_post_was_rotated_by_itself(
    hague: Ministry, relay: FakeRelay
) -> None:
    """The key that signed has ended with the very entry, and was the post's."""
    own = hague.posts["bern"].terminal.key
    hague.log(add_terminal(hague, (own,)))
    desks = pair(hague, FakeRelay(hague))
    other = hague.key("bern/t2")
    log(desks, rotate(hague, other, "bern/t2/next"))
    assert Alarm.OWN_KEY_CHANGED not in desks[0].alarms()
    assert relay is not None


# --- what touches no key is told, and is no alarm


def details(hague: Ministry) -> bytes:
    names = Details(name_nl="Bern", name_en="Berne")
    return hague.entry("bern", Action.SET_DETAILS, ChangedDetails(details=names))


def rights(hague: Ministry) -> bytes:
    low = Rights(clearance=Clearance(level=Level.DEP_V))
    return hague.entry("bern", Action.SET_RIGHTS, ChangedRights(rights=(low,)))


@pytest.mark.parametrize("make", [details, rights], ids=["SET_DETAILS", "SET_RIGHTS"])
def test_names_and_rights_are_told_without_an_alarm(
    desks: tuple[Desk, Desk], make: Callable[[Ministry], bytes]
) -> None:
    bern, tfc = desks
    log(desks, make(bern.ministry))
    assert Alarm.OWN_KEY_CHANGED not in bern.alarms()
    assert bern.happened().count("post-changed") == 1
    assert "post-changed" not in tfc.happened()
    for language in LANGUAGES:
        assert Words(language).say("event.post-changed", id="-", post="bern")


# --- restrictions


@pytest.mark.parametrize("who", ["operator", "terminal", "paper"])
def test_a_restriction_alarms_unless_the_post_made_it(
    desks: tuple[Desk, Desk], who: str
) -> None:
    bern, _ = desks
    hague = bern.ministry
    post = hague.posts["bern"]
    by = {
        "operator": hague.operators["anna"],
        "terminal": post.terminal.key,
        "paper": post.recovery,
    }[who]
    log(desks, hague.restriction(post.terminal.key.id, by=by))
    assert (Alarm.OWN_RESTRICTED in bern.alarms()) is (who == "operator")


def test_a_lift_is_told(desks: tuple[Desk, Desk]) -> None:
    bern, _ = desks
    hague = bern.ministry
    cut = hague.restricted(hague.posts["bern"].member.id, by=[hague.operators["anna"]])
    log(desks, signed_leaf(LeafKind.RESTRICTION, cut))
    lift = hague.entry("bern", Action.LIFT, Lift(ends=(cut.digest,)))
    log(desks, lift)
    assert bern.happened().count("post-changed") == 1
