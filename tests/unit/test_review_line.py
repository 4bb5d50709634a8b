"""A peer with a genuine session that wants the other side's memory."""

import tracemalloc

import pytest

from protocol.errors import BusyError
from protocol.line.cells import capacity, seal_cell
from protocol.line.effects import MAX_WHOLE, Side
from protocol.line.frames import Close, CloseReason, Data, Kind, Open, write
from protocol.line.machine import MAX_CONTROL, Line
from tests.support.line import Seal

ID = b"i" * 16
SIZE = 256 * 1024  # bytes of the object


def relay() -> tuple[Line, Seal]:
    """Return a relay's line, and what seals a terminal's cells for it."""
    line = Line(Side.RELAY)
    line.connect(Seal(1), Seal(0), 0.0)
    return line, Seal(0)


def test_an_object_in_crumbs_takes_no_more_room_than_its_bytes() -> None:
    """Each crumb kept by itself took 25 times its size: 450 MB for one terminal."""
    line, seal = relay()
    opening = write(Open(1, 1, Kind.SUBMISSION, SIZE, 0, ID))
    line.receive(seal_cell(seal, opening, 16), 0.0)
    crumb = write(Data(1, 1, b"xy"))
    count = capacity(16) // len(crumb)
    cell = crumb * count
    tracemalloc.start()
    for _ in range(SIZE // (2 * count) - 1):
        line.receive(seal_cell(seal, cell, 16), 0.0)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 2 * SIZE


def test_who_asks_for_answers_and_takes_none_is_put_out() -> None:
    line, seal = relay()
    too_large = write(Open(1, 1, Kind.SUBMISSION, MAX_WHOLE + 1, 0, ID))
    pair = too_large + write(Close(1, CloseReason.DONE))
    cell = pair * (capacity(16) // len(pair))
    for _ in range(MAX_CONTROL // cell.count(pair) + 1):
        line.receive(seal_cell(seal, cell, 16), 0.0)
    with pytest.raises(BusyError):
        line.receive(seal_cell(seal, cell, 16), 0.0)
