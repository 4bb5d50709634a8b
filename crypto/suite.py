"""The two suites, as one table (docs/spec/suites.md).

A suite is fixed by the signed root document and never negotiated: whoever wants
another one needs the root threshold.  X-Wing, HPKE-PQ and the composite signature
are drafts; a suite means the revision whose vectors are named in the
specification, and a later revision is a new suite.

This module holds facts only.  ``crypto.sign`` and ``crypto.kem`` look the
algorithms up in it.
"""

import enum
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

WRAP_SECRET: Final = 120  # bytes in a wrap: cek 32, stream 16, seq 8, prev 32, salt 32
_AEAD_TAG: Final = 16


class SuiteId(enum.IntEnum):
    """Wire numbers.  A number is never reused."""

    S1 = 1
    S2 = 2

    @property
    def octet(self) -> bytes:
        """The number as the one byte that goes into every derivation."""
        return bytes([self.value])


@dataclass(frozen=True, slots=True)
class Suite:
    """One row: names, code points and lengths in bytes."""

    id: SuiteId
    kem: str  # the name in the HPKE KEM registry
    kem_id: int
    kdf: str
    kdf_id: int
    aead: str
    aead_id: int
    kem_public_key: int
    kem_enc: int
    kem_seed: int
    digest: str  # hashlib's name: of prekey ids and of the key commitment
    prekey_id: int
    signature_algorithm: str
    signature_public_key: int
    signature: int
    signature_seed: int

    @property
    def hash(self) -> Callable[[bytes], bytes]:
        """The suite's digest function, for prekey ids and key commitments."""
        name = self.digest
        return lambda data: hashlib.new(name, data).digest()

    @property
    def wrap(self) -> int:
        """Length of a wrap in bytes: encapsulation, wrapped secret and tag."""
        return self.kem_enc + WRAP_SECRET + _AEAD_TAG

    @property
    def commitment(self) -> int:
        """Length of ``kc`` in bytes: the whole digest."""
        return hashlib.new(self.digest).digest_size


SUITES: Final[Mapping[SuiteId, Suite]] = MappingProxyType(
    {
        SuiteId.S1: Suite(
            id=SuiteId.S1,
            kem="MLKEM768-X25519",
            kem_id=0x647A,
            kdf="HKDF-SHA256",
            kdf_id=0x0001,
            aead="AES-256-GCM",
            aead_id=0x0002,
            kem_public_key=1216,
            kem_enc=1120,
            kem_seed=32,
            digest="sha256",
            prekey_id=16,
            signature_algorithm="id-MLDSA65-Ed25519-SHA512",
            signature_public_key=1984,
            signature=3373,
            signature_seed=64,
        ),
        SuiteId.S2: Suite(
            id=SuiteId.S2,
            kem="MLKEM1024-P384",
            kem_id=0x0051,
            kdf="HKDF-SHA384",
            kdf_id=0x0002,
            aead="AES-256-GCM",
            aead_id=0x0002,
            kem_public_key=1665,
            kem_enc=1665,
            kem_seed=32,
            digest="sha384",
            prekey_id=32,
            signature_algorithm="id-MLDSA87-Ed448-SHAKE256",
            signature_public_key=2649,
            signature=4741,
            signature_seed=89,
        ),
    }
)
