"""Trees, notes and the door to a log, on values that nobody chose."""

import hypothesis.strategies as st
import pymerkle  # type: ignore[import-untyped]  # ships no types
import pytest
from hypothesis import assume, given

from crypto.errors import ProofError
from crypto.merkle import EMPTY_ROOT, Frontier, verify_consistency, verify_inclusion
from crypto.types import Digest
from protocol.checkpoint import Checkpoint, parse_checkpoint
from protocol.errors import ProtocolError
from protocol.note import parse_note, sign_note
from protocol.tiles import Tile, parse_path, read_bundle, tiles_of, write_bundle
from protocol.tlog_proof import read_proof, write_proof
from protocol.vkey import VerifierKey, parse_vkey
from protocol.witness import read_request, write_request
from protocol.witnessed_time import WitnessedTime
from tests.support.log import ED, NOW, GrownLog, leaves, mth
from tests.support.witnesses import note_key

entries = st.lists(st.binary(max_size=8), max_size=70)
digests = st.binary(min_size=32, max_size=32).map(Digest)
proofs = st.lists(digests, max_size=10).map(tuple)
names = st.text(min_size=1, max_size=20).filter(
    lambda name: not any(c == "+" or c.isspace() or c < " " for c in name)
)
text_lines = st.text(
    st.characters(min_codepoint=32, exclude_categories=["Cs"]), min_size=1, max_size=20
)


@st.composite
def places(draw: st.DrawFn) -> tuple[list[bytes], int, int]:
    """Return leaves, and two sizes up to their number."""
    data = draw(st.lists(st.binary(max_size=4), min_size=1, max_size=70))
    new = draw(st.integers(1, len(data)))
    return data, draw(st.integers(0, new)), new


@given(entries)
def test_the_root_is_the_rfcs_and_another_librarys(data: list[bytes]) -> None:
    frontier = Frontier()
    other = pymerkle.InmemoryTree(algorithm="sha256")
    for leaf in data:
        frontier = frontier.append(leaf)
        other.append_entry(leaf)
    assert frontier.root() == mth(data) == other.get_root(len(data))


@given(places())
def test_our_paths_are_another_librarys(place: tuple[list[bytes], int, int]) -> None:
    data, old, new = place
    log = GrownLog().grow(data)
    other = pymerkle.InmemoryTree(algorithm="sha256")
    for leaf in data:
        other.append_entry(leaf)
    index = old % new
    theirs = other.prove_inclusion(index + 1, new).path  # they count from one
    assert list(log.inclusion(index, new)) == theirs[1:]
    if old:
        shown = other.prove_consistency(old, new)
        pymerkle.verify_consistency(log.roots[old], log.roots[new], shown)


@given(places())
def test_what_is_proven_verifies(place: tuple[list[bytes], int, int]) -> None:
    data, old, new = place
    log = GrownLog().grow(data)
    proof = log.consistency(old, new)
    verify_consistency(old, new, proof, log.roots[old], log.roots[new])
    index = old % new
    verify_inclusion(data[index], index, new, log.inclusion(index, new), log.roots[new])


@given(places(), st.data())
def test_a_changed_proof_never_verifies(
    place: tuple[list[bytes], int, int], choose: st.DataObject
) -> None:
    data, old, new = place
    log = GrownLog().grow(data)
    proof = list(log.consistency(old, new))
    roots = [log.roots[old], log.roots[new]]
    parts = [(proof, i) for i in range(len(proof))] + [(roots, 0), (roots, 1)]
    part, at = choose.draw(st.sampled_from(parts))
    changed = bytearray(part[at])
    changed[choose.draw(st.integers(0, 31))] ^= choose.draw(st.integers(1, 255))
    part[at] = Digest(bytes(changed))
    assume(not (old == 0 and part is roots and at == 1))  # nothing binds no leaves
    with pytest.raises(ProofError):
        verify_consistency(old, new, proof, *roots)


