import pytest

from crypto.session import FrameOpener, FrameSealer
from crypto.types import Secret
from protocol.errors import MalformedError
from protocol.line.cells import (
    CELL,
    MAX_BUNDLE,
    MAX_K,
    SHORT,
    bundle,
    capacity,
    fitting,
    open_cell,
    seal_cell,
    unbundle,
)
from protocol.line.frames import Data, Seen, write

KEY = Secret(bytes(range(32)))
FRAME = Data(1, 3, b"words")


@pytest.mark.parametrize("k", range(MAX_K + 1))
def test_a_cell_has_one_of_seventeen_sizes_whatever_is_in_it(k: int) -> None:
    cell = seal_cell(FrameSealer(KEY), write(FRAME), k)
    assert len(cell) == (k * CELL or SHORT)
    assert open_cell(FrameOpener(KEY), cell) == (FRAME,)


def test_the_smallest_cell_that_fits_is_chosen() -> None:
    assert fitting(1) == 1
    assert fitting(capacity(1)) == 1
    assert fitting(capacity(1) + 1) == 2
    assert fitting(7502 + 32 + 5) == 8


def test_a_cell_that_is_lost_changed_repeated_or_moved_stops_the_line() -> None:
    sealer = FrameSealer(KEY)
    first, second = (seal_cell(sealer, write(Seen(n)), 0) for n in (1, 2))
    opener = FrameOpener(KEY)
    with pytest.raises(MalformedError):
        open_cell(opener, second)
    with pytest.raises(MalformedError):
        open_cell(opener, first[:-1] + bytes([first[-1] ^ 1]))
    assert open_cell(opener, first) == (Seen(1),)
    with pytest.raises(MalformedError):
        open_cell(opener, first)
    assert open_cell(opener, second) == (Seen(2),)


def test_padding_that_is_not_zero_is_refused() -> None:
    content = write(FRAME).ljust(capacity(1) - 1, b"\0") + b"\1"
    with pytest.raises(MalformedError):
        open_cell(FrameOpener(KEY), FrameSealer(KEY).seal(content))


@pytest.mark.parametrize("size", [0, 16, 255, 257, 1023, 1025, 17 * CELL])
def test_bytes_of_no_cell_size_are_refused_before_they_are_opened(size: int) -> None:
    sealed = FrameSealer(KEY).seal(bytes(max(size - 16, 0)))[:size]
    with pytest.raises(MalformedError):
        open_cell(FrameOpener(KEY), sealed)


def test_too_much_for_a_cell_is_the_callers_bug() -> None:
    with pytest.raises(ValueError, match="fit"):
        seal_cell(FrameSealer(KEY), bytes(capacity(1) + 1), 1)
    with pytest.raises(ValueError, match="fit"):
        seal_cell(FrameSealer(KEY), b"", 17)


def test_a_body_carries_cells_of_any_size_in_order() -> None:
    cells = (bytes(SHORT), bytes(CELL), bytes(16 * CELL), bytes(SHORT))
    assert unbundle(bundle(cells)) == cells
    assert unbundle(b"") == ()


@pytest.mark.parametrize(
    "body",
    [
        b"\1" + bytes(CELL - 1),
        b"\0" + bytes(SHORT) + b"\1",
        b"\x11" + bytes(17 * CELL),
        (b"\0" + bytes(SHORT)) * (MAX_BUNDLE + 1),
    ],
)
def test_a_body_of_anything_but_whole_cells_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedError):
        unbundle(body)
