"""The suites a second time, from docs/spec/suites.md and the drafts it names.

Straight over ``cryptography``: no line of the packages is shared.
"""

import hashlib

from cryptography.cobblestone import Cobblestone256Decryptor
from cryptography.hazmat.primitives.asymmetric import ec, mldsa, mlkem
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM1024P384PrivateKey,
    Suite,
)

S1, S2 = 1, 2


def h(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def hs(suite: int, data: bytes) -> bytes:
    return (hashlib.sha256 if suite == S1 else hashlib.sha384)(data).digest()


def t(*parts: bytes) -> bytes:
    joined = bytearray()
    for part in parts:
        joined += len(part).to_bytes(4, "big")
        joined += part
    return bytes(joined)


def key_id(suite: int, public: bytes) -> bytes:
    return h(t(b"koerier/v1/key", bytes([suite]), public))


def hpke_open(suite: int, seed: bytes, info: bytes, sealed: bytes) -> bytes:
    """RFC 9180 base mode; the private key expands from its seed (SUITE-4)."""
    if suite == S1:
        expanded = hashlib.shake_256(seed).digest(96)
        return Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM).decrypt(
            sealed,
            MLKEM768X25519PrivateKey(
                mlkem.MLKEM768PrivateKey.from_seed_bytes(expanded[:64]),
                X25519PrivateKey.from_private_bytes(expanded[64:]),
            ),
            info,
        )
    expanded = hashlib.shake_256(seed).digest(112)
    scalar = int.from_bytes(expanded[64:], "big")
    return Suite(KEM.MLKEM1024_P384, KDF.HKDF_SHA384, AEAD.AES_256_GCM).decrypt(
        sealed,
        MLKEM1024P384PrivateKey(
            mlkem.MLKEM1024PrivateKey.from_seed_bytes(expanded[:64]),
            ec.derive_private_key(scalar, ec.SECP384R1()),
        ),
        info,
    )


def cobblestone_open(key: bytes, context: bytes, sealed: bytes) -> bytes:
    decryptor = Cobblestone256Decryptor(key, context)
    return decryptor.update(sealed) + decryptor.finalize()


def composite_verify(
    suite: int, public: bytes, signature: bytes, context: str, message: bytes
) -> None:
    """draft-ietf-lamps-pq-composite-sigs section 3.3; raises InvalidSignature."""
    if suite == S1:
        label = b"COMPSIG-MLDSA65-Ed25519-SHA512"
        digest = hashlib.sha512(message).digest()
    else:
        label = b"COMPSIG-MLDSA87-Ed448-SHAKE256"
        digest = hashlib.shake_256(message).digest(64)
    ctx = context.encode()
    m = b"CompositeAlgorithmSignatures2025" + label + bytes([len(ctx)]) + ctx + digest
    if suite == S1:
        mldsa.MLDSA65PublicKey.from_public_bytes(public[:1952]).verify(
            signature[:3309], m, label
        )
        Ed25519PublicKey.from_public_bytes(public[1952:]).verify(signature[3309:], m)
    else:
        mldsa.MLDSA87PublicKey.from_public_bytes(public[:2592]).verify(
            signature[:4627], m, label
        )
        Ed448PublicKey.from_public_bytes(public[2592:]).verify(signature[4627:], m)
