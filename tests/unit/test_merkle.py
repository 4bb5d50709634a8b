"""RFC 6962 trees: the tests here define nothing by the code under test."""

import pytest

from crypto.errors import ProofError
from crypto.merkle import (
    EMPTY_ROOT,
    Frontier,
    consistency_path,
    inclusion_path,
    root_of,
    subtree_root,
    verify_consistency,
    verify_inclusion,
    verify_inclusion_hash,
)
from crypto.types import Digest
from tests.support.log import GrownLog, leaves, mth

SIZES = range(1, 34)
# Leaves of the Certificate Transparency test trees, and the roots by size.
CT_LEAVES = [
    bytes.fromhex(leaf)
    for leaf in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
CT_ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


@pytest.fixture(scope="module")
def log() -> GrownLog:
    return GrownLog().grow(leaves(33))


@pytest.mark.parametrize("size", CT_ROOTS)
def test_the_roots_that_certificate_transparency_publishes(size: int) -> None:
    assert root_of(CT_LEAVES[:size]).hex() == CT_ROOTS[size]


def test_no_leaves_have_the_hash_of_nothing() -> None:
    assert Frontier().root() == EMPTY_ROOT == mth([])


def test_the_frontier_gives_the_root_that_the_rfc_defines(log: GrownLog) -> None:
    for size in SIZES:
        assert log.roots[size] == mth(leaves(size))
        assert Frontier(size, ()) != log.frontier


def test_a_frontier_holds_one_peak_for_each_bit_of_the_size() -> None:
    frontier = Frontier()
    for size, leaf in enumerate(leaves(100), 1):
        frontier = frontier.append(leaf)
        assert (frontier.size, len(frontier.peaks)) == (size, size.bit_count())


def test_every_leaf_of_every_tree_is_proven_and_no_other(log: GrownLog) -> None:
    for size in SIZES:
        for index, leaf in enumerate(leaves(size)):
            path = log.inclusion(index, size)
            verify_inclusion(leaf, index, size, path, log.roots[size])
            with pytest.raises(ProofError):
                verify_inclusion(b"other", index, size, path, log.roots[size])


def test_every_tree_is_shown_to_extend_every_smaller_one(log: GrownLog) -> None:
    for new in SIZES:
        for old in range(new + 1):
            path = log.consistency(old, new)
            verify_consistency(old, new, path, log.roots[old], log.roots[new])
            assert (path == ()) == (old in {0, new})


def test_a_proof_at_another_place_does_not_hold(log: GrownLog) -> None:
    leaf, path, root = leaves(9)[4], log.inclusion(4, 9), log.roots[9]
    for index, size in ((5, 9), (4, 17), (4, 3), (9, 9), (-1, 9), (0, 0), (12, 9)):
        with pytest.raises(ProofError):
            verify_inclusion(leaf, index, size, path, root)


def test_a_path_that_is_longer_shorter_or_changed_does_not_hold(
    log: GrownLog,
) -> None:
    leaf, path, root = leaves(9)[4], log.inclusion(4, 9), log.roots[9]
    for other in ((), path[:-1], (*path, root), path[::-1], (root, *path)):
        with pytest.raises(ProofError):
            verify_inclusion(leaf, 4, 9, other, root)
    with pytest.raises(ProofError):
        verify_inclusion(leaf, 4, 9, path, log.roots[8])


def test_an_inner_node_cannot_be_shown_as_a_leaf(log: GrownLog) -> None:
    # Without the prefixes the two children of a node would be a leaf of half a tree.
    left, right = log.node(0, 0), log.node(0, 1)
    path = tuple(log.node(level, 1) for level in (1, 2))
    with pytest.raises(ProofError):
        verify_inclusion(left + right, 0, 4, path, log.roots[8])
    verify_inclusion_hash(log.node(1, 0), 0, 4, path, log.roots[8])


@pytest.mark.parametrize(("old", "new"), [(3, 7), (4, 7), (6, 8), (8, 9), (1, 2)])
def test_a_consistency_proof_holds_for_its_sizes_only(
    log: GrownLog, old: int, new: int
) -> None:
    path, older, newer = log.consistency(old, new), log.roots[old], log.roots[new]
    for proof in ((), path[:-1], (*path, older), (older, *path)):
        with pytest.raises(ProofError):
            verify_consistency(old, new, proof, older, newer)
    for sizes in ((old, old - 1), (old + 1, new), (old, 2 * new + 7), (-1, new)):
        with pytest.raises(ProofError):
            verify_consistency(*sizes, path, older, newer)
    for roots in ((newer, newer), (older, older), (EMPTY_ROOT, newer)):
        with pytest.raises(ProofError):
            verify_consistency(old, new, path, *roots)


def test_a_rewritten_history_is_not_an_extension(log: GrownLog) -> None:
    forked = GrownLog().grow([*leaves(3), b"rewritten", *leaves(33)[4:]])
    for old in range(4, 33):
        proof = forked.consistency(old, 33)
        with pytest.raises(ProofError):
            verify_consistency(old, 33, proof, log.roots[old], forked.roots[33])


@pytest.mark.parametrize("size", [0, 5])
def test_equal_sizes_have_equal_roots_and_no_proof(log: GrownLog, size: int) -> None:
    root = log.roots[size]
    verify_consistency(size, size, (), root, root)
    with pytest.raises(ProofError):
        verify_consistency(size, size, (), root, log.roots[6])
    with pytest.raises(ProofError):
        verify_consistency(size, size, (root,), root, root)


def test_the_empty_tree_has_one_root(log: GrownLog) -> None:
    verify_consistency(0, 5, (), EMPTY_ROOT, log.roots[5])
    with pytest.raises(ProofError):
        verify_consistency(0, 5, (), log.roots[4], log.roots[5])
    with pytest.raises(ProofError):
        verify_consistency(0, 0, (), log.roots[4], log.roots[4])


def test_asking_for_what_no_tree_has_is_a_bug(log: GrownLog) -> None:
    for index, size in ((3, 3), (-1, 3), (0, 0)):
        with pytest.raises(ValueError, match="no such leaf"):
            inclusion_path(index, size, log.node)
    for old, new in ((4, 3), (-1, 3)):
        with pytest.raises(ValueError, match="does not shrink"):
            consistency_path(old, new, log.node)


def test_a_proof_reads_few_nodes_of_a_large_tree() -> None:
    asked: list[tuple[int, int]] = []

    def node(level: int, index: int) -> Digest:
        asked.append((level, index))
        return Digest(bytes(32))

    size = 10**6
    assert len(inclusion_path(size // 3, size, node)) <= size.bit_length()
    assert len(asked) <= 2 * size.bit_length()
    asked.clear()
    consistency_path(size // 3, size, node)
    assert len(asked) <= 2 * size.bit_length()


def test_a_subtree_is_hashed_from_its_full_parts(log: GrownLog) -> None:
    assert subtree_root(16, 27, log.node) == mth(leaves(33)[16:27])
