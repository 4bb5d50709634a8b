"""The chapter on evidence prints what the code has, and its file verifies for ever."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crypto.sign import Realm
from crypto.types import Digest
from protocol.codec import Message, decode
from protocol.evidence.bundle import Bundle, Sealing, read_bundle, read_pages
from protocol.evidence.check import verify_bundle
from protocol.evidence.findings import Standing
from protocol.leaf import leaf_commitment, message_leaf
from protocol.slip import MAX_INNER, Inner, Slip
from protocol.tlog_proof import read_proof
from tests.unit.test_spec_index import block

GOLDEN = Path(__file__).parents[1] / "golden"
CHAPTER = "evidence.md"


def golden(name: str) -> tuple[bytes, dict[str, Any]]:
    told = json.loads((GOLDEN / f"{name}.evidence.json").read_text(encoding="utf-8"))
    return (GOLDEN / f"{name}.evidence").read_bytes(), told


def in_line(kind: type[Message]) -> str:
    names = [
        field.name + ("" if field.required else "?")
        for field in msgspec.structs.fields(kind)
    ]
    return f"{kind.__name__}: {' '.join(names)}"


def test_the_fields_are_the_ones_that_the_code_has() -> None:
    assert block(CHAPTER, "fields") == [in_line(Bundle), in_line(Sealing)]


def test_the_standings_are_the_ones_that_the_code_has() -> None:
    listed = [line.split("  ")[0].strip() for line in block(CHAPTER, "standings")]
    assert listed == [standing.value for standing in Standing]


def test_the_worked_bytes_are_those_of_the_golden_file() -> None:
    data, _ = golden("s1")
    bundle = read_bundle(data)
    inner = decode(bundle.record.inner, Inner, limit=MAX_INNER)
    slip = decode(inner.slip, Slip)
    leaf = message_leaf(leaf_commitment(slip.r, inner.slip), bundle.record.body)
    worked = {
        "bytes": str(len(data)),
        "SHA-256": sha256(data).hexdigest(),
        "begins": data[:18].hex(),
        "leaves": str(len(read_pages(bundle.pages))),
        "H(record)": sha256(inner.record).hexdigest(),
        "leaf": leaf.hex(),
        "index": str(read_proof(bundle.record.proof).index),
        "slip.dir": f"{slip.dir.key_size}, {slip.dir.message_size}",
    }
    printed = dict(line.split(maxsplit=1) for line in block(CHAPTER, "worked"))
    assert printed == worked


@pytest.mark.parametrize("name", ["s1", "s2"])
def test_old_bundles_verify_for_ever(name: str) -> None:
    data, told = golden(name)
    pin = Digest(bytes.fromhex(told["pin"]))
    found = verify_bundle(data, pin, Realm(told["realm"].encode()))
    assert found.record.name.hex() == told["record"]
    assert found.record.record.sender == told["from"]
    assert found.record.member is not None
    assert found.record.member.name == told["member"]
    assert found.record.index == told["index"]
    assert found.record.witnessed == told["witnessed"]
    assert [
        [one.statement.kind.name, one.signer.post, one.carrier.witnessed]
        for one in found.receipts
    ] == told["receipts"]
