"""Go's golang.org/x/mod/sumdb verifies the notes and proofs of an evidence bundle.

Go knows Ed25519 lines: the log's own.  The witnesses' ML-DSA lines are verified by the
second program of tests/second.
"""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from crypto.merkle import leaf_hash
from protocol.checkpoint import Checkpoint, parse_checkpoint
from protocol.codec import decode
from protocol.evidence.bundle import Bundle, Sealing, read_bundle, read_pages
from protocol.leaf import leaf_commitment, message_leaf
from protocol.note import parse_note
from protocol.root import LogKey, RootDocument
from protocol.root_chain import first_root
from protocol.slip import MAX_INNER, Heads, Inner, Slip
from protocol.tlog_proof import read_proof
from protocol.vkey import VerifierKey
from tests.support.golang import ask

pytestmark = pytest.mark.go
GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture(scope="module", params=["s1", "s2"])
def bundle(request: pytest.FixtureRequest) -> Bundle:
    told = json.loads((GOLDEN / f"{request.param}.evidence.json").read_text())
    found = read_bundle((GOLDEN / f"{request.param}.evidence").read_bytes())
    assert first_root(read_pages(found.pages)).digest.hex() == told["pin"]
    return found


def root(bundle: Bundle) -> RootDocument:
    return decode(first_root(read_pages(bundle.pages)).document, RootDocument)


def text(hashed: bytes) -> str:
    return base64.b64encode(hashed).decode()


def answered(jobs: list[dict[str, Any]]) -> list[Any]:
    return [answer.get("ok", "refused") for answer in ask(jobs)]


def opening(note: bytes, log: LogKey) -> dict[str, Any]:
    key = VerifierKey(log.origin, b"\x01", log.public).text()
    return {"op": "open", "text": note.decode(), "keys": [key]}


def parts(sealing: Sealing) -> tuple[bytes, Heads, Checkpoint]:
    """Return the leaf, what the signer saw, and the checkpoint of the proof."""
    inner = decode(sealing.inner, Inner, limit=MAX_INNER)
    slip = decode(inner.slip, Slip)
    leaf = message_leaf(leaf_commitment(slip.r, inner.slip), sealing.body)
    note = parse_note(read_proof(sealing.proof).note)
    return leaf, slip.dir, parse_checkpoint(note.text)


def test_go_opens_every_note(bundle: Bundle) -> None:
    known = root(bundle)
    jobs = [opening(note, known.key_log) for note in bundle.notes]
    sealings = (bundle.record, *bundle.receipts)
    notes = [read_proof(sealing.proof).note for sealing in sealings]
    jobs += [opening(note, known.message_log) for note in notes]
    for job, answer in zip(jobs, answered(jobs), strict=True):
        assert answer["names"] == [job["text"].split("\n")[0]]
    changed = [job | {"text": job["text"].replace("\n7\n", "\n8\n")} for job in jobs]
    assert answered(changed[:1]) == ["refused"]


def test_go_finds_every_leaf_under_its_checkpoint(bundle: Bundle) -> None:
    jobs = []
    for sealing in (bundle.record, *bundle.receipts):
        leaf, _, checkpoint = parts(sealing)
        proof = read_proof(sealing.proof)
        job = {
            "op": "check record",
            "new": checkpoint.size,
            "index": proof.index,
            "roots": [text(checkpoint.root)],
            "proof": [text(node) for node in proof.path],
        }
        jobs += [job | {"leaf": leaf.hex()}, job | {"leaf": leaf[:-1].hex() + "00"}]
    assert answered(jobs) == [True, "refused"] * (len(jobs) // 2)


def test_go_finds_that_each_signer_saw_an_earlier_part_of_the_same_log(
    bundle: Bundle,
) -> None:
    jobs = []
    for sealing in (bundle.record, *bundle.receipts):
        _, heads, checkpoint = parts(sealing)
        if not heads.message_size:
            assert sealing.path == ()  # everything extends an empty log
            continue
        job: dict[str, Any] = {
            "op": "check tree",
            "old": heads.message_size,
            "new": checkpoint.size,
            "roots": [text(heads.message_root), text(checkpoint.root)],
            "proof": [text(node) for node in sealing.path],
        }
        false = [text(leaf_hash(b"")), job["roots"][1]]
        jobs += [job, job | {"roots": false}]
    assert jobs
    assert answered(jobs) == [True, "refused"] * (len(jobs) // 2)


def test_go_builds_the_key_logs_tree(bundle: Bundle) -> None:
    leaves = read_pages(bundle.pages)
    checkpoint = parse_checkpoint(parse_note(bundle.notes[-1]).text)
    job = {
        "op": "tree",
        "leaves": [leaf.hex() for leaf in leaves],
        "old": 1,
        "new": len(leaves),
        "index": 0,
    }
    (tree,) = answered([job])
    assert tree["root"] == text(checkpoint.root)
    assert checkpoint.size == len(leaves)
