"""Composite signatures with a usage: ML-DSA *and* an Edwards curve, both or nothing.

A signature says *what it is for*.  The application context of the composite is the
realm, the version and the usage, so that a signature of one usage never passes for
another, and nothing that a demo key signed is ever valid in earnest::

    key = SigningKey.from_seed(SuiteId.S1, seed)
    signature = key.sign(Usage.RECORD, slip, realm=Realm.KOERIER)
    VerifyKey.parse(SuiteId.S1, public).verify(
        signature, Usage.RECORD, slip, Realm.KOERIER
    )

``verify`` returns nothing and raises.  There is no way to verify without a usage.

The ML-DSA half is hedged, and a composite is not strongly unforgeable: one document
has many signatures.  A signature is never an identifier; :func:`key_id` names a key
and ``H(document)`` names what it signed.

Source: draft-ietf-lamps-pq-composite-sigs, sections 3.2 (Sign) and 3.3 (Verify), in
the revision whose vectors docs/spec/suites.md names.  M' is the draft's symbol.
"""

import enum
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NoReturn, Self, final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.mldsa import (
    MLDSA65PrivateKey,
    MLDSA65PublicKey,
    MLDSA87PrivateKey,
    MLDSA87PublicKey,
)

from crypto._edwards import (
    Ed448Public,
    Ed448Signing,
    Ed25519Public,
    Ed25519Signing,
    PublicHalf,
    SigningHalf,
)
from crypto.digest import H, T
from crypto.errors import KeyFormatError, SignatureError
from crypto.suite import SUITES, SuiteId
from crypto.types import KeyId, PublicKey, Secret, Signature

_KEY_LABEL: Final = b"koerier/v1/key"
_PREFIX: Final = b"CompositeAlgorithmSignatures2025"
_MLDSA_SEED: Final = 32


@enum.unique
class Realm(enum.Enum):
    """Whose signatures count.  A property of the root a client was founded with."""

    KOERIER = b"koerier"
    DEMO = b"koerier-demo"


@enum.unique
class Usage(enum.Enum):
    """What a signature is for: the closed list of docs/spec/names-and-usages.md."""

    ROOT = b"root"
    DIR = b"dir"
    POSSESSION = b"possession"
    PREKEYS = b"prekeys"
    RECORD = b"record"
    RELEASE = b"release"
    NACK = b"nack"
    SESSION = b"session"
    RELAYKEY = b"relaykey"
    SUSPEND = b"suspend"
    ZEROISE = b"zeroise"


def context(usage: Usage, realm: Realm) -> bytes:
    """Return the application context, at most 255 bytes: ``koerier/v1/record``."""
    return realm.value + b"/v1/" + usage.value


def key_id(suite_id: SuiteId, public: PublicKey) -> KeyId:
    """Return the name of a signature key, 32 bytes."""
    return KeyId(H(T(_KEY_LABEL, suite_id.octet, public)))


@dataclass(frozen=True, slots=True)
class _Algorithm:
    """One composite: its label, its pre-hash PH and its two halves."""

    label: bytes
    prehash: Callable[[bytes], bytes]
    pq_public: int  # bytes before the classical public key
    pq_signature: int  # bytes before the classical signature
    pq_signing: type[MLDSA65PrivateKey | MLDSA87PrivateKey]
    pq_verifying: type[MLDSA65PublicKey | MLDSA87PublicKey]
    classical_signing: type[SigningHalf]
    classical_verifying: type[PublicHalf]

    def representative(self, ctx: bytes, message: bytes) -> bytes:
        """Return M' = Prefix || Label || len(ctx) || ctx || PH(M).

        The draft concatenates; that is injective here, because the label is fixed
        per algorithm, the context carries its length and PH has a fixed one.
        """
        return _PREFIX + self.label + bytes([len(ctx)]) + ctx + self.prehash(message)


_ALGORITHMS: Final[Mapping[SuiteId, _Algorithm]] = MappingProxyType(
    {
        SuiteId.S1: _Algorithm(
            label=b"COMPSIG-MLDSA65-Ed25519-SHA512",
            prehash=lambda message: hashlib.sha512(message).digest(),
            pq_public=1952,
            pq_signature=3309,
            pq_signing=MLDSA65PrivateKey,
            pq_verifying=MLDSA65PublicKey,
            classical_signing=Ed25519Signing,
            classical_verifying=Ed25519Public,
        ),
        SuiteId.S2: _Algorithm(
            label=b"COMPSIG-MLDSA87-Ed448-SHAKE256",
            prehash=lambda message: hashlib.shake_256(message).digest(64),
            pq_public=2592,
            pq_signature=4627,
            pq_signing=MLDSA87PrivateKey,
            pq_verifying=MLDSA87PublicKey,
            classical_signing=Ed448Signing,
            classical_verifying=Ed448Public,
        ),
    }
)


