"""Composite signatures: docs/spec/signatures.md, bindings B12 and B15."""

import copy
import itertools
import pickle

import pytest

from crypto.errors import KeyFormatError, SignatureError
from crypto.sign import Realm, SigningKey, Usage, VerifyKey, context, key_id
from crypto.suite import SUITES, SuiteId
from crypto.types import PublicKey, Secret
from tests.support.keys import flipped, signing_key

MESSAGE = b"the bytes of a slip"
PQ_SIGNATURE = {SuiteId.S1: 3309, SuiteId.S2: 4627}
PQ_PUBLIC = {SuiteId.S1: 1952, SuiteId.S2: 2592}
suites = pytest.mark.parametrize("suite", SuiteId)


def signed(
    key: SigningKey, message: bytes = MESSAGE, usage: Usage = Usage.RECORD
) -> bytes:
    return key.sign(usage, message, realm=Realm.KOERIER)


def refuses(
    key: VerifyKey,
    signature: bytes,
    usage: Usage = Usage.RECORD,
    realm: Realm = Realm.KOERIER,
) -> None:
    with pytest.raises(SignatureError) as caught:
        key.verify(signature, usage, MESSAGE, realm)
    assert not caught.value.args
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@suites
def test_a_signature_verifies_and_has_the_suites_lengths(suite: SuiteId) -> None:
    key = signing_key(suite)
    signature = signed(key)
    VerifyKey.parse(suite, key.public).verify(
        signature, Usage.RECORD, MESSAGE, Realm.KOERIER
    )
    row = SUITES[suite]
    assert (len(key.public), len(signature)) == (
        row.signature_public_key,
        row.signature,
    )


def test_the_context_is_realm_version_and_usage() -> None:
    assert context(Usage.RECORD, Realm.KOERIER) == b"koerier/v1/record"
    assert context(Usage.RELAYKEY, Realm.DEMO) == b"koerier-demo/v1/relaykey"
    every = {context(u, r) for u, r in itertools.product(Usage, Realm)}
    assert len(every) == len(Usage) * len(Realm)


def test_a_signature_of_one_usage_is_refused_in_every_other() -> None:
    key = signing_key(SuiteId.S1)
    for usage in Usage:
        signature = signed(key, usage=usage)
        for other in set(Usage) - {usage}:
            refuses(key.verify_key, signature, other)


@suites
def test_what_a_demo_key_signed_is_refused_in_earnest(suite: SuiteId) -> None:
    key = signing_key(suite)
    demo = key.sign(Usage.RECORD, MESSAGE, realm=Realm.DEMO)
    refuses(key.verify_key, demo)
    refuses(key.verify_key, signed(key), realm=Realm.DEMO)


@suites
def test_one_changed_bit_anywhere_is_refused(suite: SuiteId) -> None:
    key = signing_key(suite)
    signature = signed(key)
    split = PQ_SIGNATURE[suite]
    for position in (0, split - 1, split, split + 40, len(signature) - 1):
        refuses(key.verify_key, flipped(signature, position))


@suites
def test_a_signature_of_another_length_is_refused(suite: SuiteId) -> None:
    key = signing_key(suite)
    signature = signed(key)
    for wrong in (b"", signature[:-1], signature + b"\0", signature[1:]):
        refuses(key.verify_key, wrong)


@suites
def test_halves_of_two_signatures_do_not_make_a_third(suite: SuiteId) -> None:
    """Each half must cover the message: neither may come from another one."""
    key = signing_key(suite)
    split = PQ_SIGNATURE[suite]
    genuine, other = signed(key), signed(key, b"another slip")
    refuses(key.verify_key, genuine[:split] + other[split:])
    refuses(key.verify_key, other[:split] + genuine[split:])


@suites
def test_each_half_is_bound_to_the_usage(suite: SuiteId) -> None:
    key = signing_key(suite)
    split = PQ_SIGNATURE[suite]
    genuine, release = signed(key), signed(key, usage=Usage.RELEASE)
    refuses(key.verify_key, genuine[:split] + release[split:])
    refuses(key.verify_key, release[:split] + genuine[split:])


@suites
def test_a_broken_half_is_not_saved_by_the_other(suite: SuiteId) -> None:
    """Whoever holds one half's private key signs nothing for the pair."""
    anna, mallory = signing_key(suite), signing_key(suite, "mallory")
    split, public = PQ_SIGNATURE[suite], PQ_PUBLIC[suite]
    forged = signed(mallory)
    pq_stolen = VerifyKey.parse(suite, mallory.public[:public] + anna.public[public:])
    classical_stolen = VerifyKey.parse(
        suite, anna.public[:public] + mallory.public[public:]
    )
    refuses(pq_stolen, forged)
    refuses(classical_stolen, forged)
    refuses(anna.verify_key, signed(anna)[:split] + forged[split:])


def test_a_key_of_one_suite_is_no_key_of_the_other() -> None:
    s1, s2 = signing_key(SuiteId.S1), signing_key(SuiteId.S2)
    for suite, public in ((SuiteId.S1, s2.public), (SuiteId.S2, s1.public)):
        with pytest.raises(KeyFormatError):
            VerifyKey.parse(suite, public)
    refuses(s1.verify_key, signed(s2))
    refuses(s2.verify_key, signed(s1))


def test_the_suite_is_part_of_a_keys_name() -> None:
    same = PublicKey(b"the same bytes")
    assert key_id(SuiteId.S1, same) != key_id(SuiteId.S2, same)
    assert len(key_id(SuiteId.S1, same)) == 32


@suites
def test_signing_twice_gives_two_signatures_of_one_document(suite: SuiteId) -> None:
    """NAME-1: a signature names nothing."""
    key = signing_key(suite)
    first, second = signed(key), signed(key)
    assert first != second
    for signature in (first, second):
        key.verify_key.verify(signature, Usage.RECORD, MESSAGE, Realm.KOERIER)


@suites
@pytest.mark.parametrize("change", [-1, 1])
def test_a_public_key_of_another_length_is_refused(suite: SuiteId, change: int) -> None:
    public = signing_key(suite).public
    wrong = public[:change] if change < 0 else public + b"\0"
    with pytest.raises(KeyFormatError):
        VerifyKey.parse(suite, wrong)


@suites
def test_a_seed_of_another_length_is_the_callers_bug(suite: SuiteId) -> None:
    size = SUITES[suite].signature_seed
    for wrong in (size - 1, size + 1):
        with pytest.raises(ValueError, match="another length"):
            SigningKey.from_seed(suite, Secret(bytes(wrong)))


@suites
def test_keys_are_equal_by_name_and_never_print(suite: SuiteId) -> None:
    key, same, other = (signing_key(suite, name) for name in ("anna", "anna", "bram"))
    public = key.verify_key
    assert key == same
    assert key != other
    assert public == same.verify_key
    assert public != other.verify_key
    assert key.id == public.id
    assert len({key, same, other}) == 2
    assert len({public, same.verify_key, other.verify_key}) == 2
    assert key.__eq__(public) is NotImplemented
    assert public.__eq__(key) is NotImplemented
    assert repr(key) == f"<signing key of {suite.name}>"
    assert f"{public}" == f"<verify key of {suite.name}>"


def test_a_signing_key_is_neither_copied_nor_pickled() -> None:
    key = signing_key(SuiteId.S1)
    for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="not pickled or copied"):
            attempt(key)
