import pytest

from crypto.types import ZERO_DIGEST, KeyId
from protocol.codec import decode
from protocol.directory_entry import (
    Action,
    AddedMembers,
    AddedTerminals,
    ChangedDetails,
    ChangedRights,
    Details,
    DirectoryEntry,
    Lift,
    NewTerminal,
    Revocation,
    Rights,
    Rotation,
    Rotations,
)
from protocol.errors import ChainError, ExpiredError, ThresholdError
from protocol.label import Clearance, Level
from protocol.proposal import prove, require_open
from protocol.signed import carried
from tests.support.leaves import refused
from tests.support.ministry import HIGH, YEAR, Ministry


def added(hague: Ministry, name: str, number: int, *extra: str) -> bytes:
    """Return the leaf of one more terminal of bern, signed by ``extra`` too."""
    place = hague.place("bern", Action.ADD_TERMINAL)
    change = AddedTerminals(terminals=(hague.new_terminal(place, name, number),))
    signers = [*hague.pair, *(hague.key(key) for key in extra)]
    return hague.entry("bern", Action.ADD_TERMINAL, change, signers)


def rotation(hague: Ministry, old: KeyId, name: str) -> Rotations:
    place = hague.place("bern", Action.ROTATE)
    key = hague.key(name)
    return Rotations(
        rotations=(
            Rotation(
                old=old,
                key=carried(key),
                until=hague.now + YEAR,
                proof=prove(key, place, nonce=hague.fresh(32), realm=hague.realm),
            ),
        )
    )


def test_an_enrolled_post_can_be_reached(hague: Ministry) -> None:
    view = hague.view()
    bern = hague.posts["bern"]
    (terminal,) = view.terminals("bern")
    assert terminal.key_id == bern.terminal.key.id
    assert terminal.mailbox == bern.terminal.mailbox
    assert terminal.clearance == HIGH
    (member,) = view.members("bern")
    assert (member.key_id, member.may_release) == (bern.member.id, Level.STG_C)
    post = view.post("bern")
    assert post is not None
    assert post.active
    assert [known.post for known in view.posts()] == ["bern", "tfc"]
    assert view.collective("all-cyber") == ("bern", "tfc")
    assert view.collective("nobody") == ()


def test_what_was_adopted_says_who_signed_and_whom_it_concerns(
    hague: Ministry,
) -> None:
    place = hague.place("bern", Action.ADD_MEMBER)
    new = hague.new_member(place, "bern/m2")
    adopted = hague.log(
        hague.entry("bern", Action.ADD_MEMBER, AddedMembers(members=(new,)))
    )
    assert adopted.signers == {key.id for key in hague.pair}
    assert adopted.keys == {hague.key("bern/m2").id}
    assert (adopted.post, adopted.action) == ("bern", Action.ADD_MEMBER)
    assert adopted.index == len(hague.leaves) - 1
    assert len(hague.view().members("bern")) == 2


def test_a_rotated_key_takes_over_number_mailbox_and_rights(hague: Ministry) -> None:
    terminal = hague.posts["bern"].terminal
    change = rotation(hague, terminal.key.id, "bern/t1b")
    hague.log(hague.entry("bern", Action.ROTATE, change, [*hague.pair, terminal.key]))
    (now,) = hague.view().terminals("bern")
    assert now.key_id == hague.key("bern/t1b").id
    assert (now.number, now.mailbox) == (1, terminal.mailbox)
    old = hague.view().terminal(terminal.key.id)
    assert old is not None
    assert old.ended is not None
    assert old.ended.reason == "rotated"
    assert old.ended.witnessed == hague.now


def test_a_rotation_without_the_old_key_is_refused(hague: Ministry) -> None:
    terminal = hague.posts["bern"].terminal
    change = rotation(hague, terminal.key.id, "bern/t1b")
    refused(hague, hague.entry("bern", Action.ROTATE, change), ThresholdError)


def test_a_rotation_without_operators_is_refused(hague: Ministry) -> None:
    terminal = hague.posts["bern"].terminal
    change = rotation(hague, terminal.key.id, "bern/t1b")
    leaf = hague.entry("bern", Action.ROTATE, change, [hague.pair[0], terminal.key])
    refused(hague, leaf, ThresholdError)


