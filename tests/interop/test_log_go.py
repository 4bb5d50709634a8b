"""Go's golang.org/x/mod/sumdb reads our notes, proofs and tiles, and we read its."""

import base64
from typing import Any

import pytest

from crypto.merkle import (
    inclusion_path,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
)
from crypto.notekey import NoteSigningKey
from crypto.types import Digest, Secret
from protocol.checkpoint import parse_checkpoint
from protocol.errors import ProtocolError
from protocol.note import key_hash, parse_note, sign_note, verify_log_signature
from protocol.tiles import Tile, node_source, parse_path, tile_data, tiles_of
from protocol.vkey import VerifierKey
from tests.support.golang import ask
from tests.support.keys import flipped, stretched
from tests.support.log import ED, PQ, GrownLog, leaves
from tests.support.witnesses import witness_key

pytestmark = pytest.mark.go
SIZES = [(1, 2), (1, 3), (2, 3), (4, 7), (7, 8), (8, 9), (255, 256), (256, 600)]
LEAVES = leaves(600)


@pytest.fixture(scope="module")
def log() -> GrownLog:
    return GrownLog().grow(LEAVES)


def vkey(name: str, kind: bytes, public: bytes) -> str:
    return VerifierKey(name, kind, public).text()


def log_vkey(log: GrownLog) -> str:
    return vkey(log.key.origin, b"\x01", log.key.public)


def text(hashed: bytes) -> str:
    return base64.b64encode(hashed).decode()


def digests(texts: list[str]) -> tuple[Digest, ...]:
    return tuple(Digest(base64.b64decode(one)) for one in texts)


def answered(jobs: list[dict[str, Any]]) -> list[Any]:
    return [answer.get("ok", "refused") for answer in ask(jobs)]


def test_go_opens_our_notes_with_log_and_witness(log: GrownLog) -> None:
    w1 = witness_key("w1")
    keys = [log_vkey(log), vkey(w1.name, b"\x04", w1.ed25519)]
    # An ML-DSA line is of a kind that Go does not know: it passes over it.
    both = (
        log.cosigned(9, ["w1"], kind=ED)
        + log.cosigned(9, ["w2"], kind=PQ)[len(log.signed(9)) :]
    )
    opened = {"text": log.text(9).decode(), "names": [log.key.origin, w1.name]}
    stale = log.cosigned(8, ["w1"], kind=ED)[len(log.signed(8)) :]
    changed = both.replace(b"\n9\n", b"\n8\n")
    cases = [both, log.signed(9), log.signed(9) + stale, changed]
    jobs = [{"op": "open", "text": case.decode(), "keys": keys} for case in cases]
    whole, plain, mixed, forged = answered(jobs)
    assert whole == opened
    assert plain == opened | {"names": [log.key.origin]}
    assert (mixed, forged) == ("refused", "refused")


def test_go_reads_our_checkpoints(log: GrownLog) -> None:
    # Go's own tree text has another first line; size and root are written alike.
    body = log.text(9).replace(log.key.origin.encode(), b"go.sum database tree")
    (read,) = answered([{"op": "parse tree", "text": body.decode()}])
    assert read == {"size": 9, "root": text(log.roots[9])}


def test_we_verify_what_go_signs(log: GrownLog) -> None:
    seed = stretched("go", 32)
    key = NoteSigningKey.from_seed(ED, Secret(seed))
    hashed = key_hash("go.example", b"\x01", key.public)
    skey = f"PRIVATE+KEY+go.example+{hashed.hex()}+{text(bytes([1]) + seed)}"
    body = log.text(9).decode()
    (signed,) = answered([{"op": "sign", "text": body, "signer": skey}])
    note = parse_note(signed.encode())
    verify_log_signature(note, "go.example", key.public)
    assert parse_checkpoint(note.text).root == log.roots[9]
    # Ed25519 is deterministic: the same note to the byte.
    assert sign_note(body.encode(), "go.example", key).decode() == signed


def test_both_refuse_the_same_notes(log: GrownLog) -> None:
    note, keys = log.signed(9), [log_vkey(log)]
    cases = [
        note[:-1],
        note + b"\n",
        note + b"more",
        note.replace(b"\n\n", b"\n"),
        note.replace("\u2014".encode(), b"-"),
        note.replace(b"relay.example/message-log ", b"a b "),
        note.replace(b"\n9\n", b"\n9\r\n"),
        note.replace(b"=\n", b"\n"),
        log.text(9),
        "\u2014 a AAAAAAA=\n".encode(),
        note + "\u2014 a+b AAAAAAA=\n".encode(),
        note + "\u2014 a\u00a0b AAAAAAA=\n".encode(),
        note + "\u2014 a AAAA\n".encode(),
    ]
    jobs = [{"op": "open", "text": case.decode(), "keys": keys} for case in cases]
    assert set(answered(jobs)) == {"refused"}
    for case in cases:
        with pytest.raises(ProtocolError):
            verify_log_signature(parse_note(case), log.key.origin, log.key.public)


