"""What an operator reads before signing: the bytes, and whom they change."""

from dataclasses import replace

import pytest

from client.answers.proposals import state_of
from client.home import HomeError
from client.operator.changes import (
    Whom,
    changed_details,
    find_holder,
    find_key,
    find_post,
    lift,
    typed_key,
    typed_restrictions,
)
from client.operator.effects import effects
from client.operator.showing import action_code, sentences
from client.words import LANGUAGES, Words
from protocol.bodies import Subject
from protocol.codec import decode, encode
from protocol.directory_entry import (
    Action,
    AddedMembers,
    AddedTerminals,
    Change,
    ChangedDetails,
    ChangedRights,
    Details,
    DirectoryEntry,
    Lift,
    Revocation,
    Rights,
    Rotation,
    Rotations,
)
from protocol.label import Clearance, Level
from protocol.proposal import propose, prove
from protocol.restriction import ZeroiseOrder
from protocol.root import DAY
from protocol.signed import carried
from tests.support.desk import Desk
from tests.support.ministry import HIGH, Ministry
from tests.support.seats import Seat

LOW = Clearance(level=Level.DEP_V)
REASON = "waarom\u202e"


def every_change(hague: Ministry) -> dict[Action, Change]:
    """Return a change of each action, of Bern or of a post that is new."""
    bern = hague.posts["bern"]

    def at(action: Action, post: str = "bern") -> object:
        return hague.place(post, action)

    rotating = hague.place("bern", Action.ROTATE)
    new = hague.key("bern/t1/next")
    nonce = hague.fresh(32)
    rotation = Rotation(
        old=bern.terminal.key.id,
        key=carried(new),
        until=hague.now + DAY,
        proof=prove(new, rotating, nonce=nonce, realm=hague.realm),
    )
    terminal = hague.new_terminal(at(Action.ADD_TERMINAL), "bern/t2", 2)  # type: ignore[arg-type]
    member = hague.new_member(at(Action.ADD_MEMBER), "bern/m2")  # type: ignore[arg-type]
    return {
        Action.ENROL: hague.enrolment(at(Action.ENROL, "oslo")),  # type: ignore[arg-type]
        Action.RE_ENROL: hague.enrolment(at(Action.RE_ENROL), "x"),  # type: ignore[arg-type]
        Action.ADD_TERMINAL: AddedTerminals(terminals=(terminal,)),
        Action.ADD_MEMBER: AddedMembers(members=(member,)),
        Action.ROTATE: Rotations(rotations=(rotation,)),
        Action.SET_RIGHTS: ChangedRights(
            rights=(
                Rights(clearance=LOW),
                Rights(key=bern.member.id, clearance=LOW, may_release=Level.DEP_V),
            )
        ),
        Action.SET_DETAILS: ChangedDetails(
            details=Details(name_nl="Post Bern", name_en="Berne")
        ),
        Action.LIFT: Lift(ends=(hague.directory.root.digest,)),
        Action.REVOKE: Revocation(keys=(bern.member.id,)),
    }


# What must stand on the screen, beside the post and the reason.
SAID = {
    Action.ENROL: ("Post oslo", "all-cyber", "oslo/m1", "new -> Stg.G"),
    Action.RE_ENROL: ("bernx/m1", "ends for good", "new -> Stg.G"),
    Action.ADD_TERMINAL: ("terminal 2", "2 [", "new -> Stg.G"),
    Action.ADD_MEMBER: ("bern/m2", "Stg.C", "new -> Stg.G"),
    Action.ROTATE: ("becomes", "1 [", "-> "),
    Action.SET_RIGHTS: ("Dep.V", "Stg.G, NLD EYES ONLY, EU, NATO -> Dep.V"),
    Action.SET_DETAILS: ("Berne", "all-cyber", "-> Post Bern / Berne (-)"),
    Action.LIFT: ("ends restriction", "changes nothing for anybody"),
    Action.REVOKE: ("bern/m1", "Stg.G, NLD EYES ONLY, EU, NATO (Stg.C) -> ends"),
}


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_action_is_shown_whole_and_says_whom_it_changes(
    action: Action, language: str, hague: Ministry
) -> None:
    change = every_change(hague)[action]
    post = "oslo" if action is Action.ENROL else "bern"
    place = hague.place(post, action)
    document = propose(place, change, expires=hague.now + DAY, reason=REASON)
    state = hague.directory.state
    lines = [
        *sentences(document),
        *effects(state, document, Subject.DIRECTORY_ENTRY),
    ]
    assert lines[0] == (action_code(action), {"post": post})
    words = Words(language)
    screen = "\n".join(words.say(code, **parts) for code, parts in lines)
    assert "waarom<U+202E>" in screen
    assert action.name in screen
    assert post in screen
    for said in SAID[action]:
        if language == "en":
            assert said in screen, screen


