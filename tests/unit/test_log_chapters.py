"""The chapters log and time: worked bytes, tables and bounds are the code's."""

import re

import pytest
from msgspec import structs

from crypto.digest import H
from crypto.merkle import Frontier, leaf_hash
from crypto.notekey import NoteAlgorithm, NoteSigningKey
from crypto.types import Secret
from protocol.bulletins import MAX_BULLETIN, MAX_OF_ONE_KEY
from protocol.checkpoint import Checkpoint
from protocol.cosignature import KINDS, MAX_TIME, cosign, cosigned_message
from protocol.leaf import leaf_commitment, message_leaf
from protocol.limits import MAX_NOTE
from protocol.note import MAX_LINES, add_lines, key_hash, parse_note, sign_note
from protocol.tiles import MAX_ENTRY, MAX_LEVEL, Tile
from protocol.trusted_log import TrustedLog
from protocol.vkey import VerifierKey
from protocol.witness_policy import WitnessKey, WitnessPolicy
from tests.support.log import GrownLog, leaves
from tests.support.tree import ROOT
from tests.support.witnesses import note_key

WITNESS, NOW = "w1.example/witness", 1790000000
ED, PQ = NoteAlgorithm.ED25519, NoteAlgorithm.ML_DSA_44


def chapter(name: str) -> str:
    return (ROOT / "docs" / "spec" / f"{name}.md").read_text(encoding="utf-8")


def block(name: str, kind: str) -> str:
    (found,) = re.findall(rf"```{kind}\n(.*?)```", chapter(name), re.DOTALL)
    return str(found)


def key(algorithm: NoteAlgorithm, first: int) -> NoteSigningKey:
    return NoteSigningKey.from_seed(algorithm, Secret(bytes(range(first, first + 32))))


LOG, ED25519, ML_DSA = key(ED, 0), key(ED, 32), key(PQ, 64)


@pytest.fixture(scope="module")
def worked() -> dict[str, str]:
    lines = block("log", "worked").splitlines()
    return dict(re.split(r" {2,}", line, maxsplit=1) for line in lines)


@pytest.fixture(scope="module")
def leaf() -> bytes:
    return message_leaf(leaf_commitment(bytes(range(32)), b"slip"), H(b"body"))


@pytest.fixture(scope="module")
def checkpoint(leaf: bytes) -> Checkpoint:
    frontier = Frontier().append(leaf).append(b"a").append(b"b")
    return Checkpoint("relay.example/message-log", 3, frontier.root())


def test_the_worked_leaf_and_root(
    worked: dict[str, str], leaf: bytes, checkpoint: Checkpoint
) -> None:
    assert worked["leaf"] == leaf.hex()
    assert worked["leaf hash"] == leaf_hash(leaf).hex()
    assert worked["root of 3"] == checkpoint.root.hex()
    assert block("log", "checkpoint").encode() == checkpoint.text()


def test_the_worked_lines(worked: dict[str, str], checkpoint: Checkpoint) -> None:
    data = sign_note(checkpoint.text(), checkpoint.origin, LOG)
    log_line = worked["log line"].encode() + b"\n"
    assert data == checkpoint.text() + b"\n" + log_line
    line = cosign(parse_note(data), WITNESS, ED25519, now=NOW)
    assert line == worked["Ed25519 line"].encode() + b"\n"


def test_the_worked_keys(worked: dict[str, str], checkpoint: Checkpoint) -> None:
    log = VerifierKey(checkpoint.origin, b"\x01", LOG.public)
    assert worked["log key"] == log.text()
    assert worked["Ed25519 key"] == VerifierKey(WITNESS, b"\x04", ED25519.public).text()
    hashed = key_hash(WITNESS, KINDS[PQ], ML_DSA.public)
    assert worked["ML-DSA-44 hash"] == hashed.hex()


def test_the_worked_message_of_ml_dsa(
    worked: dict[str, str], checkpoint: Checkpoint
) -> None:
    message = cosigned_message(PQ, checkpoint.text(), checkpoint, WITNESS, NOW)
    assert worked["ML-DSA-44 signs"] == message.hex()


def test_the_worked_tile(worked: dict[str, str]) -> None:
    path = Tile(0, 1234067, 8).path()
    assert worked["tile"] == f"{path} is level 0, number 1234067, width 8"


def test_the_types_and_bounds_of_the_chapter() -> None:
    text = chapter("log")
    for algorithm, kind in KINDS.items():
        assert f"| {algorithm.value} | {kind.hex()} |" in text
    assert f"at most {MAX_NOTE // 1024} KiB and {MAX_LINES} lines" in text
    assert f"at most {MAX_BULLETIN // 1024} KiB, at most {MAX_OF_ONE_KEY} of" in text
    assert f"above {MAX_ENTRY:,} bytes" in text
    assert f"levels are 0-{MAX_LEVEL}" in text
    assert f"2^{MAX_TIME.bit_length() - 1} and more" in text


def test_the_worked_quorum_time() -> None:
    rows = re.findall(
        r"^\| ([\w -]+) \| (w\d) \| (\d+) \|$", block("time", "times"), re.MULTILINE
    )
    assert len(rows) == 4
    log = GrownLog().grow(leaves(3))
    witnesses, note = [], log.signed(3)
    lines = []
    for organisation, name, time in rows:
        pq = note_key(name, PQ)
        witness = WitnessKey(
            name=f"{name}.example",
            organisation=organisation,
            ed25519=note_key(name, ED).public,
            mldsa44=pq.public,
            address="https://w.example",
            mirror=1,
        )
        witnesses.append(witness)
        lines.append(cosign(parse_note(note), witness.name, pq, now=int(time)))
    policy = WitnessPolicy(witnesses=tuple(witnesses), quorum=2)
    data = add_lines(note, lines)
    time = TrustedLog(log.key, policy).adopt(data, ()).witnessed
    assert f"**{time}**" in chapter("time")
    strict = structs.replace(policy, quorum=3)
    assert TrustedLog(log.key, strict).adopt(data, ()).witnessed < time


@pytest.mark.parametrize("name", ["log", "time"])
def test_requirements_are_numbered_without_gaps(name: str) -> None:
    numbers = re.findall(r"^- \*\*[A-Z]+-(\d+)\*\*", chapter(name), re.MULTILINE)
    # In any order: a later one stands with its subject, and none is given twice.
    assert sorted(map(int, numbers)) == list(range(1, len(numbers) + 1))
