"""Restrictions: fast, in any order, and dead once lifted."""

import pytest
from msgspec import structs

from crypto.sign import SigningKey, Usage
from crypto.types import KeyId
from protocol.codec import encode
from protocol.directory_entry import (
    Action,
    AddedTerminals,
    Revocation,
    Rotation,
    Rotations,
)
from protocol.directory_view import Ended
from protocol.errors import (
    ChainError,
    MalformedError,
    ThresholdError,
    VerificationError,
)
from protocol.label import Level
from protocol.proposal import prove
from protocol.restriction import Restriction
from protocol.signed import carried, sign_document
from tests.support.leaves import logged, refused
from tests.support.ministry import HIGH, YEAR, Ministry


def ended(hague: Ministry, key: KeyId) -> Ended | None:
    terminal = hague.view().terminal(key)
    assert terminal is not None
    return terminal.ended


def rotation(hague: Ministry, name: str) -> bytes:
    """Return a genuine rotation of bern's terminal key to ``name``."""
    old = hague.posts["bern"].terminal.key
    place = hague.place("bern", Action.ROTATE)
    new = hague.key(name)
    change = Rotations(
        rotations=(
            Rotation(
                old=old.id,
                key=carried(new),
                until=hague.now + YEAR,
                proof=prove(new, place, nonce=hague.fresh(32), realm=hague.realm),
            ),
        )
    )
    return hague.entry("bern", Action.ROTATE, change, [*hague.pair, old])


def test_one_operator_suspends_at_once(hague: Ministry) -> None:
    key = hague.posts["bern"].terminal.key.id
    before = hague.now
    adopted = hague.log(hague.restriction(key, by=hague.operators["anna"]))
    assert hague.view().terminals("bern") == ()
    assert ended(hague, key) == Ended("restricted", adopted.index, before)
    assert len(hague.view().members("bern")) == 1


def test_one_operator_lowers_a_level(hague: Ministry) -> None:
    bern = hague.posts["bern"]
    anna = hague.operators["anna"]
    hague.log(hague.restriction(bern.terminal.key.id, by=anna, highest=Level.DEP_V))
    hague.log(hague.restriction(bern.member.id, by=anna, highest=Level.STG_ZG))
    (terminal,) = hague.view().terminals("bern")
    assert terminal.clearance == structs.replace(HIGH, level=Level.DEP_V)
    (member,) = hague.view().members("bern")
    assert member.clearance == HIGH  # a restriction never widens


def test_a_terminal_and_the_paper_key_suspend(hague: Ministry) -> None:
    bern, tfc = hague.posts["bern"], hague.posts["tfc"]
    hague.log(hague.restriction(bern.terminal.key.id, by=bern.terminal.key))
    hague.log(hague.restriction(tfc.member.id, by=tfc.recovery))
    assert hague.view().terminals("bern") == ()
    assert hague.view().members("tfc") == ()
    assert len(hague.view().terminals("tfc")) == 1


def test_the_paper_keys_own_id_stands_for_the_whole_post(hague: Ministry) -> None:
    bern = hague.posts["bern"]
    hague.log(hague.restriction(bern.recovery.id, by=bern.recovery))
    view = hague.view()
    assert view.terminals("bern") == ()
    assert view.members("bern") == ()
    post = view.post("bern")
    assert post is not None
    assert not post.active


def test_a_whole_post_is_lowered_by_its_paper_keys_id(hague: Ministry) -> None:
    paper = hague.posts["bern"].recovery.id
    hague.log(hague.restriction(paper, by=hague.operators["anna"], highest=Level.DEP_V))
    post = hague.view().post("bern")
    assert post is not None
    assert post.active
    assert post.clearance.level == Level.DEP_V
    (terminal,) = hague.view().terminals("bern")
    assert terminal.clearance.level == Level.DEP_V


def test_nobody_else_restricts(hague: Ministry) -> None:
    bern, tfc = hague.posts["bern"], hague.posts["tfc"]
    key = bern.terminal.key.id
    others: list[tuple[KeyId, SigningKey, Level | None]] = [
        (key, tfc.terminal.key, None),
        (key, tfc.recovery, None),
        (key, bern.member, None),
        (key, bern.recovery, Level.DEP_V),  # paper suspends, and nothing else
        (bern.recovery.id, bern.recovery, Level.DEP_V),
        (bern.recovery.id, bern.terminal.key, None),
        (key, hague.holders[0], None),
        (key, hague.key("stranger"), None),
        (hague.key("unknown").id, hague.key("unknown"), None),
    ]
    for target, signer, highest in others:
        leaf = hague.restriction(target, by=signer, highest=highest)
        refused(hague, leaf, ThresholdError)


