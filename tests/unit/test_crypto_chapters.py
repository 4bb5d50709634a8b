"""The chapters' worked bytes and tables are what the code does."""

import re

import pytest

from crypto.digest import H, T
from crypto.envelope import open_body
from crypto.padding import pad, padded_size
from crypto.sign import _ALGORITHMS, Realm, SigningKey, Usage, context
from crypto.stream import AttachmentNames, AttachmentOpener
from crypto.suite import SUITES, SuiteId
from crypto.types import Digest, MessageId, Secret
from tests.support.outside import chunked_keys, chunked_seal
from tests.support.tree import ROOT

KEY, SALT = bytes(range(32)), bytes(range(24))


def chapter(name: str) -> str:
    return (ROOT / "docs" / "spec" / f"{name}.md").read_text(encoding="utf-8")


def worked(name: str) -> dict[str, str]:
    """Return the lines of the chapter's worked block: a name, two spaces, a value."""
    (block,) = re.findall(r"```worked\n(.*?)```", chapter(name), re.DOTALL)
    return dict(re.split(r" {2,}", line, maxsplit=1) for line in block.splitlines())


def test_the_usages_are_the_closed_list_of_the_chapter() -> None:
    (block,) = re.findall(
        r"```usages\n(.*?)```", chapter("names-and-usages"), re.DOTALL
    )
    assert block.split() == [usage.value.decode() for usage in Usage]


@pytest.mark.parametrize("suite", SuiteId)
def test_the_worked_signature(suite: SuiteId) -> None:
    seed = Secret(bytes(range(SUITES[suite].signature_seed)))
    key, lines = SigningKey.from_seed(suite, seed), worked("signatures")
    ctx = context(Usage.RECORD, Realm.KOERIER)
    representative = _ALGORITHMS[suite].representative(ctx, b"abc")
    assert lines[f"{suite.name} public key, SHA-256"] == H(key.public).hex()
    assert lines[f"{suite.name} key id"] == key.id.hex()
    assert lines[f"{suite.name} M'"] == representative.hex()


@pytest.mark.parametrize("suite", SuiteId)
def test_the_lengths_of_the_signature_chapter(suite: SuiteId) -> None:
    algorithm, row, text = _ALGORITHMS[suite], SUITES[suite], chapter("signatures")
    classical = row.signature_public_key - algorithm.pq_public
    rest = row.signature - algorithm.pq_signature
    curve = "Ed25519" if suite is SuiteId.S1 else "Ed448"
    assert f"ML-DSA {algorithm.pq_public}, {curve} {classical}" in text
    assert f"ML-DSA {algorithm.pq_signature}, {curve} {rest}" in text
    assert f"`{algorithm.label.decode()}`" in text
    assert row.signature_algorithm in text


def test_the_worked_body() -> None:
    lines, message_id = worked("streams"), MessageId(bytes(range(16)))
    bound = T(b"koerier/v1/body", SuiteId.S1.octet, message_id)
    key, nonce, commitment = chunked_keys("sha512", KEY, SALT, bound)
    assert lines["context"] == bound.hex()
    assert (lines["key"], lines["commitment"]) == (key.hex(), commitment.hex())
    assert lines["base nonce"] == nonce.to_bytes(12, "big").hex()
    padded = pad(b"abc", 4096)
    assert lines["padded"] == f"{padded[:7].hex()} and {padded[7:].count(0)} zeros"
    body = chunked_seal("sha512", KEY, SALT, bound, padded)
    assert lines["ciphertext"] == f"{len(body)} bytes, SHA-256 {H(body).hex()}"
    assert open_body(SuiteId.S1, message_id, Secret(KEY), body) == b"abc"


def test_the_worked_attachment() -> None:
    lines, file = worked("attachments"), b"nine byte"
    bound = T(b"koerier/v1/att", SuiteId.S1.octet)
    padded = bytes.fromhex(lines["padded"])
    blob = chunked_seal("sha512", KEY, SALT, bound, padded)
    assert lines["context"] == bound.hex()
    assert lines["blob"] == blob.hex()
    names = AttachmentNames(
        blob=Digest(bytes.fromhex(lines["name"])),
        length=len(file),
        plaintext=Digest(bytes.fromhex(lines["file"])),
    )
    spool = bytearray()
    opener = AttachmentOpener(SuiteId.S1, Secret(KEY), names, spool.extend)
    opener.update(blob)
    opener.finish()
    assert bytes(spool) == file


def test_the_table_of_padded_sizes() -> None:
    rows = re.findall(
        r"^\| (\d+) \| (\d+) \| (\d+) \|$", chapter("streams"), re.MULTILINE
    )
    assert len(rows) == 8
    for length, low, high in rows:
        assert padded_size(int(length), 4096) == int(low)
        assert padded_size(int(length), 6144) == int(high)
