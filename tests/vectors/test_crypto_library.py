"""The library's own published vectors for what the suites compose.

They come with the package `cryptography_vectors`: no folder is needed.
"""

import hashlib
import json
import zlib
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cryptography_vectors
import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import (
    MLDSA65PrivateKey,
    MLDSA65PublicKey,
    MLDSA87PrivateKey,
    MLDSA87PublicKey,
)

from crypto._chunked import decrypt, encrypt
from crypto.kem import KemKey
from crypto.suite import SUITES, SuiteId
from crypto.types import Secret
from tests.support.keys import stretched
from tests.support.outside import CHUNK, chunked_open, chunked_seal

FOLDER = Path(cryptography_vectors.__file__).parent


def chunked() -> list[dict[str, Any]]:
    path = FOLDER / "chunked-encryption" / "vectors.json"
    vectors = json.loads(path.read_text(encoding="utf-8"))["vectors"]
    return [
        vector
        for vector in vectors
        if (vector["aead"], vector["expect"]) == ("AEAD_AES_256_GCM", "success")
    ]


def responses(name: str) -> Iterator[dict[str, str]]:
    """Yield the records of a response file: each begins with its count."""
    text = (FOLDER / "asymmetric" / "MLDSA" / name).read_text(encoding="ascii")
    for block in text.split("count = ")[1:]:
        lines = (line.partition(" = ") for line in block.splitlines()[1:])
        yield {name: value for name, _, value in lines}


@pytest.mark.parametrize("vector", chunked(), ids=lambda vector: str(vector["name"]))
def test_the_outside_reader_opens_the_published_ciphertexts(
    vector: dict[str, Any],
) -> None:
    """They are of the instance with SHA-256; Cobblestone-256 takes SHA-512."""
    ciphertext = b64decode(vector["ciphertext"])
    if vector.get("compressed"):
        ciphertext = zlib.decompress(ciphertext, wbits=zlib.MAX_WBITS | 32)
    key, context = bytes.fromhex(vector["key"]), vector["context"].encode()
    opened = chunked_open("sha256", key, context, ciphertext)
    assert len(opened) == vector["payload_length"]
    assert hashlib.sha256(opened).hexdigest() == vector["payload_sha256"]


@pytest.mark.parametrize("size", [0, 7, 16383, 16384, 16385, 100_000])
def test_the_outside_reader_and_ours_open_each_other(size: int) -> None:
    key, salt, content = stretched("key", 32), stretched("salt", 24), bytes(size)
    theirs = chunked_seal("sha512", key, salt, b"context", content)
    assert decrypt(Secret(key), b"context", theirs) == content
    ours = encrypt(Secret(key), b"context", content)
    assert chunked_open("sha512", key, b"context", ours) == content
    assert len(ours) == len(theirs) == size + 56 + 16 * (size // CHUNK + 1)


@pytest.mark.parametrize(
    ("level", "private", "public"),
    [
        ("65", MLDSA65PrivateKey, MLDSA65PublicKey),
        ("87", MLDSA87PrivateKey, MLDSA87PublicKey),
    ],
)
def test_ml_dsa_keys_from_seeds_and_signatures(
    level: str,
    private: type[MLDSA65PrivateKey | MLDSA87PrivateKey],
    public: type[MLDSA65PublicKey | MLDSA87PublicKey],
) -> None:
    records = list(responses(f"kat_MLDSA_{level}_det_pure.rsp"))[:20]
    assert len(records) == 20
    for record in records:
        key = private.from_seed_bytes(bytes.fromhex(record["xi"]))
        assert key.public_key().public_bytes_raw().hex() == record["pk"]
        message, signed = bytes.fromhex(record["msg"]), bytes.fromhex(record["sm"])
        signature = signed[: len(signed) - len(message)]
        public.from_public_bytes(bytes.fromhex(record["pk"])).verify(
            signature, message, bytes.fromhex(record["ctx"])
        )


@pytest.mark.parametrize("suite", SuiteId)
def test_hpke_keys_from_seeds(suite: SuiteId) -> None:
    path = FOLDER / "HPKE" / "hpke-pq-test-vectors.json"
    found = [
        vector
        for vector in json.loads(path.read_text(encoding="utf-8"))
        if vector["kem_id"] == SUITES[suite].kem_id
    ]
    assert found
    for vector in found:
        key = KemKey.from_seed(suite, Secret(bytes.fromhex(vector["skRm"])))
        assert key.public.hex() == vector["pkRm"]
