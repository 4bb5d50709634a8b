"""Hashing and the injective tuple (docs/spec/names-and-usages.md, section 2).

``H`` names documents; ``T`` joins parts so that no two different lists of parts
give the same bytes.  Nothing in Koerier is hashed or signed as a bare
concatenation.
"""

import hashlib

from crypto.types import Digest


def H(data: bytes) -> Digest:  # noqa: N802 -- the specification's own symbol
    """Return SHA-256 of ``data``, 32 bytes.  Source: FIPS 180-4."""
    return Digest(hashlib.sha256(data).digest())


def T(*parts: bytes) -> bytes:  # noqa: N802 -- the specification's own symbol
    """Return each part after its length as u32 big-endian: injective.

    Raises:
        OverflowError: a part of 4 GiB or more, a caller's bug.
    """
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def u32(number: int) -> bytes:
    """Return ``number`` as 4 bytes big-endian."""
    return number.to_bytes(4, "big")


def u64(number: int) -> bytes:
    """Return ``number`` as 8 bytes big-endian."""
    return number.to_bytes(8, "big")
