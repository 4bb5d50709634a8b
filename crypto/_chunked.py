"""Cobblestone-256: C2SP chunked-encryption, in the steps that suit the library.

It commits to key and context, authenticates each chunk of 16 KiB in its place, and
shows truncation when it is finished.  Plaintext leaves ``update`` before that, so
nothing of it may be looked at until ``finalize`` has returned.

Source: C2SP chunked-encryption, instantiated with SHA-512 and AES-256-GCM.
"""

from collections.abc import Iterator
from typing import Final

from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from cryptography.exceptions import InvalidTag

from crypto.errors import OpenError
from crypto.types import Secret

KEY: Final = 32  # bytes
# One update with 16 MiB is two to eight times slower than steps of 64 KiB.
_STEP: Final = 64 * 1024


def steps(data: bytes | memoryview) -> Iterator[memoryview]:
    """Yield the data in pieces of at most 64 KiB, without copying."""
    view = memoryview(data)
    for start in range(0, len(view), _STEP):
        yield view[start : start + _STEP]


def encrypt(key: Secret, context: bytes, plaintext: bytes) -> bytes:
    """Return the ciphertext: salt, commitment and chunks.

    That is 56 bytes more, and 16 for each chunk; the last chunk is always shorter
    than 16 KiB and may be empty.
    """
    encryptor = Cobblestone256Encryptor(key.reveal(), context)
    parts = [encryptor.update(step) for step in steps(plaintext)]
    return b"".join((*parts, encryptor.finalize()))


def decrypt(key: Secret, context: bytes, ciphertext: bytes) -> bytes:
    """Return the plaintext, all of it authenticated.

    Raises:
        OpenError: another key or context, or a ciphertext changed or cut.
    """
    decryptor = Cobblestone256Decryptor(key.reveal(), context)
    try:
        parts = [decryptor.update(step) for step in steps(ciphertext)]
        return b"".join((*parts, decryptor.finalize()))
    except InvalidTag:
        raise OpenError from None
