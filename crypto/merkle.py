"""RFC 6962 trees: append, roots, inclusion and consistency, in O(log n) each.

A log keeps its *nodes*: the hash of every full subtree, by level and index (level 0
is the leaves, node ``(l, i)`` covers leaves ``i * 2**l`` to ``(i + 1) * 2**l``).  The
proofs here read nodes through a function, so that a store or a tile serves them and
nothing is computed anew::

    frontier = Frontier().append(b"leaf")          # immutable, right edge of a tree
    path = inclusion_path(index, size, node)       # node(level, index) -> Digest
    verify_inclusion(b"leaf", index, size, path, root)

Source: RFC 6962 section 2.1; RFC 9162 sections 2.1.3.2 and 2.1.4.2 for verification.
"""

import hmac
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from crypto.digest import H
from crypto.errors import ProofError
from crypto.types import Digest

_LEAF: Final = b"\x00"
_NODE: Final = b"\x01"
EMPTY_ROOT: Final = H(b"")  # RFC 6962: the hash of no leaves

NodeSource = Callable[[int, int], Digest]  # (level, index) of a full subtree


def leaf_hash(leaf: bytes) -> Digest:
    """Return the hash of a leaf's data."""
    return H(_LEAF + leaf)


def node_hash(left: Digest, right: Digest) -> Digest:
    """Return the hash of two neighbours."""
    return H(_NODE + left + right)


@dataclass(frozen=True, slots=True)
class Frontier:
    """The right edge of a tree: roots of its full subtrees, largest first."""

    size: int = 0
    peaks: tuple[Digest, ...] = ()

    def append(self, leaf: bytes) -> "Frontier":
        """Return the frontier with one more leaf."""
        return self.append_hash(leaf_hash(leaf))[0]

    def append_hash(
        self, hashed: Digest
    ) -> tuple["Frontier", tuple[tuple[int, int, Digest], ...]]:
        """Return the frontier with one more leaf hash, and the nodes that it makes.

        Each node is (level, index, hash); the leaf itself is the first.
        """
        level, index = 0, self.size
        made = [(level, index, hashed)]
        peaks = list(self.peaks)
        while index % 2:  # a left neighbour of the same level stands waiting
            hashed = node_hash(peaks.pop(), hashed)
            level, index = level + 1, index // 2
            made.append((level, index, hashed))
        return Frontier(self.size + 1, (*peaks, hashed)), tuple(made)

    def root(self) -> Digest:
        """Return the tree's root hash."""
        if not self.peaks:
            return EMPTY_ROOT
        *rest, right = self.peaks
        for peak in reversed(rest):
            right = node_hash(peak, right)
        return right


def root_of(leaves: Iterable[bytes]) -> Digest:
    """Return the root of a tree over ``leaves``."""
    frontier = Frontier()
    for leaf in leaves:
        frontier = frontier.append(leaf)
    return frontier.root()


def inclusion_path(index: int, size: int, node: NodeSource) -> tuple[Digest, ...]:
    """Return the path from leaf ``index`` to the root of the tree of ``size``.

    Raises:
        ValueError: the tree has no such leaf, a caller's bug.
    """
    if not 0 <= index < size:
        raise ValueError("no such leaf")
    path: list[Digest] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(subtree_root(middle, end, node))
            end = middle
        else:
            path.append(subtree_root(start, middle, node))
            start = middle
    return tuple(reversed(path))


def consistency_path(old: int, new: int, node: NodeSource) -> tuple[Digest, ...]:
    """Return the proof that the tree of ``new`` extends the tree of ``old``.

    Empty for equal sizes and for an old size of 0, which any tree extends.

    Raises:
        ValueError: ``old`` is larger than ``new``, a caller's bug.
    """
    if not 0 <= old <= new:
        raise ValueError("a tree does not shrink")
    if old in {0, new}:
        return ()
    path: list[Digest] = []
    start, end = 0, new
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            path.append(subtree_root(middle, end, node))
            end = middle
        else:
            path.append(subtree_root(start, middle, node))
            start = middle
    if start:  # the old tree is no complete left part: its own last subtree leads
        path.append(subtree_root(start, end, node))
    return tuple(reversed(path))


def subtree_root(start: int, end: int, node: NodeSource) -> Digest:
    """Return the root over leaves ``start`` to ``end``, from full subtrees.

    ``start`` must be where RFC 6962 splits: a multiple of the largest power of two
    that is not above the length.
    """
    hashes = []
    while start < end:
        level = _largest_power(end - start).bit_length() - 1
        hashes.append(node(level, start >> level))
        start += 1 << level
    root = hashes.pop()
    while hashes:
        root = node_hash(hashes.pop(), root)
    return root


def verify_inclusion(
    leaf: bytes, index: int, size: int, path: Sequence[Digest], root: Digest
) -> None:
    """Return if ``leaf`` stands at ``index`` in the tree of ``size`` and ``root``.

    Raises:
        ProofError: it does not, or the path is too long or too short.
    """
    verify_inclusion_hash(leaf_hash(leaf), index, size, path, root)


def verify_inclusion_hash(
    hashed: Digest, index: int, size: int, path: Sequence[Digest], root: Digest
) -> None:
    """Return as :func:`verify_inclusion`, for a leaf hash.

    Raises:
        ProofError: as :func:`verify_inclusion`.
    """
    if not 0 <= index < size:
        raise ProofError
    fn, sn, r = index, size - 1, hashed
    for p in path:
        if sn == 0:
            raise ProofError
        if fn & 1 or fn == sn:
            r = node_hash(p, r)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node_hash(r, p)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0 or not hmac.compare_digest(r, root):
        raise ProofError


def verify_consistency(
    old: int, new: int, path: Sequence[Digest], old_root: Digest, new_root: Digest
) -> None:
    """Return if the tree of ``new`` extends the tree of ``old``.

    Raises:
        ProofError: it does not, or the proof is not of these sizes.
    """
    if not 0 <= old <= new:
        raise ProofError
    if old == 0 and old_root != EMPTY_ROOT:
        raise ProofError
    if old == new and old_root != new_root:
        raise ProofError
    if old in {0, new}:  # any tree extends nothing, and itself: no hash is needed
        if path:
            raise ProofError
        return
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    # A complete old tree is its own first node; otherwise the proof brings it.
    rest = list(path) if fn else [old_root, *path]
    roots = _climb(fn, sn, rest)
    if not hmac.compare_digest(roots[0], old_root):
        raise ProofError
    if not hmac.compare_digest(roots[1], new_root):
        raise ProofError


def _climb(fn: int, sn: int, nodes: Sequence[Digest]) -> tuple[Digest, Digest]:
    """Return the two roots that a proof leads to (RFC 9162 section 2.1.4.2)."""
    if not nodes:
        raise ProofError
    fr = sr = nodes[0]
    for c in nodes[1:]:
        if sn == 0:
            raise ProofError
        if fn & 1 or fn == sn:
            fr, sr = node_hash(c, fr), node_hash(c, sr)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node_hash(sr, c)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0:
        raise ProofError
    return fr, sr


def _largest_power(n: int) -> int:
    """Return the largest power of two that is at most ``n``."""
    return 1 << (n.bit_length() - 1)


def _split(n: int) -> int:
    """Return the largest power of two below ``n``: where RFC 6962 splits."""
    return 1 << ((n - 1).bit_length() - 1)
