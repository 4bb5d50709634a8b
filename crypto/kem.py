"""Keys of the suite's hybrid KEM, made from seeds and checked when parsed.

S1 is X-Wing (ML-KEM-768 with X25519), S2 is MLKEM1024-P384 of the HPKE-PQ draft.
Both expand a seed of 32 bytes with SHAKE256: 64 bytes d || z for ML-KEM, the rest
for the curve.  Seeds are what is stored; the expanded keys live in memory only.

The library takes a hybrid key as an opaque object, so this module keeps the public
bytes beside it.  What the objects do is ``crypto._hpke``'s business: this module
opens nothing.

Sources: draft-connolly-cfrg-xwing-kem section 5.2; draft-ietf-hpke-pq with
draft-irtf-cfrg-hybrid-kems (expandDecapsKey); FIPS 203 section 7.2 for the
modulus check; RFC 7748 section 6.1 for X25519's contributory behaviour.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NoReturn, Self, final

from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP384R1,
    EllipticCurvePublicKey,
    derive_private_key,
)
from cryptography.hazmat.primitives.asymmetric.mlkem import (
    MLKEM768PrivateKey,
    MLKEM768PublicKey,
    MLKEM1024PrivateKey,
    MLKEM1024PublicKey,
)
from cryptography.hazmat.primitives.asymmetric.x25519 import (
    X25519PrivateKey,
    X25519PublicKey,
)
from cryptography.hazmat.primitives.hpke import (
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    MLKEM1024P384PrivateKey,
    MLKEM1024P384PublicKey,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from crypto.errors import KeyFormatError
from crypto.suite import SUITES, SuiteId
from crypto.types import PublicKey, Secret

HybridPrivate = MLKEM768X25519PrivateKey | MLKEM1024P384PrivateKey
HybridPublic = MLKEM768X25519PublicKey | MLKEM1024P384PublicKey

_MLKEM_SEED: Final = 64
_MLKEM768_PUBLIC: Final = 1184
_MLKEM1024_PUBLIC: Final = 1568
_X25519: Final = 32
_P384_SCALAR: Final = 48

_P25519: Final = 2**255 - 19
# The u coordinates of order 1, 2, 4 and 8, on the curve and on its twist: whoever
# holds such a "key" knows every secret agreed with it.
_LOW_ORDER_U: Final = frozenset(
    {
        0,
        1,
        _P25519 - 1,
        0x00B8495F16056286FDB1329CEB8D09DA6AC49FF1FAE35616AEB8413B7C7AEBE0,
        0x57119FD0DD4E22D8868E1C58C45C44045BEF839C55B1D0B1248C50A3BC959C5F,
    }
)


def _expand_s1(seed: bytes) -> tuple[HybridPrivate, bytes]:
    expanded = hashlib.shake_256(seed).digest(_MLKEM_SEED + _X25519)
    pq = MLKEM768PrivateKey.from_seed_bytes(expanded[:_MLKEM_SEED])
    curve = X25519PrivateKey.from_private_bytes(expanded[_MLKEM_SEED:])
    public = pq.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()
    return MLKEM768X25519PrivateKey(pq, curve), public


def _expand_s2(seed: bytes) -> tuple[HybridPrivate, bytes]:
    expanded = hashlib.shake_256(seed).digest(_MLKEM_SEED + _P384_SCALAR)
    pq = MLKEM1024PrivateKey.from_seed_bytes(expanded[:_MLKEM_SEED])
    # One draw of 48 bytes, as the draft has it.  The library refuses zero and what
    # is not below the group's order: about one seed in 2^190.
    scalar = int.from_bytes(expanded[_MLKEM_SEED:], "big")
    curve = derive_private_key(scalar, SECP384R1())
    point = curve.public_key().public_bytes(
        Encoding.X962, PublicFormat.UncompressedPoint
    )
    public = pq.public_key().public_bytes_raw() + point
    return MLKEM1024P384PrivateKey(pq, curve), public


def _parse_s1(public: bytes) -> HybridPublic:
    raw = public[_MLKEM768_PUBLIC:]
    u = int.from_bytes(raw, "little")
    if u >= _P25519 or u in _LOW_ORDER_U:
        raise KeyFormatError
    return MLKEM768X25519PublicKey(
        MLKEM768PublicKey.from_public_bytes(public[:_MLKEM768_PUBLIC]),
        X25519PublicKey.from_public_bytes(raw),
    )


def _parse_s2(public: bytes) -> HybridPublic:
    return MLKEM1024P384PublicKey(
        MLKEM1024PublicKey.from_public_bytes(public[:_MLKEM1024_PUBLIC]),
        EllipticCurvePublicKey.from_encoded_point(
            SECP384R1(), public[_MLKEM1024_PUBLIC:]
        ),
    )


@dataclass(frozen=True, slots=True)
class _Hybrid:
    expand: Callable[[bytes], tuple[HybridPrivate, bytes]]
    parse: Callable[[bytes], HybridPublic]


_HYBRIDS: Final[Mapping[SuiteId, _Hybrid]] = MappingProxyType(
    {
        SuiteId.S1: _Hybrid(_expand_s1, _parse_s1),
        SuiteId.S2: _Hybrid(_expand_s2, _parse_s2),
    }
)


@final
class KemPublicKey:
    """A public key that passed every check.  Made by :func:`parse_public`."""

    __slots__ = ("hybrid", "public", "suite")

    def __init__(self, suite_id: SuiteId, public: bytes) -> None:
        if len(public) != SUITES[suite_id].kem_public_key:
            raise KeyFormatError
        try:
            self.hybrid: Final = _HYBRIDS[suite_id].parse(public)
        except ValueError:  # the library's: modulus of ML-KEM, point of P-384
            raise KeyFormatError from None
        self.suite: Final = suite_id
        self.public: Final = PublicKey(public)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, KemPublicKey):
            return NotImplemented
        return (self.suite, self.public) == (other.suite, other.public)

    def __hash__(self) -> int:
        return hash((self.suite, self.public))

    def __repr__(self) -> str:
        return f"<KEM public key of {self.suite.name}>"


def parse_public(suite_id: SuiteId, public: bytes) -> KemPublicKey:
    """Return the key that ``public`` encodes, 1216 (S1) or 1665 bytes (S2).

    Raises:
        KeyFormatError: another length, an ML-KEM value not below the modulus, an
            X25519 value of low order or not canonical, or no point of P-384 (B15).
    """
    return KemPublicKey(suite_id, public)


@final
class KemKey:
    """A private key, made from its seed.  Never prints, copies or pickles itself."""

    __slots__ = ("hybrid", "public", "suite")

    def __init__(self, suite_id: SuiteId, seed: Secret) -> None:
        if len(seed) != SUITES[suite_id].kem_seed:
            raise ValueError("a KEM seed of another length than the suite's")
        hybrid, public = _HYBRIDS[suite_id].expand(seed.reveal())
        self.hybrid: Final = hybrid
        self.suite: Final = suite_id
        self.public: Final = PublicKey(public)

    @classmethod
    def from_seed(cls, suite_id: SuiteId, seed: Secret) -> Self:
        """Return the key of a 32-byte seed.

        Raises:
            ValueError: a seed of another length, a caller's bug.
        """
        return cls(suite_id, seed)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, KemKey):
            return NotImplemented
        return (self.suite, self.public) == (other.suite, other.public)

    def __hash__(self) -> int:
        return hash((self.suite, self.public))

    def __repr__(self) -> str:
        return f"<KEM key of {self.suite.name}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a KEM key is not pickled or copied")
