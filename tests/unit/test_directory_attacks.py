"""A hostile relay, operator or post against the door to the directory.

TUF's attacks on targets and delegations, on our entries, and bindings B15, B16, B23
and B24.  Every refused leaf leaves the state as it was.
"""

from collections.abc import Callable

import pytest
from msgspec import structs

from crypto.digest import H
from crypto.sign import Realm, Usage
from crypto.suite import SuiteId
from crypto.types import Signature
from protocol.codec import decode, encode
from protocol.directory_entry import (
    Action,
    AddedMembers,
    ChangedDetails,
    Details,
    DirectoryEntry,
    NewMember,
    Proof,
    Revocation,
)
from protocol.directory_state import Adopted
from protocol.errors import (
    BindingError,
    ChainError,
    MalformedError,
    ProtocolError,
    RollbackError,
    ThresholdError,
    VerificationError,
)
from protocol.key_log_entry import MAX_LEAF, KeyLogEntry, LeafKind, signed_leaf
from protocol.proposal import Place, propose, prove
from protocol.record import ARCHIVE
from protocol.signed import sign_document
from protocol.trusted_directory import Refused
from tests.support.keys import flipped
from tests.support.ministry import Ministry, cached_key


def refused(
    hague: Ministry, leaf: bytes, error: type[ProtocolError], match: str | None = None
) -> None:
    before = hague.directory.state
    with pytest.raises(error, match=match):
        hague.directory.check(leaf)
    (outcome,) = hague.follow(leaf)
    assert isinstance(outcome, Refused)
    assert isinstance(outcome.error, error)
    assert hague.directory.state is before


def renamed(hague: Ministry, name: str = "Bern") -> tuple[Place, ChangedDetails]:
    place = hague.place("bern", Action.SET_DETAILS)
    return place, ChangedDetails(details=Details(name_nl=name, name_en=name))


def test_a_replayed_enrolment_after_a_revocation_is_refused(hague: Ministry) -> None:
    enrolment = next(leaf for leaf in hague.leaves if b"Post bern" in leaf)
    hague.log(hague.entry("bern", Action.REVOKE, Revocation()))
    refused(hague, enrolment, RollbackError)
    assert hague.view().terminals("bern") == ()


def test_of_two_proposals_for_one_place_the_second_is_refused(
    hague: Ministry,
) -> None:
    one = hague.entry("bern", Action.SET_DETAILS, renamed(hague, "een")[1])
    two = hague.entry("bern", Action.SET_DETAILS, renamed(hague, "twee")[1])
    hague.log(one)
    refused(hague, two, RollbackError)
    refused(hague, one, RollbackError)


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"version": 3}, ChainError),
        ({"version": 1}, RollbackError),
        ({"prev": H(b"another history")}, ChainError),
        ({"root": H(b"another root")}, ChainError),
        ({"post": "tfc"}, ChainError),
        ({"post": "lima"}, ChainError),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_an_entry_out_of_its_place_is_refused(
    hague: Ministry, changed: dict[str, object], error: type[ProtocolError]
) -> None:
    place, change = renamed(hague)
    document = decode(
        propose(place, change, expires=hague.now, reason=""), DirectoryEntry
    )
    moved = encode(structs.replace(document, **changed))
    signed = sign_document(moved, hague.pair, usage=Usage.DIR, realm=hague.realm)
    refused(hague, signed_leaf(LeafKind.DIRECTORY, signed), error)


def test_no_post_takes_the_name_of_the_archive(hague: Ministry) -> None:
    """It would stand in `to` for the root's archive keys."""
    change = hague.enrolment(hague.place(ARCHIVE, Action.ENROL))
    leaf = hague.entry(ARCHIVE, Action.ENROL, change)
    refused(hague, leaf, ChainError, match="archive")


@pytest.mark.parametrize("action", [Action.ENROL, Action.RE_ENROL])
def test_a_post_is_enrolled_once_and_first(hague: Ministry, action: Action) -> None:
    post = "bern" if action is Action.ENROL else "lima"
    change = hague.enrolment(hague.place(post, action))
    refused(hague, hague.entry(post, action, change), ChainError)


def test_one_operator_widens_nothing(hague: Ministry) -> None:
    _, change = renamed(hague)
    anna = hague.operators["anna"]
    bern = hague.posts["bern"]
    for signers in (
        [],
        [anna],
        [anna, anna],
        [anna, bern.terminal.key, bern.member, bern.recovery],
        [anna, *hague.holders],
        [anna, cached_key(SuiteId.S1, "operator/stranger")],
    ):
        leaf = hague.entry("bern", Action.SET_DETAILS, change, signers)
        refused(hague, leaf, ThresholdError)


def test_a_refusal_says_which_operators_are_missing(hague: Ministry) -> None:
    anna = hague.operators["anna"]
    leaf = hague.entry("bern", Action.SET_DETAILS, renamed(hague)[1], [anna])
    with pytest.raises(ThresholdError) as refusal:
        hague.directory.check(leaf)
    others = {hague.operators["bram"].id, hague.operators["chris"].id}
    assert refusal.value.missing == others