@given(st.integers(-2, 70), st.integers(-2, 70), proofs, digests)
def test_a_proof_that_nobody_made_is_refused(
    index: int, size: int, proof: tuple[Digest, ...], root: Digest
) -> None:
    with pytest.raises(ProofError):
        verify_inclusion(b"leaf", index, size, proof, root)
    for old_root, new_root in ((root, EMPTY_ROOT), (EMPTY_ROOT, root)):
        if index == 0 < size and old_root == EMPTY_ROOT and not proof:
            continue  # any tree extends nothing
        with pytest.raises(ProofError):
            verify_consistency(index, size, proof, old_root, new_root)


@given(st.lists(st.integers(0, 12), max_size=6), st.sampled_from([0, 1]))
def test_the_trusted_size_never_falls_and_roots_stay_the_logs(
    sizes: list[int], fork: int
) -> None:
    log = GrownLog().grow(leaves(12))
    other = GrownLog().grow([b"forked", *leaves(12)[1:]]) if fork else log
    trusted = log.trusted()
    for step, size in enumerate(sizes):
        source = other if step % 2 else log
        before = trusted
        try:
            trusted = trusted.adopt(
                source.cosigned(size, now=NOW + step),
                source.consistency(min(before.size, size), size),
            )
        except ProtocolError:
            assert trusted == before
        assert trusted.size >= before.size
        assert trusted.witnessed >= before.witnessed
        first = log if not fork or trusted.root in log.roots else other
        assert trusted.root == first.roots[trusted.size]


@given(
    text_lines, st.integers(0, 10**15 - 1), digests, st.lists(text_lines, max_size=3)
)
def test_a_checkpoint_survives(
    origin: str, size: int, root: Digest, more: list[str]
) -> None:
    checkpoint = Checkpoint(origin, size, root, tuple(more))
    assert parse_checkpoint(checkpoint.text()) == checkpoint


@given(names, st.lists(text_lines, max_size=4))
def test_a_note_survives(name: str, body: list[str]) -> None:
    text = "".join(f"{line}\n" for line in (*body, "last")).encode()
    data = sign_note(text, name, note_key("log", ED))
    note = parse_note(data)
    assert (note.text, note.lines[0].name, note.data()) == (text, name, data)


@given(st.integers(0, 10**15 - 1), proofs, digests)
def test_requests_and_proofs_survive(
    number: int, proof: tuple[Digest, ...], root: Digest
) -> None:
    note = sign_note(Checkpoint("o", 1, root).text(), "o", note_key("log", ED))
    read = read_proof(write_proof(number, proof, note))
    assert (read.index, read.path, read.note) == (number, proof, note)
    request = read_request(write_request(number, proof, note))
    assert (request.old, request.proof, request.data) == (number, proof, note)


@given(st.none() | st.integers(0, 63), st.integers(0, 10**15 - 1), st.integers(1, 256))
def test_a_tiles_path_survives(level: int | None, number: int, width: int) -> None:
    tile = Tile(level, number, width)
    assert parse_path(tile.path()) == tile


@given(st.integers(0, 10**6), st.integers(0, 10**4))
def test_growth_writes_each_new_hash_of_the_tiles_once(old: int, more: int) -> None:
    for level in range(4):
        before, after = old >> 8 * level, (old + more) >> 8 * level
        written = [tile for tile in tiles_of(old, old + more) if tile.level == level]
        fresh = [
            index
            for tile in written
            for index in range(tile.number * 256, tile.number * 256 + tile.width)
            if index >= before
        ]
        assert fresh == list(range(before, after))


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=256))
def test_a_bundle_survives(data: list[bytes]) -> None:
    assert read_bundle(write_bundle(data), len(data)) == tuple(data)


@given(names.filter(str.isascii), st.binary(min_size=1, max_size=1), digests)
def test_a_verifier_key_survives(name: str, kind: bytes, public: Digest) -> None:
    key = VerifierKey(name, kind, public)
    assert parse_vkey(key.text()) == key


@given(st.lists(st.tuples(st.integers(1, 10**9), st.integers(0, 10**6)), max_size=8))
def test_witnessed_time_never_falls(news: list[tuple[int, int]]) -> None:
    time, ticks = WitnessedTime(), 0
    for at, passed in news:
        ticks += passed
        before, time = time, time.learned(at, ticks)
        assert time.attested >= before.attested
        assert time.at(ticks) >= before.at(ticks)
        assert time.attested <= max(at for at, _ in news)
