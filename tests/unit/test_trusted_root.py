"""The attacks that TUF's client tests perform on its root, on ours."""

import pytest
from msgspec import structs

from crypto.digest import H
from crypto.sign import Realm, SigningKey, Usage
from crypto.suite import SuiteId
from crypto.types import Digest
from protocol.codec import encode
from protocol.errors import (
    BindingError,
    ChainError,
    ExpiredError,
    MalformedError,
    RollbackError,
    ThresholdError,
    VerificationError,
)
from protocol.proposal import next_root
from protocol.root import EXTENSION, Extension, RootDocument, realm_of
from protocol.signed import Signed, carried, sign_document
from protocol.trusted_root import TrustedRoot, extend, follow, found
from tests.support.ministry import START, YEAR, cached_key, root_document, sign_root

HOLDERS = [cached_key(SuiteId.S1, f"holder/{n}") for n in range(3)]
NEW = [cached_key(SuiteId.S1, f"new-holder/{n}") for n in range(3)]
OPERATORS = [cached_key(SuiteId.S1, f"operator/{n}") for n in ("anna", "bram", "chris")]
FIRST = root_document(
    SuiteId.S1, Realm.DEMO, HOLDERS, OPERATORS, cached_key(SuiteId.S1, "relay")
)


def signed(document: bytes, *holders: SigningKey, realm: Realm = Realm.DEMO) -> Signed:
    return sign_root(document, holders or HOLDERS[:2], realm)


@pytest.fixture(scope="module")
def first() -> TrustedRoot:
    return found(signed(encode(FIRST)), realm=Realm.DEMO)


def second(first: TrustedRoot, **changes: object) -> bytes:
    return next_root(first, structs.replace(FIRST, **changes))


def test_a_first_root_is_founded_by_its_own_threshold(first: TrustedRoot) -> None:
    assert first.document == FIRST
    assert first.digest == H(encode(FIRST))
    assert first.past == {first.digest}
    assert first.operators.keys() == {key.id for key in OPERATORS}


def test_a_first_root_with_too_few_holders_is_refused() -> None:
    with pytest.raises(ThresholdError) as refusal:
        found(signed(encode(FIRST), HOLDERS[0]), realm=Realm.DEMO)
    assert refusal.value.missing == {HOLDERS[1].id, HOLDERS[2].id}


def test_one_holder_who_signs_twice_is_one_holder() -> None:
    with pytest.raises(ThresholdError):
        found(signed(encode(FIRST), HOLDERS[0], HOLDERS[0]), realm=Realm.DEMO)


def test_a_demo_root_is_refused_in_earnest() -> None:
    with pytest.raises(BindingError, match="B12"):
        found(signed(encode(FIRST)), realm=Realm.KOERIER)


def test_a_root_signed_in_the_demo_realm_is_refused_in_earnest() -> None:
    earnest = encode(structs.replace(FIRST, realm="koerier"))
    with pytest.raises(VerificationError):
        found(signed(earnest, realm=Realm.DEMO), realm=Realm.KOERIER)
    found(signed(earnest, realm=Realm.KOERIER), realm=Realm.KOERIER)


@pytest.mark.parametrize(
    "changes", [{"version": 2}, {"prev": Digest(bytes(31) + b"\1")}]
)
def test_a_later_root_does_not_found(changes: dict[str, object]) -> None:
    with pytest.raises(ChainError):
        found(signed(encode(structs.replace(FIRST, **changes))), realm=Realm.DEMO)


def test_a_root_is_followed_by_the_next_version(first: TrustedRoot) -> None:
    root = follow(first, signed(second(first, ministry="Nieuw")))
    assert root.document.version == 2
    assert root.document.ministry == "Nieuw"
    assert root.past == {first.digest, root.digest}


def test_new_holders_alone_make_no_successor(first: TrustedRoot) -> None:
    document = second(first, root_keys=tuple(carried(key) for key in NEW))
    with pytest.raises(ThresholdError) as refusal:
        follow(first, signed(document, *NEW))
    assert refusal.value.missing == {key.id for key in HOLDERS}


def test_old_holders_alone_make_no_successor(first: TrustedRoot) -> None:
    document = second(first, root_keys=tuple(carried(key) for key in NEW))
    with pytest.raises(ThresholdError) as refusal:
        follow(first, signed(document, *HOLDERS))
    assert refusal.value.missing == {key.id for key in NEW}


