"""New keys must be new, of the root's suite, and refused where B15 says so."""

import pytest
from msgspec import structs

from crypto.sign import SigningKey
from crypto.suite import SuiteId
from crypto.types import PublicKey
from protocol.directory_entry import (
    Action,
    AddedMembers,
    Details,
    Enrolment,
    NewMember,
    Revocation,
    Rotation,
    Rotations,
)
from protocol.errors import BindingError, ChainError, ProtocolError
from protocol.proposal import Place, prove
from protocol.signed import SignatureKey, carried
from protocol.trusted_directory import Refused
from tests.support.ministry import HIGH, YEAR, Ministry, cached_key


def with_key(hague: Ministry, place: Place, key: SigningKey) -> NewMember:
    return NewMember(
        key=carried(key),
        name="new",
        clearance=HIGH,
        until=hague.now + YEAR,
        proof=prove(key, place, nonce=hague.fresh(32), realm=hague.realm),
    )


def refused(
    hague: Ministry, new: tuple[NewMember, ...], error: type[ProtocolError], match: str
) -> None:
    leaf = hague.entry("bern", Action.ADD_MEMBER, AddedMembers(members=new))
    (outcome,) = hague.follow(leaf)
    assert isinstance(outcome, Refused)
    with pytest.raises(error, match=match):
        raise outcome.error


@pytest.mark.parametrize(
    "name",
    [
        "bern/t1",
        "bern/m1",
        "bern/paper",
        "tfc/m1",
        "operator/chris",
        "holder/2",
        "relay",
    ],
)
def test_a_key_serves_one_purpose(hague: Ministry, name: str) -> None:
    place = hague.place("bern", Action.ADD_MEMBER)
    new = with_key(hague, place, hague.key(name))
    refused(hague, (new,), ChainError, "used")


def test_a_revoked_key_never_comes_back(hague: Ministry) -> None:
    member = hague.posts["bern"].member
    change = Revocation(keys=(member.id,))
    hague.log(hague.entry("bern", Action.REVOKE, change))
    place = hague.place("bern", Action.ADD_MEMBER)
    refused(hague, (with_key(hague, place, member),), ChainError, "used")


def test_one_key_twice_in_one_entry_is_refused(hague: Ministry) -> None:
    place = hague.place("bern", Action.ADD_MEMBER)
    new = with_key(hague, place, hague.key("bern/m2"))
    again = with_key(hague, place, hague.key("bern/m2"))
    refused(hague, (new, again), ChainError, "used")


def test_an_invitation_serves_once(hague: Ministry) -> None:
    place = hague.place("bern", Action.ADD_MEMBER)
    new = with_key(hague, place, hague.key("bern/m2"))
    other = hague.key("bern/m3")
    same = structs.replace(
        with_key(hague, place, other),
        proof=prove(other, place, nonce=new.proof.nonce, realm=hague.realm),
    )
    refused(hague, (new, same), ChainError, "used")
    leaf = hague.entry("bern", Action.ADD_MEMBER, AddedMembers(members=(new,)))
    hague.log(leaf)
    place = hague.place("bern", Action.ADD_MEMBER)
    later = structs.replace(
        with_key(hague, place, other),
        proof=prove(other, place, nonce=new.proof.nonce, realm=hague.realm),
    )
    refused(hague, (later,), ChainError, "used")


def test_a_key_of_another_suite_is_refused(hague: Ministry) -> None:
    place = hague.place("bern", Action.ADD_MEMBER)
    key = cached_key(SuiteId.S2, "bern/m2")
    refused(hague, (with_key(hague, place, key),), BindingError, "B16")


def test_a_small_order_key_is_refused(hague: Ministry) -> None:
    place = hague.place("bern", Action.ADD_MEMBER)
    new = with_key(hague, place, hague.key("bern/m2"))
    public = PublicKey(new.key.public[:1952] + bytes([1]) + bytes(31))
    weak = structs.replace(new, key=SignatureKey(SuiteId.S1, public))
    refused(hague, (weak,), BindingError, "B15")


def test_no_new_key_of_any_action_goes_unproven(hague: Ministry) -> None:
    """Give each kind of new key the proof of another key, one at a time."""
    place = hague.place("lima", Action.ENROL)
    good = hague.enrolment(place)
    wrong = prove(hague.key("x"), place, nonce=hague.fresh(32), realm=hague.realm)
    spoilt: list[Enrolment] = [
        structs.replace(good, recovery=structs.replace(good.recovery, proof=wrong)),
        structs.replace(
            good, terminals=(structs.replace(good.terminals[0], proof=wrong),)
        ),
        structs.replace(good, members=(structs.replace(good.members[0], proof=wrong),)),
    ]
    for change in spoilt:
        (outcome,) = hague.follow(hague.entry("lima", Action.ENROL, change))
        assert isinstance(outcome, Refused)
        assert isinstance(outcome.error, BindingError)
    assert hague.view().post("lima") is None
    hague.log(hague.entry("lima", Action.ENROL, good))
    assert hague.view().post("lima") is not None
    assert good.details == Details(
        name_nl="Post lima", name_en="Post lima", collectives=("all-cyber",)
    )


def test_a_rotation_without_proof_is_refused(hague: Ministry) -> None:
    member = hague.posts["bern"].member
    place = hague.place("bern", Action.ROTATE)
    proof = prove(hague.key("x"), place, nonce=hague.fresh(32), realm=hague.realm)
    change = Rotations(
        rotations=(
            Rotation(
                old=member.id,
                key=carried(hague.key("bern/m2")),
                until=hague.now + YEAR,
                proof=proof,
            ),
        )
    )
    leaf = hague.entry("bern", Action.ROTATE, change, [*hague.pair, member])
    (outcome,) = hague.follow(leaf)
    assert isinstance(outcome, Refused)
    assert isinstance(outcome.error, BindingError)
