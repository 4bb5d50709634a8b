"""The record box: a small secret at rest, under a key of 32 bytes.

    box = CBOR[1, nonce(24), XChaCha20-Poly1305(key, nonce, plaintext, AAD)]
    AAD = T("koerier/v1/box", purpose, id)

The nonce is long enough to be drawn at random for every box of a key.  ``purpose``
and ``id`` say what the box is and whose: a box moved to another place does not open.

The three heads of CBOR are written here by hand, because codecs live a layer above;
the result is the one deterministic encoding (docs/spec/codec.md), and no other is
opened.

Source: RFC 8949; draft-irtf-cfrg-xchacha; libsodium's secret-key AEAD.
"""

from typing import Final

from nacl.exceptions import CryptoError as NaclError
from nacl.secret import Aead

from crypto.digest import T
from crypto.entropy import Entropy
from crypto.errors import OpenError
from crypto.types import Secret

MAX_PLAINTEXT: Final = 1024 * 1024  # bytes: a key sheet of 14 days is below 64 KiB
_LABEL: Final = b"koerier/v1/box"
_NONCE: Final = 24
_PREFIX: Final = b"\x83\x01\x58\x18"  # array of 3, version 1, byte string of 24


def _head(size: int) -> bytes:
    """Return CBOR's head of a byte string of at least 16 bytes, in shortest form."""
    if size < 24:  # noqa: PLR2004 -- RFC 8949 section 3: the length in the head itself
        return bytes([0x40 | size])
    for code, width in ((0x58, 1), (0x59, 2)):
        if size < 1 << 8 * width:
            return bytes([code]) + size.to_bytes(width, "big")
    return b"\x5a" + size.to_bytes(4, "big")


def seal_box(
    key: Secret, purpose: bytes, id_: bytes, plaintext: bytes, entropy: Entropy
) -> bytes:
    """Return the box.

    Raises:
        ValueError: a key of another length or more than 1 MiB, a caller's bug.
    """
    if len(plaintext) > MAX_PLAINTEXT:
        raise ValueError("a record box holds at most 1 MiB")
    nonce = entropy(_NONCE)
    aad = T(_LABEL, purpose, id_)
    sealed = Aead(key.reveal()).encrypt(plaintext, aad, nonce).ciphertext
    return _PREFIX + nonce + _head(len(sealed)) + sealed


def open_box(key: Secret, purpose: bytes, id_: bytes, box: bytes) -> bytes:
    """Return the plaintext.

    Raises:
        OpenError: another key, purpose or id, or a box changed, cut or encoded in
            another way.
        ValueError: a key of another length, a caller's bug.
    """
    start = len(_PREFIX) + _NONCE
    prefix, nonce, rest = box[: len(_PREFIX)], box[len(_PREFIX) : start], box[start:]
    sealed = _byte_string(rest)
    if prefix != _PREFIX or len(sealed) > MAX_PLAINTEXT + Aead.MACBYTES:
        raise OpenError
    try:
        return Aead(key.reveal()).decrypt(sealed, T(_LABEL, purpose, id_), nonce)
    except NaclError:
        raise OpenError from None


def _byte_string(encoded: bytes) -> bytes:
    """Return the content of the one byte string that ``encoded`` is."""
    for width in (1, 2, 3, 5):
        content = encoded[width:]
        if len(content) >= Aead.MACBYTES and encoded[:width] == _head(len(content)):
            return content
    raise OpenError