def test_what_is_shown_follows_the_bytes_and_nothing_else(hague: Ministry) -> None:
    """Every field of the entry that says something changes what stands there."""
    change = every_change(hague)[Action.SET_RIGHTS]
    place = hague.place("bern", Action.SET_RIGHTS)
    shown = sentences(propose(place, change, expires=hague.now, reason="a"))
    for other in (
        propose(place, change, expires=hague.now + 1, reason="a"),
        propose(place, change, expires=hague.now, reason="b"),
        propose(replace(place, post="tfc"), change, expires=hague.now, reason="a"),
        propose(replace(place, version=9), change, expires=hague.now, reason="a"),
        propose(
            place,
            ChangedRights(rights=(Rights(clearance=HIGH),)),
            expires=hague.now,
            reason="a",
        ),
    ):
        assert sentences(other) != shown


def test_a_restriction_says_whom_it_cuts_and_how_far(
    desks: tuple[Desk, Desk], hague: Ministry
) -> None:
    seat = Seat(desks[0], hague.operators["anna"])
    bern = hague.posts["bern"]
    for key, highest, said in (
        (bern.terminal.key.id, None, "nothing"),
        (bern.member.id, Level.DEP_V, "(Dep.V)"),
        (bern.recovery.id, None, "nothing"),
        (bern.recovery.id, Level.STG_C, "Stg.C"),
    ):
        document = hague.restricted(key, by=[], highest=highest).document
        lines = seat.shown(document, Subject.RESTRICTION)
        words = Words("en")
        screen = "\n".join(words.say(code, **parts) for code, parts in lines)
        assert key.hex()[:12] in screen
        assert said in screen
    unknown = hague.restricted(hague.key("nobody").id, by=[]).document
    assert ("effect.nothing", {}) in seat.shown(unknown, Subject.RESTRICTION)


def test_a_zeroise_order_says_whose_vault_goes(
    desks: tuple[Desk, Desk], hague: Ministry
) -> None:
    seat = Seat(desks[0], hague.operators["anna"])
    key = hague.posts["bern"].terminal.key.id
    order = ZeroiseOrder(
        v=1, key=key, nonce=bytes(32), time=hague.now, reason="verloren"
    )
    codes = dict(seat.shown(encode(order), Subject.ZEROISE))
    assert codes["effect.zeroise"]["post"] == "bern"
    stranger = encode(
        ZeroiseOrder(
            v=1,
            key=hague.key("nobody").id,
            nonce=bytes(32),
            time=hague.now,
            reason="x",
        )
    )
    codes = dict(seat.shown(stranger, Subject.ZEROISE))
    assert codes["effect.zeroise"]["post"] == "-"
    assert state_of(seat.desk.machine).posts


