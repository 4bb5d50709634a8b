"""Padding to buckets: what a ciphertext's length still says.

Layout: ``u32 length || content || zeros``.  The whole is the smallest bucket that
holds it and is not below the sender's floor; beyond the largest bucket Padmé, which
adds at most 12 % and leaves O(log log n) bits of the length.

The zeros are inside the authenticated plaintext.  :func:`unpad` still refuses every
layout that :func:`pad` cannot make, so that the length says nothing else (B11).

Source: Padmé from "Reducing Metadata Leakage from Encrypted Files and Communication
with PURBs", PoPETs 2019; docs/spec/attachments.md for attachments.
"""

from typing import Final

from crypto.digest import u32
from crypto.errors import PaddingError

BUCKETS: Final = (4096, 5120, 6144, 8192)  # bytes
_HEADER: Final = 4


def padme(size: int) -> int:
    """Return the smallest Padmé length that is at least ``size`` bytes."""
    if size < 2:  # noqa: PLR2004 -- log2 of 0 and 1 rounds nothing
        return size
    exponent = size.bit_length() - 1
    zeros = exponent - exponent.bit_length()  # low bits that must be zero
    mask = (1 << zeros) - 1
    return (size + mask) & ~mask


def padded_size(length: int, floor: int) -> int:
    """Return the whole length in bytes for content of ``length`` bytes.

    Raises:
        ValueError: ``floor`` is not a bucket, a caller's bug.
    """
    if floor not in BUCKETS:
        raise ValueError("a floor that is not a bucket")
    size = _HEADER + length
    for bucket in BUCKETS:
        if bucket >= max(size, floor):
            return bucket
    return padme(size)


def pad(content: bytes, floor: int) -> bytes:
    """Return ``content`` with its length and zeros up to :func:`padded_size`.

    Raises:
        ValueError: ``floor`` is not a bucket, a caller's bug.
    """
    size = padded_size(len(content), floor)
    return (u32(len(content)) + content).ljust(size, b"\0")


def unpad(padded: bytes) -> bytes:
    """Return the content.

    Which floor the sender's policy had, the receiver does not know: any bucket that
    holds the content is taken, and beyond the buckets the one Padmé length.

    Raises:
        PaddingError: a length that is not the specified one, or a byte not zero.
    """
    length = int.from_bytes(padded[:_HEADER], "big")
    end = _HEADER + length
    if len(padded) < end:
        raise PaddingError
    sizes = BUCKETS if end <= BUCKETS[-1] else (padme(end),)
    zeros = bytes(len(padded) - end)
    if len(padded) not in sizes or padded[end:] != zeros:
        raise PaddingError
    return padded[_HEADER:end]