def test_a_restriction_of_another_usage_or_shape_is_refused(hague: Ministry) -> None:
    anna = [hague.operators["anna"]]
    key = hague.posts["bern"].terminal.key.id
    restriction = Restriction(v=1, key=key, time=hague.now, reason="lost")
    signed = sign_document(
        encode(restriction), anna, usage=Usage.DIR, realm=hague.realm
    )
    refused(hague, logged(signed), VerificationError)
    signed = sign_document(b"\xa0", anna, usage=Usage.SUSPEND, realm=hague.realm)
    refused(hague, logged(signed), MalformedError)


# --- order does not help the relay


def test_a_rotation_logged_first_does_not_void_a_restriction(hague: Ministry) -> None:
    old = hague.posts["bern"].terminal.key.id
    restriction = hague.restriction(old, by=hague.operators["anna"])
    hague.log(rotation(hague, "bern/t1b"))
    hague.log(restriction)
    assert hague.view().terminals("bern") == ()
    found = ended(hague, hague.key("bern/t1b").id)
    assert found is not None
    assert found.reason == "restricted"


def test_under_a_suspension_no_rotation_counts(hague: Ministry) -> None:
    leaf = rotation(hague, "bern/t1b")
    key = hague.posts["bern"].terminal.key.id
    hague.log(hague.restriction(key, by=hague.operators["anna"]))
    refused(hague, leaf, ThresholdError)
    assert hague.view().terminal(hague.key("bern/t1b").id) is None


def test_under_a_suspension_no_manifest_counts(hague: Ministry) -> None:
    terminal = hague.posts["bern"].terminal
    named = hague.view().notice(terminal.key.id)
    hague.log(hague.restriction(terminal.key.id, by=hague.operators["anna"]))
    refused(hague, hague.notice(terminal, 2), ChainError)
    assert hague.view().notice(terminal.key.id) is named


def test_under_a_suspension_no_self_signed_entry_counts(hague: Ministry) -> None:
    bern = hague.posts["bern"]
    hague.log(hague.restriction(bern.terminal.key.id, by=hague.operators["anna"]))
    change = Revocation(keys=(bern.terminal.key.id,))
    leaf = hague.entry("bern", Action.REVOKE, change, [bern.terminal.key])
    refused(hague, leaf, ThresholdError)


def ghost(hague: Ministry) -> bytes:
    """Return a second terminal to which only the first one agrees."""
    place = hague.place("bern", Action.ADD_TERMINAL)
    change = AddedTerminals(terminals=(hague.new_terminal(place, "bern/t2", 2),))
    signers = [*hague.pair, hague.posts["bern"].terminal.key]
    return hague.entry("bern", Action.ADD_TERMINAL, change, signers)


def test_a_suspended_terminal_consents_to_no_other(hague: Ministry) -> None:
    key = hague.posts["bern"].terminal.key.id
    hague.log(hague.restriction(key, by=hague.operators["anna"]))
    hague.log(ghost(hague))
    assert hague.view().terminals("bern") == ()
    assert len(hague.view(hague.now + HOURS_24).terminals("bern")) == 1


def test_consent_of_a_terminal_suspended_later_does_not_stand(
    hague: Ministry,
) -> None:
    leaf = ghost(hague)
    key = hague.posts["bern"].terminal.key.id
    bulletin = hague.restricted(key, by=[hague.operators["anna"]])
    hague.log(leaf)
    assert len(hague.view().terminals("bern")) == 2
    hague.directory = hague.directory.bulletin(bulletin)
    assert hague.view().terminals("bern") == ()


HOURS_24 = 86_400


# --- bulletins


def test_a_bulletin_cuts_before_the_log_has_it(hague: Ministry) -> None:
    key = hague.posts["bern"].terminal.key.id
    signed = hague.restricted(key, by=[hague.operators["anna"]])
    seen = hague.now
    hague.directory = hague.directory.bulletin(signed)
    assert hague.view().terminals("bern") == ()
    assert ended(hague, key) == Ended("restricted", None, seen)
    hague.follow(*[hague.notice(hague.posts["tfc"].terminal, 1)])
    hague.log(logged(signed))
    assert ended(hague, key) == Ended("restricted", None, seen)  # the earlier one


def test_clients_with_and_without_a_bulletin_keep_the_same_chain(
    hague: Ministry,
) -> None:
    key = hague.posts["bern"].terminal.key.id
    other = hague.fork()
    hague.directory = hague.directory.bulletin(
        hague.restricted(key, by=[hague.operators["anna"]])
    )
    leaf = rotation(other, "bern/t1b")
    hague.log(leaf)
    other.log(leaf)
    assert hague.directory.state.posts == other.directory.state.posts
    assert hague.view().terminals("bern") == ()
    assert len(other.view().terminals("bern")) == 1


def test_a_false_bulletin_changes_nothing(hague: Ministry) -> None:
    key = hague.posts["bern"].terminal.key.id
    false = hague.restricted(key, by=[hague.posts["tfc"].terminal.key])
    with pytest.raises(ThresholdError):
        hague.directory.bulletin(false)
    assert len(hague.view().terminals("bern")) == 1
