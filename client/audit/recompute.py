"""A whole log, computed from its lowest tiles: what an auditor does once a month.

Nothing else is believed on the way: the root over all leaves must be that of a
checkpoint that the log signed and a quorum cosigned, and the root at each size that
was verified before must be what it was then.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from client.audit.paths import HASH
from client.audit.source import Copy, Source, SourceError
from crypto.merkle import Frontier, leaf_hash
from crypto.types import Digest
from protocol.requests import LogName
from protocol.tiles import WIDTH, Tile


@dataclass(frozen=True, slots=True)
class Recomputed:
    """A tree that was computed leaf by leaf."""

    size: int
    root: Digest
    roots: Mapping[int, Digest]  # at the sizes that were asked for
    other: tuple[int, ...]  # positions whose entry, as we have it, is another


async def recompute(  # noqa: PLR0913 -- one reading of a log, and what for
    source: Source,
    log: LogName,
    size: int,
    *,
    at: Collection[int] = (),
    entries: Sequence[bytes] = (),
    save: Copy | None = None,
) -> Recomputed:
    """Return the tree over the first ``size`` leaves.

    Args:
        source: where the tiles are.
        log: which.
        size: leaves to read.
        at: sizes whose roots are wanted.
        entries: of the key log, as a terminal adopted them: compared leaf by leaf.
        save: keeps each tile too.

    Raises:
        SourceError: a tile is missing or short.
    """
    tree = Frontier()
    roots = {0: tree.root()}
    other: list[int] = []
    for number in range(-(-size // WIDTH)):
        tile = Tile(0, number, min(size - number * WIDTH, WIDTH))
        data = await source.get(log, tile.path())
        if len(data) != tile.width * HASH:
            raise SourceError("audit.tiles-odd")
        if save is not None:
            save.put(log, tile.path(), data)
        for start in range(0, len(data), HASH):
            hashed = Digest(data[start : start + HASH])
            position = tree.size
            if position < len(entries) and leaf_hash(entries[position]) != hashed:
                other.append(position)
            tree, _ = tree.append_hash(hashed)
            if tree.size in at:
                roots[tree.size] = tree.root()
    return Recomputed(size, tree.root(), roots, tuple(other))