@pytest.mark.parametrize(
    ("usage", "realm"),
    [
        (Usage.DIR, Realm.KOERIER),
        *((usage, Realm.DEMO) for usage in Usage if usage is not Usage.DIR),
    ],
)
def test_signatures_of_another_usage_or_realm_are_refused(
    hague: Ministry, usage: Usage, realm: Realm
) -> None:
    place, change = renamed(hague)
    entry = propose(place, change, expires=hague.now, reason="")
    signed = sign_document(entry, hague.pair, usage=usage, realm=realm)
    refused(hague, signed_leaf(LeafKind.DIRECTORY, signed), VerificationError)


def test_a_change_of_another_action_is_malformed(hague: Ministry) -> None:
    place, _ = renamed(hague)
    entry = propose(place, Revocation(), expires=hague.now, reason="")
    signed = sign_document(entry, hague.pair, usage=Usage.DIR, realm=hague.realm)
    refused(hague, signed_leaf(LeafKind.DIRECTORY, signed), MalformedError)


@pytest.mark.parametrize(
    "leaf",
    [
        b"",
        b"\xa0",
        encode(KeyLogEntry(kind=LeafKind.DIRECTORY, body=b"\xa0")),
        encode(KeyLogEntry(kind=LeafKind.MANIFEST, body=b"\xa0")),
        bytes(MAX_LEAF + 1),
    ],
    ids=len,
)
def test_a_poisoned_leaf_blocks_nothing(hague: Ministry, leaf: bytes) -> None:
    good = hague.entry("bern", Action.SET_DETAILS, renamed(hague)[1])
    first, second = hague.follow(leaf, good)
    assert isinstance(first, Refused)
    assert isinstance(first.error, MalformedError)
    assert isinstance(second, Adopted)
    post = hague.view().post("bern")
    assert post is not None
    assert post.name_nl == "Bern"


# --- proof of possession (B23)

Spoil = Callable[[Ministry, Place, NewMember], NewMember]


def proven(hague: Ministry, place: Place) -> Spoil:
    """Return a spoiler that takes the proof from another place."""

    def spoil(_: Ministry, __: Place, new: NewMember) -> NewMember:
        key = hague.key("bern/m2")
        proof = prove(key, place, nonce=new.proof.nonce, realm=hague.realm)
        return structs.replace(new, proof=proof)

    return spoil


def by_other_key(hague: Ministry, place: Place, new: NewMember) -> NewMember:
    other = hague.key("bern/m3")
    proof = prove(other, place, nonce=new.proof.nonce, realm=hague.realm)
    return structs.replace(new, proof=proof)


def other_nonce(hague: Ministry, _: Place, new: NewMember) -> NewMember:
    proof = Proof(nonce=hague.fresh(32), signature=new.proof.signature)
    return structs.replace(new, proof=proof)


def other_realm(hague: Ministry, place: Place, new: NewMember) -> NewMember:
    key = hague.key("bern/m2")
    proof = prove(key, place, nonce=new.proof.nonce, realm=Realm.KOERIER)
    return structs.replace(new, proof=proof)


def spoilt(_: Ministry, __: Place, new: NewMember) -> NewMember:
    signature = Signature(flipped(new.proof.signature, 0))
    return structs.replace(new, proof=structs.replace(new.proof, signature=signature))


def other_post(hague: Ministry, place: Place, new: NewMember) -> NewMember:
    elsewhere = hague.place("tfc", place.action)
    moved = Place(place.root, "tfc", place.action, place.version, place.prev)
    assert moved.prev != elsewhere.prev
    return proven(hague, moved)(hague, place, new)


def other_action(hague: Ministry, place: Place, new: NewMember) -> NewMember:
    moved = Place(place.root, place.post, Action.ROTATE, place.version, place.prev)
    return proven(hague, moved)(hague, place, new)


def other_prev(hague: Ministry, place: Place, new: NewMember) -> NewMember:
    moved = Place(place.root, place.post, place.action, 1, H(b"before"))
    return proven(hague, moved)(hague, place, new)


@pytest.mark.parametrize(
    "spoil",
    [
        by_other_key,
        other_nonce,
        other_realm,
        spoilt,
        other_post,
        other_action,
        other_prev,
    ],
)
def test_a_proof_of_possession_of_anything_else_is_refused(
    hague: Ministry, spoil: Spoil
) -> None:
    place = hague.place("bern", Action.ADD_MEMBER)
    new = hague.new_member(place, "bern/m2")
    change = AddedMembers(members=(spoil(hague, place, new),))
    leaf = hague.entry("bern", Action.ADD_MEMBER, change)
    refused(hague, leaf, BindingError, match="B23")
    good = hague.entry("bern", Action.ADD_MEMBER, AddedMembers(members=(new,)))
    hague.log(good)  # and what was refused burnt no nonce