@pytest.fixture(scope="module")
def trees() -> list[dict[str, Any]]:
    """What Go says about logs of these sizes."""
    jobs = [
        {
            "op": "tree",
            "leaves": [leaf.hex() for leaf in LEAVES[:new]],
            "old": old,
            "new": new,
            "index": old - 1,
        }
        for old, new in SIZES
    ]
    return answered(jobs)


def test_we_make_the_roots_and_proofs_that_go_makes(
    log: GrownLog, trees: list[dict[str, Any]]
) -> None:
    for (old, new), tree in zip(SIZES, trees, strict=True):
        assert digests([tree["root"]]) == (log.roots[new],)
        assert digests(tree["inclusion"]) == log.inclusion(old - 1, new)
        assert digests(tree["consistency"]) == log.consistency(old, new)


def test_we_make_the_tiles_that_go_makes(
    log: GrownLog, trees: list[dict[str, Any]]
) -> None:
    for (old, new), tree in zip(SIZES, trees, strict=True):
        ours = {
            tile.path(): tile_data(tile, log.node).hex() for tile in tiles_of(old, new)
        }
        # Go lists every width up to the new one; only the widest is ever read.
        narrower = {path for path in tree["tiles"] if path not in ours}
        assert ours == {p: d for p, d in tree["tiles"].items() if p not in narrower}
        assert all(path.partition(".p/")[1] for path in narrower)


def test_we_prove_from_gos_tiles(log: GrownLog) -> None:
    job = {"op": "tree", "leaves": [leaf.hex() for leaf in LEAVES], "new": 600}
    (tree,) = answered([job | {"old": 1, "index": 0}])
    tiles: dict[tuple[int, int], bytes] = {}
    for path, data in tree["tiles"].items():
        tile = parse_path(path)
        key, hashes = (tile.level or 0, tile.number), bytes.fromhex(data)
        tiles[key] = max(tiles.get(key, b""), hashes, key=len)
    proof = inclusion_path(300, 600, node_source(tiles))
    verify_inclusion(LEAVES[300], 300, 600, proof, log.roots[600])


def test_go_proves_from_our_tiles_and_notices_a_changed_one(log: GrownLog) -> None:
    tiles = {t.path(): tile_data(t, log.node).hex() for t in tiles_of(0, 600)}
    top = Tile(1, 0, 2)
    changed = tiles | {top.path(): flipped(tile_data(top, log.node), 40).hex()}
    job = {
        "op": "from tiles",
        "new": 600,
        "index": 300,
        "roots": [text(log.roots[600])],
    }
    good, bad = answered([job | {"tiles": tiles}, job | {"tiles": changed}])
    assert digests(good) == log.inclusion(300, 600)
    assert bad == "refused"


def test_go_verifies_our_proofs_and_refuses_what_we_refuse(log: GrownLog) -> None:
    jobs: list[dict[str, Any]] = []
    for old, new in SIZES:
        index = old - 1
        job = {"op": "check record", "new": new, "index": index}
        job |= {"roots": [text(log.roots[new])], "leaf": LEAVES[index].hex()}
        path = [text(node) for node in log.inclusion(index, new)]
        jobs += [job | {"proof": path}, job | {"proof": path, "leaf": "00"}]
        jobs += [job | {"proof": path[:-1]}, job | {"proof": [*path, path[0]]}]
        job = {"op": "check tree", "old": old, "new": new}
        job |= {"roots": [text(log.roots[old]), text(log.roots[new])]}
        proof = [text(node) for node in log.consistency(old, new)]
        jobs += [job | {"proof": proof}, job | {"proof": proof[:-1]}]
        jobs += [job | {"proof": [*proof, proof[0]]}]
        jobs += [job | {"proof": proof, "roots": [text(log.roots[new])] * 2}]
    assert answered(jobs) == [True, "refused", "refused", "refused"] * 2 * len(SIZES)


def test_we_verify_gos_proofs(log: GrownLog, trees: list[dict[str, Any]]) -> None:
    for (old, new), tree in zip(SIZES, trees, strict=True):
        (root,) = digests([tree["root"]])
        path = digests(tree["inclusion"])
        verify_inclusion(LEAVES[old - 1], old - 1, new, path, root)
        proof = digests(tree["consistency"])
        verify_consistency(old, new, proof, log.roots[old], root)
    assert leaf_hash(LEAVES[0]) == log.node(0, 0)


def test_tile_paths_are_spelled_alike() -> None:
    tiles = [
        Tile(level, number, width)
        for level in (0, 1, 5)
        for number in (0, 7, 999, 1000, 1234067, 10**9)
        for width in (1, 255, 256)
    ]
    jobs: list[dict[str, Any]] = [
        {"op": "tile path", "level": t.level, "number": t.number, "width": t.width}
        for t in tiles
    ]
    assert answered(jobs) == [tile.path() for tile in tiles]
    parsed = [{"op": "parse path", "text": tile.path()} for tile in tiles]
    assert answered(parsed) == [[t.level, t.number, t.width] for t in tiles]
