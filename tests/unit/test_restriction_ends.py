"""How restrictions end, and how many one signer may have standing."""

import pytest
from msgspec import structs

from crypto.sign import Usage
from protocol.directory_entry import (
    Action,
    ChangedDetails,
    Details,
    Lift,
    Revocation,
)
from protocol.errors import (
    BusyError,
    ChainError,
    ThresholdError,
)
from protocol.label import Level
from protocol.signed import Signed, sign_document
from tests.support.leaves import lift, logged, refused
from tests.support.ministry import Ministry

# --- ends


def test_a_lift_ends_it_and_a_replay_is_dead(hague: Ministry) -> None:
    key = hague.posts["bern"].terminal.key.id
    signed = hague.restricted(key, by=[hague.operators["anna"]])
    hague.log(logged(signed))
    hague.log(lift(hague, signed))
    assert len(hague.view().terminals("bern")) == 1
    refused(hague, logged(signed), ChainError)
    with pytest.raises(ChainError):
        hague.directory.bulletin(signed)
    # A later one is another document.
    hague.log(hague.restriction(key, by=hague.operators["anna"]))
    assert hague.view().terminals("bern") == ()


def test_a_lift_of_another_hash_ends_nothing(hague: Ministry) -> None:
    key = hague.posts["bern"].terminal.key.id
    one = hague.restricted(key, by=[hague.operators["anna"]])
    two = hague.restricted(key, by=[hague.operators["bram"]], highest=Level.DEP_V)
    hague.log(logged(one))
    hague.log(lift(hague, two))
    assert hague.view().terminals("bern") == ()


def test_a_lift_in_another_post_ends_nothing(hague: Ministry) -> None:
    key = hague.posts["bern"].terminal.key.id
    signed = hague.restricted(key, by=[hague.operators["anna"]])
    hague.log(logged(signed))
    hague.log(hague.entry("tfc", Action.LIFT, Lift(ends=(signed.digest,))))
    assert hague.view().terminals("bern") == ()


def test_a_lift_needs_two_operators(hague: Ministry) -> None:
    key = hague.posts["bern"].terminal.key.id
    signed = hague.restricted(key, by=[hague.operators["anna"]])
    hague.log(logged(signed))
    change = Lift(ends=(signed.digest,))
    for by in (["anna"], ["anna", "anna"], []):
        keys = [hague.operators[name] for name in by]
        refused(hague, hague.entry("bern", Action.LIFT, change, keys), ThresholdError)


def test_a_restriction_that_comes_after_its_lift_is_dead(hague: Ministry) -> None:
    key = hague.posts["bern"].terminal.key.id
    signed = hague.restricted(key, by=[hague.operators["anna"]])
    hague.directory = hague.directory.bulletin(signed)
    hague.log(lift(hague, signed))  # the relay never logged the restriction
    assert len(hague.view().terminals("bern")) == 1
    refused(hague, logged(signed), ChainError)


def test_only_a_re_enrolment_that_lists_it_ends_a_posts_restriction(
    hague: Ministry,
) -> None:
    paper = hague.posts["bern"].recovery
    signed = hague.restricted(paper.id, by=[paper])
    hague.log(logged(signed))
    silent = hague.fork()
    place = hague.place("bern", Action.RE_ENROL)
    change = hague.enrolment(place, "-again")
    silent.log(hague.entry("bern", Action.RE_ENROL, change))
    assert silent.view().terminals("bern") == ()
    change = structs.replace(change, ends=(signed.digest,))
    hague.log(hague.entry("bern", Action.RE_ENROL, change))
    assert len(hague.view().terminals("bern")) == 1


def test_a_change_of_the_entry_ends_no_restriction(hague: Ministry) -> None:
    key = hague.posts["bern"].terminal.key.id
    hague.log(hague.restriction(key, by=hague.operators["anna"]))
    change = ChangedDetails(details=Details(name_nl="Bern", name_en="Bern"))
    hague.log(hague.entry("bern", Action.SET_DETAILS, change))
    assert hague.view().terminals("bern") == ()


# --- budget


def three(hague: Ministry, by: str) -> list[Signed]:
    """Return restrictions of three keys that nobody knows yet, all logged."""
    signer = [hague.operators[by]]
    signed = [hague.restricted(hague.key(f"k{n}").id, by=signer) for n in range(3)]
    hague.follow(*map(logged, signed))
    return signed


def test_one_operator_has_three_standing_and_no_more(hague: Ministry) -> None:
    standing = three(hague, "anna")
    key = hague.posts["bern"].terminal.key.id
    refused(hague, hague.restriction(key, by=hague.operators["anna"]), BusyError)
    assert len(hague.view().terminals("bern")) == 1
    hague.log(logged(standing[0]))  # the same again costs nothing
    hague.log(hague.restriction(key, by=hague.operators["bram"]))
    assert hague.view().terminals("bern") == ()


def test_a_second_signature_frees_a_place(hague: Ministry) -> None:
    standing = three(hague, "anna")
    chris = hague.operators["chris"]
    both = sign_document(
        standing[0].document, [chris], usage=Usage.SUSPEND, realm=hague.realm
    )
    hague.log(logged(both))
    key = hague.posts["bern"].terminal.key.id
    hague.log(hague.restriction(key, by=hague.operators["anna"]))


def test_who_has_no_place_left_still_confirms_another(hague: Ministry) -> None:
    three(hague, "anna")
    key = hague.posts["bern"].terminal.key.id
    alone = hague.restricted(key, by=[hague.operators["bram"]])
    hague.log(logged(alone))
    second = sign_document(
        alone.document,
        [hague.operators["anna"]],
        usage=Usage.SUSPEND,
        realm=hague.realm,
    )
    hague.log(logged(second))
    cut = hague.directory.state.restrictions[alone.digest]
    assert cut.by == {key.id for key in hague.pair}


def test_two_signatures_at_once_need_no_place(hague: Ministry) -> None:
    three(hague, "anna")
    key = hague.posts["bern"].terminal.key.id
    hague.log(logged(hague.restricted(key, by=hague.pair)))
    assert hague.view().terminals("bern") == ()


def test_lifting_or_revoking_frees_a_place(hague: Ministry) -> None:
    bern = hague.posts["bern"]
    anna = hague.operators["anna"]
    keys = [bern.terminal.key.id, bern.member.id, bern.recovery.id]
    standing = [hague.restricted(key, by=[anna]) for key in keys]
    hague.follow(*map(logged, standing))
    tfc = hague.posts["tfc"]
    refused(hague, hague.restriction(tfc.member.id, by=anna), BusyError)
    hague.log(lift(hague, standing[2]))
    hague.log(hague.restriction(tfc.member.id, by=anna))
    refused(hague, hague.restriction(tfc.terminal.key.id, by=anna), BusyError)
    change = Revocation(keys=(bern.member.id,))
    hague.log(hague.entry("bern", Action.REVOKE, change))
    hague.log(hague.restriction(tfc.terminal.key.id, by=anna))


def test_bulletins_count_with_what_is_logged(hague: Ministry) -> None:
    three(hague, "anna")
    key = hague.posts["bern"].terminal.key.id
    with pytest.raises(BusyError):
        hague.directory.bulletin(hague.restricted(key, by=[hague.operators["anna"]]))
