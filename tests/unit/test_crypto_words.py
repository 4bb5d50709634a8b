"""The words everything else uses: digests, tuples, secrets, suites, keys from keys."""

import copy
import hashlib
import pickle
from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from crypto import entropy
from crypto.digest import H, T, u32, u64
from crypto.kdf import derive
from crypto.suite import SUITES, SuiteId
from crypto.types import Secret
from tests.support.keys import secret


def test_the_worked_tuple() -> None:
    assert T(b"a", b"bc") == bytes.fromhex("00000001 61 00000002 6263")
    assert T() == b""
    assert T(b"ab", b"c") != T(b"a", b"bc") != T(b"abc")
    assert H(b"abc") == hashlib.sha256(b"abc").digest()
    assert u32(1) + u64(2) == bytes.fromhex("00000001 0000000000000002")


def test_the_system_source_gives_what_is_asked() -> None:
    assert len(entropy.system(32)) == 32
    assert entropy.system(32) != entropy.system(32)


def test_a_secret_shows_its_bytes_only_when_asked() -> None:
    @dataclass(frozen=True)
    class Holder:
        key: Secret

    hidden = Secret(b"the-material")
    assert hidden.reveal() == b"the-material"
    assert len(hidden) == 12
    for text in (repr(hidden), str(hidden), f"{hidden}", repr(Holder(hidden))):
        assert "material" not in text
        assert "<secret of 12 bytes>" in text


def test_secrets_compare_and_are_not_hashed_copied_or_pickled() -> None:
    hidden = Secret(b"one")
    assert hidden == Secret(b"one")
    assert hidden != Secret(b"two")
    assert hidden.__eq__(b"one") is NotImplemented
    with pytest.raises(TypeError, match="unhashable"):
        hash(hidden)
    for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="not pickled or copied"):
            attempt(hidden)


def test_a_suite_knows_its_lengths() -> None:
    s1, s2 = SUITES[SuiteId.S1], SUITES[SuiteId.S2]
    assert (SuiteId.S1.octet, SuiteId.S2.octet) == (b"\x01", b"\x02")
    assert (s1.wrap, s2.wrap) == (1256, 1801)
    assert (s1.commitment, s2.commitment) == (32, 48)
    assert s1.hash(b"x") == hashlib.sha256(b"x").digest()
    assert s2.hash(b"x") == hashlib.sha384(b"x").digest()


@pytest.mark.parametrize(
    ("suite", "algorithm"), [(SuiteId.S1, SHA256), (SuiteId.S2, SHA384)]
)
def test_a_key_from_a_key_is_hkdf_over_the_labelled_tuple(
    suite: SuiteId, algorithm: type[SHA256 | SHA384]
) -> None:
    info = T(b"koerier/v1/label", suite.octet, b"a", b"b")
    expected = HKDF(algorithm(), 48, salt=None, info=info)
    derived = derive(suite, secret("key"), b"koerier/v1/label", b"a", b"b", size=48)
    assert derived.reveal() == expected.derive(secret("key").reveal())


def test_every_part_of_a_derivation_matters() -> None:
    label = b"koerier/v1/label"
    keys = [
        derive(SuiteId.S1, secret("key"), label, b"a", b"b"),
        derive(SuiteId.S2, secret("key"), label, b"a", b"b"),
        derive(SuiteId.S1, secret("other"), label, b"a", b"b"),
        derive(SuiteId.S1, secret("key"), b"koerier/v1/other", b"a", b"b"),
        derive(SuiteId.S1, secret("key"), label, b"ab"),
        derive(SuiteId.S1, secret("key"), label, b"", b"ab"),
    ]
    assert len({key.reveal() for key in keys}) == len(keys)
