"""HPKE-PQ and X-Wing vectors: seeds, public keys, key schedule, opening.

The vectors have associated data in each ciphertext, and S1's an AEAD that the suite
does not use.  So each is opened twice: as it is, by the library under our expanded
key; and by our own module, after the outside key schedule has made a ciphertext from
the vector's shared secret.
"""

from typing import Any

import pytest
from cryptography.hazmat.bindings._rust import openssl
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from crypto import _hpke
from crypto.errors import OpenError
from crypto.kem import KemKey, parse_public
from crypto.suite import SUITES, SuiteId
from crypto.types import Secret
from tests.support.keys import flipped
from tests.support.outside import aes_256_gcm_base, load, sha256_of

pytestmark = pytest.mark.vectors
suites = pytest.mark.parametrize("suite", SuiteId)
DIGEST = {SuiteId.S1: "sha256", SuiteId.S2: "sha384"}
LIBRARY = {
    SuiteId.S1: Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305),
    SuiteId.S2: Suite(KEM.MLKEM1024_P384, KDF.HKDF_SHA384, AEAD.AES_256_GCM),
}


def case(suite: SuiteId) -> dict[str, Any]:
    row = SUITES[suite]
    (found,) = (
        test
        for test in load("hpke-pq.json")
        if (test["kem_id"], test["kdf_id"]) == (row.kem_id, row.kdf_id)
    )
    return dict(found)


def raw(test: dict[str, Any], name: str) -> bytes:
    return bytes.fromhex(test[name])


@suites
def test_the_seed_gives_the_public_key(suite: SuiteId) -> None:
    outside = case(suite)
    key = KemKey.from_seed(suite, Secret(raw(outside, "skRm")))
    assert key.public == raw(outside, "pkRm")
    assert parse_public(suite, raw(outside, "pkRm")).public == key.public


@suites
def test_the_vectors_own_ciphertext_opens_under_our_key(suite: SuiteId) -> None:
    outside = case(suite)
    key = KemKey.from_seed(suite, Secret(raw(outside, "skRm")))
    first = outside["encryptions"][0]
    opened = openssl.hpke._decrypt_with_aad(  # noqa: SLF001 -- only for these vectors
        LIBRARY[suite],
        raw(outside, "enc") + raw(first, "ct"),
        key.hybrid,
        raw(outside, "info"),
        raw(first, "aad"),
    )
    assert opened == raw(first, "pt")


@suites
def test_our_module_opens_what_the_shared_secret_seals(suite: SuiteId) -> None:
    outside, row = case(suite), SUITES[suite]
    key = KemKey.from_seed(suite, Secret(raw(outside, "skRm")))
    info, enc = raw(outside, "info"), raw(outside, "enc")
    sealed = enc + aes_256_gcm_base(
        (row.kem_id, row.kdf_id),
        DIGEST[suite],
        raw(outside, "shared_secret"),
        info,
        b"content",
    )
    assert _hpke.open_(suite, key, info, sealed) == b"content"
    for position in (0, len(enc) - 1, len(enc), len(sealed) - 1):
        with pytest.raises(OpenError):
            _hpke.open_(suite, key, info, flipped(sealed, position))


@pytest.mark.parametrize("number", range(3))
def test_x_wing_seed_and_combiner(number: int) -> None:
    outside = load("xwing.json")[number]
    key = KemKey.from_seed(SuiteId.S1, Secret(raw(outside, "seed")))
    assert raw(outside, "seed") == raw(outside, "sk")
    assert key.public == raw(outside, "pk")
    row = SUITES[SuiteId.S1]
    sealed = raw(outside, "ct") + aes_256_gcm_base(
        (row.kem_id, row.kdf_id), "sha256", raw(outside, "ss"), b"info", b"content"
    )
    assert _hpke.open_(SuiteId.S1, key, b"info", sealed) == b"content"


@pytest.mark.parametrize("name", ["composite-mldsa.json", "hpke-pq.json", "xwing.json"])
def test_the_files_are_the_revisions_that_the_suites_mean(name: str) -> None:
    from tests.support.tree import ROOT

    chapter = (ROOT / "docs/spec/suites.md").read_text(encoding="utf-8")
    assert sha256_of(name) in chapter
