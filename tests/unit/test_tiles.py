"""Tiles: paths, partial widths, proofs from fetched hashes, bundles of entries."""

import pytest

from crypto.errors import ProofError
from crypto.merkle import (
    consistency_path,
    inclusion_path,
    verify_consistency,
    verify_inclusion,
)
from protocol.errors import MalformedError
from protocol.tiles import (
    MAX_ENTRY,
    WIDTH,
    Tile,
    node_source,
    parse_path,
    read_bundle,
    tile_data,
    tile_holding,
    tiles_of,
    write_bundle,
)
from tests.support.log import GrownLog, leaves

PATHS = {
    "tile/0/000": Tile(0, 0),
    "tile/0/x001/234": Tile(0, 1234),
    "tile/1/x001/x234/067": Tile(1, 1234067),
    "tile/0/x001/000": Tile(0, 1000),
    "tile/63/999.p/1": Tile(63, 999, 1),
    "tile/2/017.p/255": Tile(2, 17, 255),
    "tile/entries/005.p/3": Tile(None, 5, 3),
    "tile/entries/x999/999": Tile(None, 999_999),
}


@pytest.mark.parametrize("path", PATHS)
def test_a_tile_has_one_path(path: str) -> None:
    assert PATHS[path].path() == path
    assert parse_path(path) == PATHS[path]


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile/0",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/00/000",
        "tile/01/000",
        "tile/64/000",
        "tile/99/000",
        "tile/-1/000",
        "tile/0/x000/001",
        "tile/0/001/234",
        "tile/0/x001",
        "tile/0/x1/234",
        "tile/0/x001/x234",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/300",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/0/000.p",
        "tile/0/000\n",
        "/tile/0/000",
        "tile/0/000/",
        "tile/0/../000",
        "tile/0/\u0660\u0660\u0660",
        "tile/entry/000",
        "tile/0/" + "x001/" * 5 + "001",
    ],
)
def test_other_paths_are_refused(path: str) -> None:
    with pytest.raises(MalformedError):
        parse_path(path)


def test_the_example_of_the_specification_has_those_tiles() -> None:
    tiles = tiles_of(0, 70_000)
    assert len([t for t in tiles if t.level == 0 and t.width == WIDTH]) == 273
    assert [t for t in tiles if t.width != WIDTH] == [
        Tile(0, 273, 112),
        Tile(1, 1, 17),
        Tile(2, 0, 1),
    ]
    assert tiles_of(0, 256) == (Tile(0, 0), Tile(1, 0, 1))
    assert tiles_of(0, 0) == ()


def test_growing_writes_only_the_tiles_that_changed() -> None:
    assert tiles_of(255, 256) == (Tile(0, 0), Tile(1, 0, 1))
    assert tiles_of(256, 258) == (Tile(0, 1, 2),)
    assert tiles_of(258, 258) == ()
    assert tiles_of(500, 513) == (Tile(0, 1), Tile(0, 2, 1), Tile(1, 0, 2))


@pytest.fixture(scope="module")
def log() -> GrownLog:
    return GrownLog().grow(leaves(600))


@pytest.fixture(scope="module")
def stored(log: GrownLog) -> dict[tuple[int, int], bytes]:
    return {
        (tile.level or 0, tile.number): tile_data(tile, log.node)
        for tile in tiles_of(0, 600)
    }


def test_a_tile_holds_neighbouring_hashes(
    log: GrownLog, stored: dict[tuple[int, int], bytes]
) -> None:
    assert {key: len(data) for key, data in stored.items()} == {
        (0, 0): 8192,
        (0, 1): 8192,
        (0, 2): 88 * 32,
        (1, 0): 2 * 32,
    }
    assert stored[1, 0] == log.node(8, 0) + log.node(8, 1)
    assert tile_holding(3, 40) == (0, 1)


def test_every_proof_can_be_computed_from_tiles(
    log: GrownLog, stored: dict[tuple[int, int], bytes]
) -> None:
    node = node_source(stored)
    for index in (0, 255, 256, 511, 512, 599):
        path = inclusion_path(index, 600, node)
        assert path == log.inclusion(index, 600)
        verify_inclusion(leaves(600)[index], index, 600, path, log.roots[600])
    for old in (1, 255, 256, 257, 512, 599):
        proof = consistency_path(old, 600, node)
        verify_consistency(old, 600, proof, log.roots[old], log.roots[600])


def test_a_tile_that_is_missing_or_short_gives_no_proof(
    stored: dict[tuple[int, int], bytes],
) -> None:
    missing = {key: data for key, data in stored.items() if key != (0, 1)}
    for tiles in (missing, stored | {(0, 1): stored[0, 1][:-1]}, {}):
        with pytest.raises(ProofError):
            inclusion_path(300, 600, node_source(tiles))


def test_a_changed_tile_gives_a_proof_that_does_not_hold(
    log: GrownLog, stored: dict[tuple[int, int], bytes]
) -> None:
    changed = stored | {(0, 1): bytes(32) + stored[0, 1][32:]}
    path = inclusion_path(300, 600, node_source(changed))
    with pytest.raises(ProofError):
        verify_inclusion(leaves(600)[300], 300, 600, path, log.roots[600])


def test_a_bundle_holds_entries_of_any_length() -> None:
    entries = (b"", b"a", b"b" * MAX_ENTRY)
    data = write_bundle(entries)
    assert data[:5] == b"\0\0\0\1a"
    assert read_bundle(data, 3) == entries
    full = tuple(leaves(WIDTH))
    assert read_bundle(write_bundle(full), WIDTH) == full


def test_a_bundle_of_another_width_is_refused() -> None:
    data = write_bundle([b"one", b"two"])
    for other, width in (
        (data, 1),
        (data, 3),
        (data[:-1], 2),
        (data + b"\0", 2),
        (data[:6], 2),
        (b"", 1),
        (b"\0", 1),
    ):
        with pytest.raises(MalformedError):
            read_bundle(other, width)


def test_what_no_log_serves_is_a_bug(log: GrownLog) -> None:
    for entries in ([], [b""] * (WIDTH + 1), [b"a" * (MAX_ENTRY + 1)]):
        with pytest.raises(ValueError, match="a bundle has"):
            write_bundle(entries)
    with pytest.raises(ValueError, match="no hashes"):
        tile_data(Tile(None, 0), log.node)
