"""The classical half of a composite signature: Ed25519 (S1) or Ed448 (S2).

``Ed25519`` verifies with libsodium and not with OpenSSL, because OpenSSL takes
public keys of small order, under which one signature verifies for many texts.  A
key is refused when it is parsed, and libsodium refuses it again at each use.

OpenSSL is the only Ed448 here.  It takes two of the encodings of small order, so
``ed448_public`` refuses all of them, and every encoding that is not canonical.

Sources: RFC 8032; RFC 7748 section 4.2 for the field of edwards448.
"""

from dataclasses import dataclass
from typing import Final, Protocol, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed448 import (
    Ed448PrivateKey,
    Ed448PublicKey,
)
from nacl.bindings import crypto_core_ed25519_is_valid_point
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from crypto.errors import KeyFormatError, SignatureError

_P448: Final = 2**448 - 2**224 - 1
# The y coordinates of the points whose order divides the cofactor 4: the neutral
# element (0, 1), (0, -1) of order 2, and (1, 0), (-1, 0) of order 4.
_SMALL_ORDER_Y448: Final = frozenset({0, 1, _P448 - 1})


class PublicHalf(Protocol):
    """What the composite asks of the classical verifying half."""

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Return the checked key.

        Raises:
            KeyFormatError: wrong length, not a point, or of small order.
        """

    def verify(self, signature: bytes, message: bytes) -> None:
        """Return nothing.

        Raises:
            SignatureError: not a signature of ``message`` by this key.
        """


class SigningHalf(Protocol):
    """What the composite asks of the classical signing half."""

    @classmethod
    def from_seed(cls, seed: bytes) -> Self:
        """Return the key of a seed of 32 (Ed25519) or 57 bytes (Ed448)."""

    def public(self) -> bytes:
        """Return the public key's bytes."""

    def sign(self, message: bytes) -> bytes:
        """Return the deterministic signature of RFC 8032."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Ed25519Public:
    """32 bytes, a point of the prime-order group."""

    _key: VerifyKey

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Refuse what is not canonical, not a point, or not of prime order."""
        if len(raw) != 32 or not crypto_core_ed25519_is_valid_point(raw):  # noqa: PLR2004 -- bytes, as RFC 8032 counts them
            raise KeyFormatError
        return cls(VerifyKey(raw))

    def verify(self, signature: bytes, message: bytes) -> None:
        """Verify as libsodium does: canonical S, canonical R, no small order."""
        try:
            self._key.verify(message, signature)
        except (BadSignatureError, ValueError):
            raise SignatureError from None


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Ed25519Signing:
    """A seed of 32 bytes."""

    _key: SigningKey

    @classmethod
    def from_seed(cls, seed: bytes) -> Self:
        """Return the key of RFC 8032 section 5.1.5."""
        return cls(SigningKey(seed))

    def public(self) -> bytes:
        """Return the 32 bytes of the public key."""
        return bytes(self._key.verify_key)

    def sign(self, message: bytes) -> bytes:
        """Return the 64 bytes of the signature."""
        return self._key.sign(message).signature


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Ed448Public:
    """57 bytes, canonical, not of small order."""

    _key: Ed448PublicKey

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Refuse what is not canonical or of small order.

        Whether the rest are points of the curve shows when a signature is
        verified: none verifies under bytes that are no point.
        """
        if len(raw) != 57 or raw[56] & 0x7F:  # noqa: PLR2004 -- y is 448 bits, x one
            raise KeyFormatError
        y = int.from_bytes(raw[:56], "little")
        if y >= _P448 or y in _SMALL_ORDER_Y448:
            raise KeyFormatError
        return cls(Ed448PublicKey.from_public_bytes(raw))

    def verify(self, signature: bytes, message: bytes) -> None:
        """Verify with an empty context (RFC 8032 section 5.2.7)."""
        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            raise SignatureError from None


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Ed448Signing:
    """A seed of 57 bytes."""

    _key: Ed448PrivateKey

    @classmethod
    def from_seed(cls, seed: bytes) -> Self:
        """Return the key of RFC 8032 section 5.2.5."""
        return cls(Ed448PrivateKey.from_private_bytes(seed))

    def public(self) -> bytes:
        """Return the 57 bytes of the public key."""
        return self._key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """Return the 114 bytes of the signature."""
        return self._key.sign(message)
