"""Where outside vectors lie, and what a test needs to apply them.

The HPKE key schedule here is written from RFC 9180 and shares no code with the
package: it turns a vector's shared secret into a ciphertext that the package must open.
"""

import hashlib
import hmac
import json
import os
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def folder() -> Path:
    return Path(os.environ["KOERIER_VECTORS"])


def load(name: str) -> Any:  # noqa: ANN401 -- foreign JSON
    return json.loads((folder() / name).read_text(encoding="utf-8"))


def sha256_of(name: str) -> str:
    return hashlib.sha256((folder() / name).read_bytes()).hexdigest()


def aes_256_gcm_base(
    ids: tuple[int, int], digest: str, shared_secret: bytes, info: bytes, message: bytes
) -> bytes:
    """Return the first ciphertext of a base-mode context, RFC 9180 sections 4 and 5.

    Args:
        ids: code points of KEM and KDF; the AEAD is AES-256-GCM (2).
        digest: hashlib's name of the KDF's hash.
        shared_secret: what the KEM agreed.
        info: bound into the key schedule.
        message: the plaintext, sealed without associated data.
    """
    suite_id = b"HPKE" + b"".join(number.to_bytes(2, "big") for number in (*ids, 2))

    def extract(salt: bytes, label: bytes, ikm: bytes) -> bytes:
        return hmac.digest(salt, b"HPKE-v1" + suite_id + label + ikm, digest)

    def expand(prk: bytes, label: bytes, context: bytes, size: int) -> bytes:
        labelled = size.to_bytes(2, "big") + b"HPKE-v1" + suite_id + label + context
        return hmac.digest(prk, labelled + b"\x01", digest)[:size]

    context = b"\0" + extract(b"", b"psk_id_hash", b"")
    context += extract(b"", b"info_hash", info)
    secret = extract(shared_secret, b"secret", b"")
    key = expand(secret, b"key", context, 32)
    nonce = expand(secret, b"base_nonce", context, 12)
    return AESGCM(key).encrypt(nonce, message, None)


CHUNK = 16 * 1024  # C2SP chunked-encryption, section "Message chunking"


def chunked_keys(
    digest: str, key: bytes, salt: bytes, context: bytes
) -> tuple[bytes, int, bytes]:
    """Return AEAD key, base nonce and commitment of C2SP chunked-encryption."""
    info = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0" + salt + context
    output, block = b"", b""
    for number in (1, 2, 3):
        block = hmac.digest(key, block + info + bytes([number]), digest)
        output += block
    return output[:32], int.from_bytes(output[32:44], "big"), output[44:76]


def chunked_open(digest: str, key: bytes, context: bytes, ciphertext: bytes) -> bytes:
    """Return the plaintext; written from the specification, for honest input."""
    salt, commitment, rest = ciphertext[:24], ciphertext[24:56], ciphertext[56:]
    aead_key, base_nonce, expected = chunked_keys(digest, key, salt, context)
    assert commitment == expected
    step = CHUNK + 16
    assert len(rest) % step >= 16
    return b"".join(
        AESGCM(aead_key).decrypt(
            (base_nonce ^ number).to_bytes(12, "big"), rest[start : start + step], None
        )
        for number, start in enumerate(range(0, len(rest), step))
    )


def chunked_seal(
    digest: str, key: bytes, salt: bytes, context: bytes, plaintext: bytes
) -> bytes:
    """Return the ciphertext: the last chunk is always shorter, and may be empty."""
    aead_key, base_nonce, commitment = chunked_keys(digest, key, salt, context)
    chunks = (
        AESGCM(aead_key).encrypt(
            (base_nonce ^ number).to_bytes(12, "big"),
            plaintext[number * CHUNK : (number + 1) * CHUNK],
            None,
        )
        for number in range(len(plaintext) // CHUNK + 1)
    )
    return salt + commitment + b"".join(chunks)
