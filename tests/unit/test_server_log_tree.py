"""The relay's tree gives what the tree of RFC 6962 gives, from tiles alone."""

from collections.abc import Iterable, Mapping
from functools import partial

import pytest

from crypto.digest import H
from crypto.merkle import (
    consistency_path,
    inclusion_path,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from server.services.log_tree import (
    DamagedError,
    LogTree,
    TileId,
    compute,
    load_tree,
)

LEAVES = [b"leaf %d" % n for n in range(70_000)]


class Tiles(dict[TileId, bytes]):
    async def read(self, wanted: Iterable[TileId]) -> Mapping[TileId, bytes]:
        return {key: self[key] for key in wanted if key in self}


def grown(sizes: Iterable[int]) -> tuple[LogTree, Tiles]:
    tree, tiles = LogTree(), Tiles()
    for size in sizes:
        tree, new = tree.grown(LEAVES[tree.size : size])
        tiles.update(new)
    return tree, tiles


@pytest.mark.parametrize(
    "sizes", [[1], [255, 256, 257], [1, 2, 511, 512], [300, 1000], [65_535, 65_537]]
)
async def test_a_tree_that_grew_in_batches_is_the_tree_and_loads_from_its_tiles(
    sizes: list[int],
) -> None:
    tree, tiles = grown(sizes)
    assert tree.root() == root_of(LEAVES[: sizes[-1]])
    assert await load_tree(tree.size, tree.root(), tiles.read) == tree


async def test_an_empty_tree_loads_from_nothing() -> None:
    assert await load_tree(0, LogTree().root(), Tiles().read) == LogTree()


async def test_a_loaded_tree_grows_as_the_first_one_does() -> None:
    tree, tiles = grown([777])
    loaded = await load_tree(777, tree.root(), tiles.read)
    assert loaded.grown(LEAVES[777:900]) == tree.grown(LEAVES[777:900])


async def test_proofs_come_from_tiles_also_for_sizes_of_the_past() -> None:
    tree, tiles = grown([65_536, 66_000])
    for size in (1, 255, 256, 300, 65_535, 65_536, 66_000):
        root = root_of(LEAVES[:size])
        index = size // 3
        path = await compute(partial(inclusion_path, index, size), tiles.read)
        verify_inclusion(LEAVES[index], index, size, path, root)
        path = await compute(partial(consistency_path, size, tree.size), tiles.read)
        verify_consistency(size, tree.size, path, root, tree.root())


async def test_a_missing_or_short_or_wrong_tile_is_damage() -> None:
    tree, tiles = grown([1000])
    for key in [(0, 3), (1, 0)]:
        for damaged in (b"", tiles[key][:-1], bytes(len(tiles[key]))):
            broken = Tiles({**tiles, key: damaged})
            with pytest.raises(DamagedError):
                await load_tree(1000, tree.root(), broken.read)
    with pytest.raises(DamagedError):
        await load_tree(1000, H(b"another root"), tiles.read)
    with pytest.raises(DamagedError):
        await compute(lambda node: inclusion_path(999, 1000, node), Tiles().read)
