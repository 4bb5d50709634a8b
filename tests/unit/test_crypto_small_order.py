"""Keys under which one signature verifies for two texts (B15, SUITE-5)."""

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from nacl.bindings import crypto_core_ed25519_is_valid_point

from crypto._edwards import Ed448Public, Ed25519Public
from crypto.errors import KeyFormatError, SignatureError
from crypto.sign import VerifyKey
from crypto.suite import SuiteId
from tests.support.keys import signing_key

P25519 = 2**255 - 19
L25519 = 2**252 + 27742317777372353535851937790883648493
P448 = 2**448 - 2**224 - 1
Y8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD83D3D706A17C7

# Every encoding of the eight points of small order, canonical or not, both signs.
ED25519_SMALL = [
    ((y | sign << 255).to_bytes(32, "little"))
    for y in (0, 1, P25519 - 1, Y8, P25519 - Y8, P25519, P25519 + 1)
    for sign in (0, 1)
]
ED448_SMALL = [
    y.to_bytes(56, "little") + bytes([sign << 7])
    for y in (0, 1, P448 - 1, P448, P448 + 1)
    for sign in (0, 1)
]


def test_the_attack_is_real_openssl_verifies_one_signature_for_two_texts() -> None:
    """The neutral element as key: R = neutral, S = 0 verifies for every text."""
    neutral = (1).to_bytes(32, "little")
    key = Ed25519PublicKey.from_public_bytes(neutral)
    for text in (b"attack at dawn", b"attack at dusk"):
        key.verify(neutral + bytes(32), text)
    with pytest.raises(KeyFormatError):
        Ed25519Public.parse(neutral)


def test_the_attack_is_real_for_ed448_too() -> None:
    """(1, 0), of order 4, as key: for each R of order 4 some texts verify."""
    key = Ed448PublicKey.from_public_bytes(bytes(57))
    verified = 0
    for number in range(32):
        try:
            key.verify(bytes(57) + bytes(57), b"text %d" % number)
            verified += 1
        except InvalidSignature:
            continue
    assert verified > 1
    with pytest.raises(KeyFormatError):
        Ed448Public.parse(bytes(57))


@pytest.mark.parametrize("encoding", ED25519_SMALL, ids=bytes.hex)
def test_no_small_order_key_is_taken_in_s1(encoding: bytes) -> None:
    public = signing_key(SuiteId.S1).public[:-32] + encoding
    with pytest.raises(KeyFormatError):
        VerifyKey.parse(SuiteId.S1, public)


@pytest.mark.parametrize("encoding", ED448_SMALL, ids=bytes.hex)
def test_no_small_order_key_is_taken_in_s2(encoding: bytes) -> None:
    public = signing_key(SuiteId.S2).public[:-57] + encoding
    with pytest.raises(KeyFormatError):
        VerifyKey.parse(SuiteId.S2, public)


def test_a_key_with_a_small_component_is_refused_in_s1() -> None:
    """A genuine point plus one of order 8 is on the curve, but of no prime order."""
    mixed = bytes.fromhex(
        "5866666666666666666666666666666666666666666666666666666666666666"
    )
    negated = (P25519 - int.from_bytes(mixed, "little")).to_bytes(32, "little")
    assert crypto_core_ed25519_is_valid_point(mixed)
    assert not crypto_core_ed25519_is_valid_point(negated)
    with pytest.raises(KeyFormatError):
        Ed25519Public.parse(negated)


def test_a_value_that_is_not_reduced_is_refused_in_s1() -> None:
    for more in range(19):
        with pytest.raises(KeyFormatError):
            Ed25519Public.parse((P25519 + more).to_bytes(32, "little"))


def test_a_value_that_is_not_reduced_is_refused_in_s2() -> None:
    genuine = signing_key(SuiteId.S2).public[-57:]
    for encoding in (
        P448.to_bytes(56, "little") + b"\0",
        (2**448 - 1).to_bytes(56, "little") + b"\0",
        genuine[:56] + b"\x01",
        genuine[:56] + b"\x40",
    ):
        with pytest.raises(KeyFormatError):
            Ed448Public.parse(encoding)


@pytest.mark.parametrize("half", [Ed25519Public, Ed448Public])
def test_a_half_of_another_length_is_refused(
    half: type[Ed25519Public | Ed448Public],
) -> None:
    for size in (0, 31, 33, 56, 58):
        with pytest.raises(KeyFormatError):
            half.parse(b"\x09" * size)


def test_a_signature_with_a_scalar_that_is_not_reduced_is_refused() -> None:
    """S + L is the same scalar: taking it would give one text a second signature."""
    key = signing_key(SuiteId.S1)
    public = Ed25519Public.parse(key.public[-32:])
    signature = key._classical.sign(b"text")  # noqa: SLF001 -- one half alone
    public.verify(signature, b"text")
    scalar = int.from_bytes(signature[32:], "little") + L25519
    with pytest.raises(SignatureError):
        public.verify(signature[:32] + scalar.to_bytes(32, "little"), b"text")
    with pytest.raises(SignatureError):
        public.verify(signature[:-1], b"text")