@pytest.mark.parametrize("whose", ["tfc", "paper", "operator"])
def test_only_a_current_key_of_the_post_is_rotated(hague: Ministry, whose: str) -> None:
    old = {
        "tfc": hague.posts["tfc"].terminal.key,
        "paper": hague.posts["bern"].recovery,
        "operator": hague.operators["chris"],
    }[whose]
    change = rotation(hague, old.id, "bern/t1b")
    leaf = hague.entry("bern", Action.ROTATE, change, [*hague.pair, old])
    refused(hague, leaf, ChainError)


def test_rights_of_post_and_keys_are_set(hague: Ministry) -> None:
    low = Clearance(level=Level.DEP_V)
    member = hague.posts["bern"].member.id
    change = ChangedRights(
        rights=(
            Rights(clearance=low),
            Rights(key=member, clearance=HIGH, may_release=Level.STG_ZG),
        )
    )
    adopted = hague.log(hague.entry("bern", Action.SET_RIGHTS, change))
    assert adopted.keys == {member}
    (terminal,) = hague.view().terminals("bern")
    assert terminal.clearance == low  # nobody reads above the post
    (found,) = hague.view().members("bern")
    assert found.may_release == Level.DEP_V


def test_rights_of_a_stranger_are_refused(hague: Ministry) -> None:
    stranger = hague.posts["tfc"].member.id
    change = ChangedRights(rights=(Rights(key=stranger, clearance=HIGH),))
    refused(hague, hague.entry("bern", Action.SET_RIGHTS, change), ChainError)


def test_details_are_set(hague: Ministry) -> None:
    details = Details(name_nl="Bern", name_en="Berne", collectives=("alpine",))
    change = ChangedDetails(details=details)
    adopted = hague.log(hague.entry("bern", Action.SET_DETAILS, change))
    assert adopted.keys == frozenset()
    post = hague.view().post("bern")
    assert post is not None
    assert (post.name_nl, post.name_en) == ("Bern", "Berne")
    assert hague.view().collective("alpine") == ("bern",)


def test_a_revoked_terminal_ends_for_good(hague: Ministry) -> None:
    terminal = hague.posts["bern"].terminal.key
    before = hague.now
    change = Revocation(keys=(terminal.id,))
    hague.log(hague.entry("bern", Action.REVOKE, change))
    assert hague.view().terminals("bern") == ()
    found = hague.view().terminal(terminal.id)
    assert found is not None
    assert found.ended is not None
    assert (found.ended.reason, found.ended.witnessed) == ("revoked", before)
    refused(hague, hague.entry("bern", Action.REVOKE, change), ChainError)


def test_a_revoked_post_is_only_enrolled_again(hague: Ministry) -> None:
    hague.log(hague.entry("bern", Action.REVOKE, Revocation()))
    post = hague.view().post("bern")
    assert post is not None
    assert not post.active
    assert hague.view().terminals("bern") == ()
    assert hague.view().members("bern") == ()
    change = ChangedDetails(details=Details(name_nl="a", name_en="b"))
    refused(hague, hague.entry("bern", Action.SET_DETAILS, change), ChainError)
    refused(hague, hague.entry("bern", Action.REVOKE, Revocation()), ChainError)
    again = hague.enrol("bern", "-again")
    assert [t.key_id for t in hague.view().terminals("bern")] == [again.terminal.key.id]


def test_a_post_revokes_its_own_keys_without_operators(hague: Ministry) -> None:
    bern = hague.posts["bern"]
    change = Revocation(keys=(bern.member.id,))
    leaf = hague.entry("bern", Action.REVOKE, change, [bern.member])
    hague.log(leaf)
    assert hague.view().members("bern") == ()
    leaf = hague.entry("bern", Action.REVOKE, Revocation(), [bern.terminal.key])
    hague.log(leaf)
    assert hague.view().terminals("bern") == ()


