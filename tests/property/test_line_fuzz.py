"""No bytes of a stranger or of a hostile peer do more than one typed refusal."""

import hypothesis.strategies as st
from hypothesis import given

from protocol.errors import MalformedError, ProtocolError
from protocol.line.cells import CELL, unbundle
from protocol.line.effects import FAST, Side
from protocol.line.frames import (
    Accept,
    Ack,
    Close,
    CloseReason,
    Data,
    Kind,
    Open,
    Seen,
    Shape,
    parse,
    write,
)
from protocol.line.machine import Line
from tests.support.line import Seal

u16, u48 = st.integers(0, (1 << 16) - 1), st.integers(0, (1 << 48) - 1)
near = st.integers(0, 9)  # numbers that meet each other
ids = st.sampled_from([bytes(16), bytes(15) + b"\1"])
frames = st.one_of(
    st.builds(Data, near, st.integers(0, 4), st.binary(min_size=1, max_size=40)),
    st.builds(
        Open, near, st.integers(0, 4), st.sampled_from(Kind), near | u48, near, ids
    ),
    st.builds(Ack, near | u16, near | u48),
    st.builds(Seen, near | u48),
    st.builds(Close, near | u16, st.sampled_from(CloseReason)),
    st.builds(Accept, near | u16, u48, st.binary(min_size=32, max_size=32)),
    st.builds(Shape, st.integers(0, (1 << 32) - 1), u16),
)


@given(st.binary(max_size=200))
def test_bytes_are_the_one_encoding_of_their_frames_or_refused(data: bytes) -> None:
    try:
        found = list(parse(data))
    except MalformedError:
        return
    assert b"".join(map(write, found)).ljust(len(data), b"\0") == data


@given(st.binary(max_size=5000))
def test_a_body_is_cells_or_refused(data: bytes) -> None:
    try:
        cells = unbundle(data)
    except MalformedError:
        return
    assert sum(map(len, cells)) + len(cells) == len(data)


@given(st.lists(st.lists(frames, max_size=12), max_size=8), st.sampled_from(Side))
def test_a_peer_with_the_key_causes_effects_or_one_refusal(
    cells: list[list[Data | Open | Ack | Seen | Close | Accept | Shape]], side: Side
) -> None:
    line = Line(side, FAST)
    line.connect(Seal(0), Seal(1), 0.0)
    kind = Kind.SUBMISSION if side is Side.TERMINAL else Kind.DELIVERY
    line.offer(kind, b"ours", 3, 0.0)
    line.cells(0.0)
    seal = Seal(1)
    for now, cell in enumerate(cells):
        content = b"".join(map(write, cell)).ljust(CELL - 16, b"\0")
        try:
            line.receive(seal.seal(content), float(now))
        except ProtocolError:
            return
        line.cells(float(now), 8)


@given(st.binary(min_size=1, max_size=4 * CELL))
def test_strangers_bytes_are_refused_and_change_nothing(data: bytes) -> None:
    line = Line(Side.RELAY)
    line.connect(Seal(1), Seal(0), 0.0)
    try:
        line.receive(data, 0.0)
    except MalformedError:
        assert line.cells(1e9) == ()
        return
    raise AssertionError(data)