@final
class SigningKey:
    """The private key, made from its seed.  Never prints, copies or pickles itself."""

    __slots__ = ("_algorithm", "_classical", "_pq", "id", "public", "suite")

    def __init__(self, suite_id: SuiteId, seed: Secret) -> None:
        if len(seed) != SUITES[suite_id].signature_seed:
            raise ValueError("a signature seed of another length than the suite's")
        raw = seed.reveal()
        algorithm = self._algorithm = _ALGORITHMS[suite_id]
        self._pq = algorithm.pq_signing.from_seed_bytes(raw[:_MLDSA_SEED])
        self._classical = algorithm.classical_signing.from_seed(raw[_MLDSA_SEED:])
        self.suite: Final = suite_id
        self.public: Final = PublicKey(
            self._pq.public_key().public_bytes_raw() + self._classical.public()
        )
        self.id: Final = key_id(suite_id, self.public)

    @classmethod
    def from_seed(cls, suite_id: SuiteId, seed: Secret) -> Self:
        """Return the key of a seed: ML-DSA's 32 bytes, then the curve's 32 or 57.

        Raises:
            ValueError: a seed of another length, a caller's bug.
        """
        return cls(suite_id, seed)

    @property
    def verify_key(self) -> "VerifyKey":
        """Return the public half of the pair, parsed."""
        return VerifyKey.parse(self.suite, self.public)

    def sign(self, usage: Usage, message: bytes, *, realm: Realm) -> Signature:
        """Return the signature of the bytes, 3373 (S1) or 4741 bytes (S2)."""
        m_prime = self._algorithm.representative(context(usage, realm), message)
        pq = self._pq.sign(m_prime, self._algorithm.label)
        return Signature(pq + self._classical.sign(m_prime))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SigningKey):
            return NotImplemented
        return self.id == other.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"<signing key of {self.suite.name}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a signing key is not pickled or copied")


@final
class VerifyKey:
    """A public key that passed every check of SUITE-5."""

    __slots__ = ("_algorithm", "_classical", "_pq", "id", "public", "suite")

    def __init__(self, suite_id: SuiteId, public: bytes) -> None:
        if len(public) != SUITES[suite_id].signature_public_key:
            raise KeyFormatError
        algorithm = self._algorithm = _ALGORITHMS[suite_id]
        split = algorithm.pq_public
        # Any 1952 (2592) bytes are an ML-DSA public key: FIPS 204 algorithm 23
        # unpacks every 10-bit value.  So only the classical half can be malformed.
        self._pq = algorithm.pq_verifying.from_public_bytes(public[:split])
        self._classical = algorithm.classical_verifying.parse(public[split:])
        self.suite: Final = suite_id
        self.public: Final = PublicKey(public)
        self.id: Final = key_id(suite_id, self.public)

    @classmethod
    def parse(cls, suite_id: SuiteId, public: bytes) -> Self:
        """Return the key that ``public`` encodes, 1984 (S1) or 2649 bytes (S2).

        Raises:
            KeyFormatError: a length, a point or an encoding that is refused (B15).
        """
        return cls(suite_id, public)

    def verify(
        self, signature: bytes, usage: Usage, message: bytes, realm: Realm
    ) -> None:
        """Return nothing if both halves verify over ``message`` in this usage.

        Raises:
            SignatureError: for every other reason, without saying which.
        """
        self._verify(signature, context(usage, realm), message)

    def _verify(self, signature: bytes, ctx: bytes, message: bytes) -> None:
        """Verify under any context: apart, because the draft's vectors have theirs."""
        if len(signature) != SUITES[self.suite].signature:
            raise SignatureError
        m_prime = self._algorithm.representative(ctx, message)
        split = self._algorithm.pq_signature
        try:
            self._pq.verify(signature[:split], m_prime, self._algorithm.label)
        except InvalidSignature:
            raise SignatureError from None
        self._classical.verify(signature[split:], m_prime)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, VerifyKey):
            return NotImplemented
        return self.id == other.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"<verify key of {self.suite.name}>"
