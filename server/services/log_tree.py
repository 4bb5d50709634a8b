"""A log's tree as the relay holds it: the right edge in memory, the rest in tiles.

Hashes lie in tiles of 256 (C2SP tlog-tiles): tile (level, number) has the roots of
complete subtrees of 256**level leaves.  Growing writes the tiles that changed, one
partial one for each level at most and those that became full; nothing is computed
again from the leaves, and a proof reads a tile or two of each level.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from crypto.errors import ProofError
from crypto.merkle import Frontier, NodeSource, leaf_hash
from crypto.types import ZERO_DIGEST, Digest
from protocol.tiles import HEIGHT, WIDTH, node_source, tile_holding
from server.storage.interfaces import StoreBrokenError

HASH: Final = 32  # bytes

TileId = tuple[int, int]  # level, number
Reader = Callable[[Iterable[TileId]], Awaitable[Mapping[TileId, bytes]]]
R = TypeVar("R")


class DamagedError(StoreBrokenError):
    """Tiles that are missing, short, or do not give the root that was stored."""


@dataclass(frozen=True, slots=True)
class LogTree:
    """A tree's frontier, and the last, partial tile of each level."""

    frontier: Frontier = field(default_factory=Frontier)
    edge: tuple[bytes, ...] = ()

    @property
    def size(self) -> int:
        """How many leaves it has."""
        return self.frontier.size

    def root(self) -> Digest:
        """Return its root hash."""
        return self.frontier.root()

    def grown(self, leaves: Sequence[bytes]) -> tuple["LogTree", dict[TileId, bytes]]:
        """Return the tree with ``leaves``, and the tiles to write for it."""
        return self.with_hashes([leaf_hash(leaf) for leaf in leaves])

    def with_hashes(
        self, hashes: Sequence[Digest]
    ) -> tuple["LogTree", dict[TileId, bytes]]:
        """Return the same for leaves of these hashes."""
        frontier = self.frontier
        edge = [bytearray(hashes) for hashes in self.edge]
        tiles: dict[TileId, bytes] = {}
        for hashed in hashes:
            frontier, made = frontier.append_hash(hashed)
            for level, index, digest in made[::HEIGHT]:
                tile_level = level // HEIGHT
                if tile_level == len(edge):
                    edge.append(bytearray())
                edge[tile_level] += digest
                tiles[tile_level, index // WIDTH] = b""
                if index % WIDTH == WIDTH - 1:
                    tiles[tile_level, index // WIDTH] = bytes(edge[tile_level])
                    edge[tile_level].clear()
        for (level, number), full in tiles.items():
            if not full:
                tiles[level, number] = bytes(edge[level])
        return LogTree(frontier, tuple(map(bytes, edge))), tiles


async def load_tree(size: int, root: Digest, read: Reader) -> LogTree:
    """Return the tree of ``size`` from its tiles.

    Raises:
        DamagedError: they do not give ``root``.
    """
    partial = [
        (level, (size >> HEIGHT * level) // WIDTH)
        for level in range((size.bit_length() + HEIGHT - 1) // HEIGHT)
    ]
    tiles = await read(partial)
    edge = []
    for level, number in partial:
        width = (size >> HEIGHT * level) % WIDTH
        hashes = tiles.get((level, number), b"")[: width * HASH]
        if len(hashes) != width * HASH:
            raise DamagedError("a tile is missing or short")
        edge.append(hashes)
    peaks = await compute(lambda node: _peaks(size, node), read)
    tree = LogTree(Frontier(size, peaks), tuple(edge))
    if tree.root() != root:
        raise DamagedError("the tiles give another root")
    return tree


async def compute(function: Callable[[NodeSource], R], read: Reader) -> R:
    """Return ``function(node)`` over stored tiles.

    The function is pure and asks for the same nodes whatever their hashes are, so it
    runs once to say which it needs, and once with them.

    Raises:
        DamagedError: a tile that it needs is missing or short.
    """
    wanted: set[TileId] = set()

    def note(level: int, index: int) -> Digest:
        wanted.add(tile_holding(level, index))
        return ZERO_DIGEST

    function(note)
    tiles = await read(wanted) if wanted else {}
    try:
        return function(node_source(tiles))
    except ProofError:
        raise DamagedError("a tile is missing or short") from None


def _peaks(size: int, node: NodeSource) -> tuple[Digest, ...]:
    peaks = []
    start = 0
    for level in reversed(range(size.bit_length())):
        if size >> level & 1:
            peaks.append(node(level, start >> level))
            start += 1 << level
    return tuple(peaks)