def test_a_post_does_not_revoke_others_and_one_key_not_the_post(
    hague: Ministry,
) -> None:
    bern, tfc = hague.posts["bern"], hague.posts["tfc"]
    change = Revocation(keys=(bern.member.id,))
    for signers in ([tfc.terminal.key], [bern.terminal.key], [bern.recovery], []):
        leaf = hague.entry("bern", Action.REVOKE, change, signers)
        refused(hague, leaf, ThresholdError)
    leaf = hague.entry("bern", Action.REVOKE, Revocation(), [bern.terminal.key])
    refused(hague, leaf, ThresholdError)


def test_a_re_enrolment_ends_every_old_key(hague: Ministry) -> None:
    old = hague.posts["bern"]
    new = hague.enrol("bern", "-again")
    view = hague.view()
    assert [t.key_id for t in view.terminals("bern")] == [new.terminal.key.id]
    for key in (old.terminal.key.id, new.terminal.key.id):
        terminal = view.terminal(key)
        assert terminal is not None
        assert (terminal.ended is None) is (key == new.terminal.key.id)
    # The old paper key decides nothing any more.
    leaf = hague.restriction(new.terminal.key.id, by=old.recovery)
    refused(hague, leaf, ThresholdError)


def test_a_second_terminal_without_consent_waits_a_day(hague: Ministry) -> None:
    hague.log(added(hague, "bern/t2", 2))
    logged = hague.now
    assert len(hague.view().terminals("bern")) == 1
    assert len(hague.view(logged + 86_399).terminals("bern")) == 1
    assert [t.number for t in hague.view(logged + 86_400).terminals("bern")] == [1, 2]
    ghost = hague.view().terminal(hague.key("bern/t2").id)
    assert ghost is not None
    assert ghost.usable_from == logged + 86_400


@pytest.mark.parametrize("who", ["bern/t1", "bern/paper"])
def test_a_second_terminal_with_consent_is_usable_at_once(
    hague: Ministry, who: str
) -> None:
    hague.log(added(hague, "bern/t2", 2, who))
    assert len(hague.view().terminals("bern")) == 2


@pytest.mark.parametrize("who", ["tfc/t1", "tfc/paper", "bern/m1", "stranger"])
def test_nobody_else_consents(hague: Ministry, who: str) -> None:
    hague.log(added(hague, "bern/t2", 2, who))
    assert len(hague.view().terminals("bern")) == 1


def test_where_no_terminal_is_left_none_has_to_consent(hague: Ministry) -> None:
    change = Revocation(keys=(hague.posts["bern"].terminal.key.id,))
    hague.log(hague.entry("bern", Action.REVOKE, change))
    hague.log(added(hague, "bern/t2", 2))
    assert len(hague.view().terminals("bern")) == 1


@pytest.mark.parametrize("what", ["number", "mailbox", "foreign mailbox", "twice"])
def test_numbers_and_mailboxes_are_never_used_again(hague: Ministry, what: str) -> None:
    bern, tfc = hague.posts["bern"], hague.posts["tfc"]
    change = Revocation(keys=(bern.terminal.key.id,))
    hague.log(hague.entry("bern", Action.REVOKE, change))
    place = hague.place("bern", Action.ADD_TERMINAL)
    new = hague.new_terminal(place, "bern/t2", 1 if what == "number" else 2)
    box = {"mailbox": bern.terminal.mailbox, "foreign mailbox": tfc.terminal.mailbox}
    terminals: tuple[NewTerminal, ...] = (
        NewTerminal(
            number=new.number,
            key=new.key,
            mailbox=box.get(what, new.mailbox),
            clearance=HIGH,
            until=new.until,
            proof=new.proof,
        ),
    )
    if what == "twice":
        terminals += (hague.new_terminal(place, "bern/t3", 2),)
    leaf = hague.entry("bern", Action.ADD_TERMINAL, AddedTerminals(terminals=terminals))
    refused(hague, leaf, ChainError)


def test_a_proposal_expires(hague: Ministry) -> None:
    signed = hague.signed(hague.place("bern", Action.LIFT), Lift(ends=(ZERO_DIGEST,)))
    entry = decode(signed.document, DirectoryEntry)
    require_open(entry, entry.expires - 1)
    with pytest.raises(ExpiredError):
        require_open(entry, entry.expires)
