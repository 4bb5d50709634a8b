"""Keys of logs and witnesses: Ed25519 notes and ML-DSA-44 cosignatures.

These sign what C2SP specifies and outside readers check, so there is no composite and
no usage context here: the messages begin with their own header lines, and a log or
witness key serves nothing else (NAME-5).  Which lines are signed is decided by
``protocol``; a quorum counts the ML-DSA ones only.

    key = NoteSigningKey.from_seed(NoteAlgorithm.ED25519, seed)
    NoteVerifyKey.parse(NoteAlgorithm.ED25519, key.public).verify(signature, text)

Source: C2SP signed-note and tlog-cosignature; RFC 8032; FIPS 204 (hedged signing,
empty context).
"""

import enum
from collections.abc import Mapping
from typing import Final, NoReturn, Self, final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.mldsa import (
    MLDSA44PrivateKey,
    MLDSA44PublicKey,
)

from crypto._edwards import (
    Ed25519Public,
    Ed25519Signing,
    PublicHalf,
    SigningHalf,
)
from crypto.errors import KeyFormatError, SignatureError
from crypto.types import PublicKey, Secret

_SEED: Final = 32  # bytes, in both


@enum.unique
class NoteAlgorithm(enum.Enum):
    """How a line of a note is signed."""

    ED25519 = "Ed25519"  # public key 32 bytes, signature 64
    ML_DSA_44 = "ML-DSA-44"  # public key 1312 bytes, signature 2420


class _MlDsa44Public:
    """1312 bytes; each such string is a public key (FIPS 204 algorithm 23)."""

    __slots__ = ("_key",)

    def __init__(self, key: MLDSA44PublicKey) -> None:
        self._key = key

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        try:
            return cls(MLDSA44PublicKey.from_public_bytes(raw))
        except ValueError:
            raise KeyFormatError from None

    def verify(self, signature: bytes, message: bytes) -> None:
        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            raise SignatureError from None


class _MlDsa44Signing:
    """A seed of 32 bytes."""

    __slots__ = ("_key",)

    def __init__(self, key: MLDSA44PrivateKey) -> None:
        self._key = key

    @classmethod
    def from_seed(cls, seed: bytes) -> Self:
        return cls(MLDSA44PrivateKey.from_seed_bytes(seed))

    def public(self) -> bytes:
        return self._key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)


_SIGNING: Final[Mapping[NoteAlgorithm, type[SigningHalf]]] = {
    NoteAlgorithm.ED25519: Ed25519Signing,
    NoteAlgorithm.ML_DSA_44: _MlDsa44Signing,
}
_VERIFYING: Final[Mapping[NoteAlgorithm, type[PublicHalf]]] = {
    NoteAlgorithm.ED25519: Ed25519Public,
    NoteAlgorithm.ML_DSA_44: _MlDsa44Public,
}


@final
class NoteSigningKey:
    """The private key of a log or witness.  Never prints, copies or pickles itself."""

    __slots__ = ("_key", "algorithm", "public")

    def __init__(self, algorithm: NoteAlgorithm, seed: Secret) -> None:
        if len(seed) != _SEED:
            raise ValueError("a note key's seed has 32 bytes")
        self._key = _SIGNING[algorithm].from_seed(seed.reveal())
        self.algorithm: Final = algorithm
        self.public: Final = PublicKey(self._key.public())

    @classmethod
    def from_seed(cls, algorithm: NoteAlgorithm, seed: Secret) -> Self:
        """Return the key of a 32-byte seed.

        Raises:
            ValueError: a seed of another length, a caller's bug.
        """
        return cls(algorithm, seed)

    def sign(self, message: bytes) -> bytes:
        """Return the signature: 64 (Ed25519) or 2420 bytes (ML-DSA-44)."""
        return self._key.sign(message)

    def __repr__(self) -> str:
        return f"<note signing key, {self.algorithm.value}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a note signing key is not pickled or copied")


@final
class NoteVerifyKey:
    """The checked public key of a log or witness."""

    __slots__ = ("_key", "algorithm", "public")

    def __init__(self, algorithm: NoteAlgorithm, public: bytes) -> None:
        self._key = _VERIFYING[algorithm].parse(public)
        self.algorithm: Final = algorithm
        self.public: Final = PublicKey(public)

    @classmethod
    def parse(cls, algorithm: NoteAlgorithm, public: bytes) -> Self:
        """Return the key that ``public`` encodes, 32 or 1312 bytes.

        Raises:
            KeyFormatError: another length, or an Ed25519 key that is refused (B15).
        """
        return cls(algorithm, public)

    def verify(self, signature: bytes, message: bytes) -> None:
        """Return nothing.

        Raises:
            SignatureError: not a signature of ``message`` by this key.
        """
        self._key.verify(signature, message)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, NoteVerifyKey):
            return NotImplemented
        return (self.algorithm, self.public) == (other.algorithm, other.public)

    def __hash__(self) -> int:
        return hash((self.algorithm, self.public))

    def __repr__(self) -> str:
        return f"<note verify key, {self.algorithm.value}>"
