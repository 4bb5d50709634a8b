"""Keys and randomness that are the same in every run, told apart by name."""

import hashlib

from crypto.entropy import Entropy
from crypto.kem import KemKey
from crypto.sign import SigningKey
from crypto.suite import SUITES, SuiteId
from crypto.types import Secret


def stretched(name: str, size: int) -> bytes:
    return hashlib.shake_256(name.encode()).digest(size)


def drawn(name: str) -> Entropy:
    """Return a source whose draws differ from one another, the same each run."""
    count = 0

    def draw(size: int) -> bytes:
        nonlocal count
        count += 1
        return stretched(f"{name}/{count}", size)

    return draw


def secret(name: str) -> Secret:
    return Secret(stretched(name, 32))


def signing_key(suite_id: SuiteId, name: str = "anna") -> SigningKey:
    seed = stretched(f"sign/{name}", SUITES[suite_id].signature_seed)
    return SigningKey.from_seed(suite_id, Secret(seed))


def kem_key(suite_id: SuiteId, name: str = "anna") -> KemKey:
    return KemKey.from_seed(suite_id, secret(f"kem/{name}"))


def flipped(data: bytes, position: int) -> bytes:
    """Return the data with one bit changed in the byte at the position."""
    changed = bytearray(data)
    changed[position] ^= 1
    return bytes(changed)
