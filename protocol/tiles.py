"""A log as files that never change: hash tiles and entry bundles (C2SP tlog-tiles).

A tile is 256 neighbouring hashes, of leaves at level 0 and of full tiles above; the
last one of a level may be partial.  Whoever has a checkpoint can fetch the tiles it
needs from anywhere and compute every proof by itself::

    Tile(0, 1234, 256).path() == "tile/0/x001/234"
    Tile(None, 5, 3).path() == "tile/entries/005.p/3"
    node = node_source(tiles)                  # for inclusion_path and the others

Tiles prove nothing by themselves: what is computed from them is compared with the
root of a checkpoint.

Source: C2SP tlog-tiles; docs/spec/log.md section 8.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from crypto.errors import ProofError
from crypto.merkle import NodeSource, node_hash
from crypto.types import Digest
from protocol.errors import MalformedError

HEIGHT: Final = 8  # levels of the tree in one tile
WIDTH: Final = 1 << HEIGHT  # hashes in a full tile
MAX_LEVEL: Final = 63
MAX_ENTRY: Final = 0xFFFF  # bytes: a bundle gives each length in two
_HASH: Final = 32  # bytes
_PATH: Final = re.compile(
    r"tile/(?P<level>entries|0|[1-9][0-9]?)/(?P<groups>(?:x[0-9]{3}/){0,4}[0-9]{3})"
    r"(?:\.p/(?P<width>[1-9][0-9]{0,2}))?"
)


@dataclass(frozen=True, slots=True)
class Tile:
    """Which tile: its level (None: entries), its number there, its width."""

    level: int | None
    number: int
    width: int = WIDTH

    def path(self) -> str:
        """Return where it is served, relative to the log's prefix."""
        kind = "entries" if self.level is None else str(self.level)
        groups = [f"{self.number % 1000:03}"]
        rest = self.number // 1000
        while rest:
            groups.insert(0, f"x{rest % 1000:03}")
            rest //= 1000
        partial = "" if self.width == WIDTH else f".p/{self.width}"
        return f"tile/{kind}/{'/'.join(groups)}{partial}"


def parse_path(path: str) -> Tile:
    """Return the tile that ``path`` is the one path of.

    Raises:
        MalformedError: it is none's.
    """
    match = _PATH.fullmatch(path)
    if match is None:
        raise MalformedError
    kind, groups, width = match.group("level", "groups", "width")
    tile = Tile(
        None if kind == "entries" else int(kind),
        int(groups.replace("x", "").replace("/", "")),
        WIDTH if width is None else int(width),
    )
    if (tile.level or 0) > MAX_LEVEL or tile.path() != path or tile.width > WIDTH:
        raise MalformedError
    return tile


def tiles_of(old: int, new: int) -> tuple[Tile, ...]:
    """Return the hash tiles to write when a log grows from ``old`` to ``new`` leaves.

    Lowest level first; the last tile of a level may be partial.
    """
    found: list[Tile] = []
    level = 0
    while new >> HEIGHT * level:
        before, after = old >> HEIGHT * level, new >> HEIGHT * level
        for number in range(before // WIDTH, (after + WIDTH - 1) // WIDTH):
            width = min(after - number * WIDTH, WIDTH)
            if number * WIDTH + width > before:
                found.append(Tile(level, number, width))
        level += 1
    return tuple(found)


def tile_data(tile: Tile, node: NodeSource) -> bytes:
    """Return the hashes of a tile, read from a log's nodes.

    Raises:
        ValueError: a bundle of entries, which has no hashes: a caller's bug.
    """
    if tile.level is None:
        raise ValueError("entries are no hashes")
    first = tile.number * WIDTH
    level = tile.level * HEIGHT
    return b"".join(node(level, index) for index in range(first, first + tile.width))


def tile_holding(level: int, index: int) -> tuple[int, int]:
    """Return (level, number) of the tile from which a node is computed."""
    return level // HEIGHT, (index << level % HEIGHT) // WIDTH


def node_source(tiles: Mapping[tuple[int, int], bytes]) -> NodeSource:
    """Return the nodes that fetched tiles give.

    Args:
        tiles: (level, number) to hashes, full or partial.

    Its calls raise :exc:`~crypto.errors.ProofError` for a node of a tile that is
    missing or short.
    """

    def node(level: int, index: int) -> Digest:
        hashes = tiles.get(tile_holding(level, index), b"")
        within = level % HEIGHT
        first = (index << within) % WIDTH
        row = [
            Digest(hashes[at * _HASH : (at + 1) * _HASH])
            for at in range(first, first + (1 << within))
        ]
        if len(row[-1]) != _HASH:
            raise ProofError
        while len(row) > 1:
            row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
        return row[0]

    return node


def write_bundle(entries: Sequence[bytes]) -> bytes:
    """Return up to 256 entries, each after its length in two bytes.

    Raises:
        ValueError: none, too many, or an entry of more than 65,535 bytes.
    """
    if not 0 < len(entries) <= WIDTH or any(len(e) > MAX_ENTRY for e in entries):
        raise ValueError("a bundle has 1 to 256 entries of at most 65,535 bytes")
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def read_bundle(data: bytes, width: int) -> tuple[bytes, ...]:
    """Return the ``width`` entries of a bundle.

    Raises:
        MalformedError: it holds fewer, more, or a part of one.
    """
    entries: list[bytes] = []
    position = 0
    for _ in range(width):
        start = position + 2
        position = start + int.from_bytes(data[position:start], "big")
        if position > len(data) or start > len(data):
            raise MalformedError
        entries.append(data[start:position])
    if position != len(data):
        raise MalformedError
    return tuple(entries)
