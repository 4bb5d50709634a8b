import pytest

from crypto.sign import Realm, SigningKey, Usage
from crypto.suite import SuiteId
from crypto.types import KeyId, PublicKey, Signature
from protocol.codec import decode, encode
from protocol.errors import (
    BindingError,
    MalformedError,
    ThresholdError,
    VerificationError,
)
from protocol.limits import MAX_DOCUMENT, MAX_SIGNATURES
from protocol.signed import (
    SignatureKey,
    SignatureLine,
    Signed,
    carried,
    gather,
    require,
    sign_document,
    signers,
)
from tests.support.keys import flipped
from tests.support.ministry import cached_key

ANNA = cached_key(SuiteId.S1, "operator/anna")
BRAM = cached_key(SuiteId.S1, "operator/bram")
KNOWN = {key.id: key.verify_key for key in (ANNA, BRAM)}
DOCUMENT = b"two people read this"


def signed_by(*keys: SigningKey) -> Signed:
    return sign_document(DOCUMENT, keys, usage=Usage.DIR, realm=Realm.DEMO)


def who(
    signed: Signed, usage: Usage = Usage.DIR, realm: Realm = Realm.DEMO
) -> frozenset[KeyId]:
    return signers(signed, KNOWN, usage=usage, realm=realm)


def test_both_signers_are_found() -> None:
    assert who(signed_by(ANNA, BRAM)) == {ANNA.id, BRAM.id}


def test_one_key_that_signs_twice_is_one_signer() -> None:
    found = who(signed_by(ANNA, ANNA))
    with pytest.raises(ThresholdError) as refusal:
        require(found, permitted=KNOWN.keys(), required=2)
    assert refusal.value.valid == 1
    assert refusal.value.missing == {BRAM.id}


def test_a_signer_that_is_not_permitted_does_not_count() -> None:
    with pytest.raises(ThresholdError) as refusal:
        require({BRAM.id}, permitted={ANNA.id}, required=1)
    assert refusal.value.missing == {ANNA.id}
    require({ANNA.id, BRAM.id}, permitted={ANNA.id}, required=1)


def test_an_unknown_signer_counts_for_nothing_and_spoils_nothing() -> None:
    stranger = cached_key(SuiteId.S1, "stranger")
    assert who(signed_by(ANNA, stranger)) == {ANNA.id}


def test_a_false_line_of_a_known_key_refuses_the_whole_carrier() -> None:
    good = signed_by(ANNA, BRAM)
    line = good.signatures[1]
    false = SignatureLine(line.key, Signature(flipped(line.signature, 9)))
    decorated = Signed(document=DOCUMENT, signatures=(good.signatures[0], false))
    with pytest.raises(VerificationError):
        who(decorated)


def test_a_signature_over_other_bytes_is_refused() -> None:
    moved = Signed(document=b"other", signatures=signed_by(ANNA).signatures)
    with pytest.raises(VerificationError):
        who(moved)


@pytest.mark.parametrize("usage", [usage for usage in Usage if usage is not Usage.DIR])
def test_a_signature_of_another_usage_is_refused(usage: Usage) -> None:
    with pytest.raises(VerificationError):
        who(signed_by(ANNA), usage=usage)


def test_a_demo_signature_is_refused_in_earnest() -> None:
    with pytest.raises(VerificationError):
        who(signed_by(ANNA), realm=Realm.KOERIER)


def test_signatures_made_on_two_machines_are_gathered_once_each() -> None:
    whole = gather([signed_by(ANNA), signed_by(BRAM), signed_by(ANNA)])
    assert len(whole.signatures) == 2
    assert who(whole) == {ANNA.id, BRAM.id}


def test_signatures_over_different_bytes_are_not_gathered() -> None:
    other = sign_document(b"other", [BRAM], usage=Usage.DIR, realm=Realm.DEMO)
    with pytest.raises(VerificationError):
        gather([signed_by(ANNA), other])
    with pytest.raises(VerificationError):
        gather([])


def test_more_lines_or_bytes_than_the_limit_are_never_verified() -> None:
    line = signed_by(ANNA).signatures[0]
    many = Signed(document=DOCUMENT, signatures=(line,) * (MAX_SIGNATURES + 1))
    with pytest.raises(MalformedError):
        decode(encode(many), Signed, limit=1 << 20)
    long = Signed(document=bytes(MAX_DOCUMENT + 1), signatures=(line,))
    with pytest.raises(MalformedError):
        decode(encode(long), Signed, limit=1 << 20)


def test_a_carried_key_is_checked_when_it_is_parsed() -> None:
    assert carried(ANNA).parsed() == ANNA.verify_key
    with pytest.raises(BindingError, match="B15"):
        SignatureKey(SuiteId.S1, PublicKey(ANNA.public[:-1])).parsed()
    small_order = PublicKey(ANNA.public[:1952] + bytes([1]) + bytes(31))
    with pytest.raises(BindingError, match="B15"):
        SignatureKey(SuiteId.S1, small_order).parsed()
