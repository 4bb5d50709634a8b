"""Hybrid KEM keys: what is refused at parse (B15, SUITE-5), and HPKE over them."""

import copy
import pickle

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import (
    X25519PrivateKey,
    X25519PublicKey,
)

from crypto import _hpke
from crypto.errors import KeyFormatError, OpenError
from crypto.kem import _LOW_ORDER_U, KemKey, KemPublicKey, parse_public
from crypto.suite import SUITES, SuiteId
from crypto.types import Secret
from tests.support.keys import flipped, kem_key

P25519 = 2**255 - 19
PQ_PUBLIC = {SuiteId.S1: 1184, SuiteId.S2: 1568}
PQ_ENC = {SuiteId.S1: 1088, SuiteId.S2: 1568}
suites = pytest.mark.parametrize("suite", SuiteId)


@suites
def test_a_key_from_its_seed_is_the_same_key_again(suite: SuiteId) -> None:
    assert kem_key(suite).public == kem_key(suite).public
    assert kem_key(suite).public != kem_key(suite, "bram").public
    assert len(kem_key(suite).public) == SUITES[suite].kem_public_key
    assert parse_public(suite, kem_key(suite).public).public == kem_key(suite).public


@suites
def test_a_seed_of_another_length_is_the_callers_bug(suite: SuiteId) -> None:
    for wrong in (31, 33):
        with pytest.raises(ValueError, match="another length"):
            KemKey.from_seed(suite, Secret(bytes(wrong)))


@suites
def test_a_public_key_of_another_length_is_refused(suite: SuiteId) -> None:
    public = kem_key(suite).public
    for wrong in (b"", public[:-1], public + b"\0"):
        with pytest.raises(KeyFormatError):
            parse_public(suite, wrong)


def test_a_key_of_one_suite_is_no_key_of_the_other() -> None:
    for suite, other in ((SuiteId.S1, SuiteId.S2), (SuiteId.S2, SuiteId.S1)):
        with pytest.raises(KeyFormatError):
            parse_public(suite, kem_key(other).public)


@suites
@pytest.mark.parametrize("value", [3329, 4095])
def test_an_ml_kem_value_that_is_not_reduced_is_refused(
    suite: SuiteId, value: int
) -> None:
    """FIPS 203 section 7.2: 12-bit values must be below q = 3329."""
    public = bytearray(kem_key(suite).public)
    last = PQ_PUBLIC[suite] - 32 - 3  # before rho: the last two 12-bit values
    for start in (0, last):
        changed = public.copy()
        changed[start] = value & 0xFF
        changed[start + 1] = changed[start + 1] & 0xF0 | value >> 8
        with pytest.raises(KeyFormatError):
            parse_public(suite, bytes(changed))


@pytest.mark.parametrize("u", [*sorted(_LOW_ORDER_U), P25519, P25519 + 1])
@pytest.mark.parametrize("top", [0, 1])
def test_an_x25519_value_of_low_order_is_refused(u: int, top: int) -> None:
    """With such a "key" everyone knows the shared secret."""
    value = (u | top << 255).to_bytes(32, "little")
    with pytest.raises(KeyFormatError):
        parse_public(SuiteId.S1, kem_key(SuiteId.S1).public[:-32] + value)


@pytest.mark.parametrize("u", sorted(_LOW_ORDER_U))
def test_the_library_agrees_that_these_are_of_low_order(u: int) -> None:
    scalar = X25519PrivateKey.from_private_bytes(b"\x42" * 32)
    with pytest.raises(ValueError, match="shared key"):
        scalar.exchange(X25519PublicKey.from_public_bytes(u.to_bytes(32, "little")))


def test_an_x25519_value_has_one_encoding() -> None:
    public = kem_key(SuiteId.S1).public
    with_top_bit = public[:-1] + bytes([public[-1] | 0x80])
    with pytest.raises(KeyFormatError):
        parse_public(SuiteId.S1, with_top_bit)


def test_a_value_that_is_no_point_of_p384_is_refused() -> None:
    public = kem_key(SuiteId.S2).public
    for wrong in (
        flipped(public, len(public) - 1),
        public[:-97] + b"\0" * 97,
        public[:-97] + b"\x04" + b"\0" * 96,
        public[:-97] + b"\x06" + public[-96:],
    ):
        with pytest.raises(KeyFormatError):
            parse_public(SuiteId.S2, wrong)


@suites
def test_keys_are_equal_by_their_public_bytes_and_never_print(suite: SuiteId) -> None:
    key, same, other = (kem_key(suite, name) for name in ("anna", "anna", "bram"))
    public = parse_public(suite, key.public)
    assert key == same
    assert key != other
    assert public == KemPublicKey(suite, key.public)
    assert public != parse_public(suite, other.public)
    assert len({key, same, other}) == 2
    assert len({public, parse_public(suite, same.public)}) == 1
    assert key.__eq__(public) is NotImplemented
    assert public.__eq__(key) is NotImplemented
    assert repr(key) == f"<KEM key of {suite.name}>"
    assert repr(public) == f"<KEM public key of {suite.name}>"


def test_a_kem_key_is_neither_copied_nor_pickled() -> None:
    for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="not pickled or copied"):
            attempt(kem_key(SuiteId.S1))


@suites
def test_what_is_sealed_to_a_key_opens_with_it_only(suite: SuiteId) -> None:
    sealed = _hpke.seal(suite, kem_key(suite).public, b"info", b"content")
    assert _hpke.open_(suite, kem_key(suite), b"info", sealed) == b"content"
    for key, info, ciphertext in (
        (kem_key(suite, "bram"), b"info", sealed),
        (kem_key(suite), b"other", sealed),
        (kem_key(suite), b"info", flipped(sealed, 0)),
        (kem_key(suite), b"info", flipped(sealed, PQ_ENC[suite] + 1)),
        (kem_key(suite), b"info", flipped(sealed, len(sealed) - 1)),
        (kem_key(suite), b"info", sealed[:-1]),
        (kem_key(suite), b"info", b""),
    ):
        with pytest.raises(OpenError):
            _hpke.open_(suite, key, info, ciphertext)


@suites
def test_an_encapsulation_without_a_usable_curve_part_is_refused(
    suite: SuiteId,
) -> None:
    sealed = _hpke.seal(suite, kem_key(suite).public, b"info", b"content")
    start, end = PQ_ENC[suite], SUITES[suite].kem_enc
    for part in (bytes(end - start), b"\xff" * (end - start), b"\x04".ljust(97, b"a")):
        wrong = sealed[:start] + part[: end - start] + sealed[end:]
        with pytest.raises(OpenError):
            _hpke.open_(suite, kem_key(suite), b"info", wrong)


def test_a_key_opens_nothing_of_another_suite() -> None:
    sealed = _hpke.seal(SuiteId.S1, kem_key(SuiteId.S1).public, b"info", b"content")
    with pytest.raises(OpenError):
        _hpke.open_(SuiteId.S2, kem_key(SuiteId.S1), b"info", sealed)
    with pytest.raises(OpenError):
        _hpke.open_(SuiteId.S1, kem_key(SuiteId.S2), b"info", sealed)


def test_sealing_to_a_refused_key_is_refused() -> None:
    weak = kem_key(SuiteId.S1).public[:-32] + bytes(32)
    with pytest.raises(KeyFormatError):
        _hpke.seal(SuiteId.S1, weak, b"info", b"content")