def test_both_thresholds_change_the_holders(first: TrustedRoot) -> None:
    document = second(first, root_keys=tuple(carried(key) for key in NEW))
    root = follow(first, signed(document, *HOLDERS[:2], *NEW[:2]))
    assert root.holders.keys() == {key.id for key in NEW}


def test_a_raised_threshold_holds_for_the_version_that_raises_it(
    first: TrustedRoot,
) -> None:
    document = second(first, root_threshold=3)
    with pytest.raises(ThresholdError):
        follow(first, signed(document, *HOLDERS[:2]))
    assert follow(first, signed(document, *HOLDERS)).document.root_threshold == 3


def test_an_older_version_is_a_rollback(first: TrustedRoot) -> None:
    root = follow(first, signed(second(first)))
    with pytest.raises(RollbackError):
        follow(root, signed(encode(FIRST)))
    with pytest.raises(RollbackError):
        follow(root, signed(second(first, ministry="Ander")))


@pytest.mark.parametrize("version", [3, 1 << 40, (1 << 48) - 1])
def test_a_gap_or_a_fast_forward_is_refused(first: TrustedRoot, version: int) -> None:
    jumped = encode(structs.replace(FIRST, version=version, prev=first.digest))
    with pytest.raises(ChainError):
        follow(first, signed(jumped))


def test_a_successor_of_another_root_is_refused(first: TrustedRoot) -> None:
    document = encode(structs.replace(FIRST, version=2, prev=H(b"another ministry")))
    with pytest.raises(ChainError):
        follow(first, signed(document))


def test_a_successor_cannot_leave_its_realm(first: TrustedRoot) -> None:
    with pytest.raises(BindingError, match="B12"):
        follow(first, signed(second(first, realm="koerier")))


def test_signed_nonsense_is_malformed(first: TrustedRoot) -> None:
    with pytest.raises(MalformedError):
        follow(first, signed(b"\xa0"))


def test_a_signature_of_another_usage_makes_no_root(first: TrustedRoot) -> None:
    document = second(first)
    other = sign_document(document, HOLDERS, usage=Usage.DIR, realm=Realm.DEMO)
    with pytest.raises(VerificationError):
        follow(first, other)


def test_a_frozen_root_expires(first: TrustedRoot) -> None:
    first.require_current(START + YEAR - 1)
    with pytest.raises(ExpiredError):
        first.require_current(START + YEAR)


def extension(of: Digest, *holders: SigningKey) -> Signed:
    document = encode(Extension(v=1, extends=of, reason="crisis"))
    return signed(document, *holders)


def test_an_emergency_extension_gives_thirty_days_once(first: TrustedRoot) -> None:
    extended = extend(first, extension(first.digest))
    extended.require_current(START + YEAR + EXTENSION - 1)
    with pytest.raises(ExpiredError):
        extended.require_current(START + YEAR + EXTENSION)
    with pytest.raises(ChainError):
        extend(extended, extension(first.digest))


def test_an_extension_needs_its_own_threshold() -> None:
    document = structs.replace(FIRST, emergency_threshold=3)
    root = found(signed(encode(document)), realm=Realm.DEMO)
    with pytest.raises(ThresholdError):
        extend(root, extension(root.digest, *HOLDERS[:2]))
    assert extend(root, extension(root.digest, *HOLDERS)).extended


def test_an_extension_of_the_root_before_is_dead(first: TrustedRoot) -> None:
    root = follow(first, signed(second(first)))
    with pytest.raises(ChainError):
        extend(root, extension(first.digest))


def test_a_new_root_is_not_extended(first: TrustedRoot) -> None:
    extended = extend(first, extension(first.digest))
    assert not follow(extended, signed(second(first))).extended


def test_a_root_document_is_no_extension_and_back(first: TrustedRoot) -> None:
    with pytest.raises(MalformedError):
        extend(first, signed(second(first)))
    with pytest.raises(MalformedError):
        follow(first, extension(first.digest))


def test_the_realm_of_a_document_is_one_of_two() -> None:
    assert realm_of(FIRST) is Realm.DEMO
    assert realm_of(structs.replace(FIRST, realm="koerier")) is Realm.KOERIER
    assert RootDocument.__struct_fields__[4] == "realm"