def test_a_change_that_would_count_for_nothing_is_not_shown(hague: Ministry) -> None:
    place = hague.place("bern", Action.REVOKE)
    gone = Revocation(keys=(hague.key("nobody").id,))
    document = propose(place, gone, expires=hague.now + DAY, reason="x")
    with pytest.raises(HomeError) as refused:
        effects(hague.directory.state, document, Subject.DIRECTORY_ENTRY)
    assert refused.value.code == "operator.no-effect"
    with pytest.raises(HomeError) as refused:
        effects(hague.directory.state, b"\xa0", Subject.DIRECTORY_ENTRY)
    assert refused.value.code == "operator.not-shown"


def test_a_whole_post_ends(hague: Ministry) -> None:
    place = hague.place("bern", Action.REVOKE)
    document = propose(place, Revocation(), expires=hague.now + DAY, reason="x")
    assert ("showing.revoked-post", {}) in sentences(document)
    found = effects(hague.directory.state, document, Subject.DIRECTORY_ENTRY)
    assert ("effect.post-ends", {"post": "bern"}) in found
    assert sum(code == "effect.ends" for code, _ in found) == 2


# --- as it is typed


def test_whom_an_operator_means_is_found_or_refused(hague: Ministry) -> None:
    state, bern = hague.directory.state, hague.posts["bern"]
    record = find_post(state, "bern")
    key = bern.terminal.key.id
    for whom in (Whom(key=key.hex()[:8].upper()), Whom(terminal=1)):
        assert find_holder(record, whom).current == key
    assert find_holder(record, Whom(member="bern/m1")).current == bern.member.id
    assert find_key(state, key.hex()[:10]) == key
    for call, code in (
        (lambda: find_post(state, "oslo"), "operator.no-post"),
        (lambda: find_holder(record, Whom(terminal=9)), "operator.nobody"),
        (lambda: find_holder(record, Whom(key="")), "operator.nobody"),
        (lambda: find_holder(record, Whom(member="bern")), "operator.nobody"),
        (lambda: find_key(state, ""), "operator.several"),
        (lambda: find_key(state, "zz"), "operator.nobody"),
        (lambda: typed_key("ab"), "operator.whole-key"),
        (lambda: typed_key("z" * 64), "operator.whole-key"),
        (lambda: typed_restrictions(()), "operator.whole-key"),
        (lambda: lift(state, record, ()), "operator.no-restriction"),
        (lambda: lift(state, record, ("ab",)), "operator.no-restriction"),
        (
            lambda: changed_details(None, name_nl="a", name_en=None, collectives=()),
            "operator.all-details",
        ),
    ):
        with pytest.raises(HomeError) as refused:
            call()
        assert refused.value.code == code


def test_what_is_not_typed_of_the_details_stays(hague: Ministry) -> None:
    before = find_post(hague.directory.state, "bern").details
    named = changed_details(before, name_nl=None, name_en="B", collectives=None)
    assert named.details == Details(
        name_nl=before.name_nl, name_en="B", collectives=before.collectives
    )
    emptied = changed_details(before, name_nl=None, name_en=None, collectives=())
    assert emptied.details.collectives == ()
    first = changed_details(None, name_nl="a", name_en="b", collectives=("y", "x", "x"))
    assert first.details.collectives == ("x", "y")


def test_a_lift_names_all_that_stand_or_those_that_were_typed(
    hague: Ministry,
) -> None:
    bern, anna = hague.posts["bern"], hague.operators["anna"]
    hague.log(hague.restriction(bern.terminal.key.id, by=anna))
    hague.log(hague.restriction(bern.recovery.id, by=anna, highest=Level.DEP_V))
    state = hague.directory.state
    record = find_post(state, "bern")
    both = lift(state, record, ()).ends
    assert len(both) == 2
    one = lift(state, record, (both[1].hex()[:9],))
    assert one.ends == (both[1],)
    whole = typed_restrictions([name.hex() for name in both])
    assert whole.ends == both
    document = propose(
        hague.place("bern", Action.LIFT), one, expires=hague.now + DAY, reason="x"
    )
    assert decode(document, DirectoryEntry).action is Action.LIFT
    found = effects(state, document, Subject.DIRECTORY_ENTRY)
    assert found != [("effect.nothing", {})]
