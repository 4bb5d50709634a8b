"""The record box: one encoding, bound to its purpose and place."""

import cbor2
import pytest
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_decrypt

from crypto.digest import T
from crypto.errors import OpenError
from crypto.recordbox import MAX_PLAINTEXT, open_box, seal_box
from crypto.types import Secret
from tests.support.keys import drawn, flipped, secret, stretched

KEY = secret("box")


def box(plaintext: bytes = b"a seed", entropy_name: str = "nonce") -> bytes:
    return seal_box(KEY, b"prekey", b"id", plaintext, drawn(entropy_name))


@pytest.mark.parametrize("size", [0, 7, 8, 239, 240, 65519, 65520, MAX_PLAINTEXT])
def test_a_box_is_deterministic_cbor_and_opens_again(size: int) -> None:
    """Sizes around every change of the length's head."""
    plaintext = stretched("secret", size)
    sealed = box(plaintext)
    version, nonce, ciphertext = cbor2.loads(sealed)
    assert (version, nonce) == (1, drawn("nonce")(24))
    assert cbor2.dumps([version, nonce, ciphertext], canonical=True) == sealed
    assert open_box(KEY, b"prekey", b"id", sealed) == plaintext


def test_it_is_xchacha20_poly1305_with_the_bound_place() -> None:
    _, nonce, ciphertext = cbor2.loads(box())
    aad = T(b"koerier/v1/box", b"prekey", b"id")
    assert (
        crypto_aead_xchacha20poly1305_ietf_decrypt(ciphertext, aad, nonce, KEY.reveal())
        == b"a seed"
    )


def test_a_box_moved_to_another_place_or_key_does_not_open() -> None:
    sealed = box()
    for key, purpose, id_ in (
        (secret("another"), b"prekey", b"id"),
        (KEY, b"identity", b"id"),
        (KEY, b"prekey", b"other"),
        (KEY, b"prekeyi", b"d"),
        (KEY, b"", b"prekeyid"),
    ):
        with pytest.raises(OpenError):
            open_box(key, purpose, id_, sealed)


def test_a_changed_cut_or_lengthened_box_does_not_open() -> None:
    sealed = box()
    wrong = [sealed[:size] for size in range(len(sealed))]
    wrong += [flipped(sealed, position) for position in range(len(sealed))]
    wrong.append(sealed + b"\0")
    for data in wrong:
        with pytest.raises(OpenError):
            open_box(KEY, b"prekey", b"id", data)


def test_another_encoding_of_the_same_box_does_not_open() -> None:
    sealed = box()
    nonce, ciphertext = sealed[4:28], sealed[29:]
    assert sealed[28] == 0x40 | len(ciphertext)
    for head in (
        bytes([0x58, len(ciphertext)]),
        bytes([0x59, 0, len(ciphertext)]),
        bytes([0x5A, 0, 0, 0, len(ciphertext)]),
    ):
        with pytest.raises(OpenError):
            open_box(KEY, b"prekey", b"id", sealed[:28] + head + ciphertext)
    indefinite = b"\x9f" + sealed[1:] + b"\xff"
    long_nonce = b"\x83\x01\x59\x00\x18" + nonce + sealed[28:]
    for data in (indefinite, long_nonce):
        with pytest.raises(OpenError):
            open_box(KEY, b"prekey", b"id", data)


def test_too_much_is_the_callers_bug_in_a_box_and_refused_from_one() -> None:
    with pytest.raises(ValueError, match="1 MiB"):
        box(bytes(MAX_PLAINTEXT + 1))
    huge = bytes(MAX_PLAINTEXT + 17)
    data = b"\x83\x01\x58\x18" + bytes(24) + b"\x5a" + len(huge).to_bytes(4, "big")
    with pytest.raises(OpenError):
        open_box(KEY, b"prekey", b"id", data + huge)


def test_a_key_of_another_length_is_the_callers_bug() -> None:
    with pytest.raises(ValueError, match="32"):
        seal_box(Secret(bytes(31)), b"p", b"i", b"", drawn("nonce"))


def test_each_box_has_its_own_nonce() -> None:
    source = drawn("nonce")
    first, second = (seal_box(KEY, b"p", b"i", b"same", source) for _ in range(2))
    assert first != second
