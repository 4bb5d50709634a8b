"""Inner parts and slips that are read by position say what the codec says."""

from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from crypto.suite import SUITES, SuiteId
from crypto.types import Digest, KeyId, MessageId, Signature
from protocol import by_position
from protocol.by_position import parse_inner, parse_slip
from protocol.codec import decode, encode, number_head
from protocol.errors import MalformedError
from protocol.limits import MAX_RECORD
from protocol.signed import SignatureLine
from protocol.slip import MAX_INNER, Heads, Inner, Slip
from tests.support.edited import Change, changes_at, edited

KEY, ROOT = KeyId(b"k" * 32), Digest(b"r" * 32)
NUMBERS = (0, 1, 23, 24, 255, 256, 65_535, 65_536, (1 << 32) - 1, 1 << 32)
MOST = (1 << 48) - 1


def slip(slots: int = 1, kc: int = 32, sizes: tuple[int, int] = (7, 300)) -> Slip:
    return Slip(
        v=1,
        id=MessageId(b"i" * 16),
        rec=ROOT,
        key=KEY,
        kc=b"c" * kc,
        r=b"R" * 32,
        dir=Heads(sizes[0], ROOT, sizes[1], Digest(b"m" * 32)),
        slots=tuple(Digest(bytes([number]) * 32) for number in range(slots)),
    )


def inner(record: int = 40, slip_: int = 30, sigs: tuple[int, ...] = (70,)) -> Inner:
    lines = tuple(SignatureLine(KEY, Signature(b"s" * size)) for size in sigs)
    return Inner(b"d" * record, b"l" * slip_, lines)


def slip_by_codec(data: bytes) -> Slip:
    return decode(data, Slip)


def inner_by_codec(data: bytes) -> Inner:
    return decode(data, Inner, limit=MAX_INNER)


SLIPS = [
    encode(slip(slots, kc, sizes))
    for slots, kc, sizes in (
        *((1, 32, (7, 300)), (2, 48, (0, 70_000)), (23, 32, (24, MOST))),
        *((24, 32, (1, 1)), (1, 40, (1, 1)), (30, 48, (1 << 32, 1))),
    )
]
SIGNED = SUITES[SuiteId.S1].signature
INNERS = [
    encode(inner(record, size, sigs))
    for record, size, sigs in (
        *((0, 0, (64,)), (23, 24, (SIGNED, SIGNED)), (300, 70_000, (8_192, 64))),
        (65_536, 255, (255, 256)),
    )
]
Read = Callable[[bytes], Any]
BOTH: list[tuple[Read, Read, bytes]] = [
    *((parse_slip, slip_by_codec, data) for data in SLIPS),
    *((parse_inner, inner_by_codec, data) for data in INNERS),
]
edits = changes_at(st.integers(0, 400) | st.integers(0, 1 << 13), most=3)


def outcome(read: Read, data: bytes) -> object:
    try:
        return read(data)
    except MalformedError:
        return MalformedError


@pytest.mark.parametrize(("read", "by_codec", "data"), BOTH)
def test_what_is_well_formed_is_read_as_the_codec_reads_it(
    read: Read, by_codec: Read, data: bytes
) -> None:
    found = read(data)
    assert found == by_codec(data)
    assert encode(found) == data


@pytest.mark.parametrize("number", [*NUMBERS, MOST])
def test_every_size_of_a_log_is_read(number: int) -> None:
    assert number_head(number) == encode(number)
    for sizes in ((number, 5), (5, number), (number, number)):
        made = slip(sizes=sizes)
        assert parse_slip(encode(made)) == made


@given(one=st.sampled_from(BOTH), changes=edits)
def test_an_edited_document_is_what_the_codec_says(
    one: tuple[Read, Read, bytes], changes: list[Change]
) -> None:
    read, by_codec, data = one
    changed = edited(data, changes)
    assert outcome(read, changed) == outcome(by_codec, changed)


@pytest.mark.parametrize(("read", "by_codec", "data"), [*BOTH[:3], BOTH[6]])
@pytest.mark.parametrize("mask", [0x01, 0x21, 0x1F])
def test_no_byte_is_left_unread(
    read: Read, by_codec: Read, data: bytes, mask: int
) -> None:
    """Each byte is content, and comes back, or structure, and is refused if changed."""
    for at in range(len(data)):
        changed = data[:at] + bytes((data[at] ^ mask,)) + data[at + 1 :]
        found = outcome(read, changed)
        assert found == outcome(by_codec, changed)
        assert found is MalformedError or encode(found) == changed


@pytest.mark.parametrize(("read", "by_codec", "data"), [*BOTH[:3], BOTH[6]])
def test_what_is_cut_or_longer_is_refused(
    read: Read, by_codec: Read, data: bytes
) -> None:
    for length in range(len(data)):
        assert outcome(read, data[:length]) is MalformedError
    slot = b"\x58\x20" + b"x" * 32  # whole, or as much of one as there may be
    for behind in (b"\x00", *(slot[:length] for length in range(1, len(slot) + 1))):
        assert outcome(read, data + behind) is outcome(by_codec, data + behind)


@pytest.mark.parametrize(
    "made",
    [
        slip(0),
        slip(sizes=(MOST + 1, 1)),
        slip(sizes=(1, MOST + 1)),
        slip(sizes=((1 << 64) - 1, 1)),
    ],
)
def test_a_slip_out_of_its_bounds_is_refused(made: Slip) -> None:
    assert outcome(parse_slip, encode(made)) is MalformedError


@pytest.mark.parametrize(
    "made",
    [
        inner(sigs=()),
        inner(sigs=(64, 64, 64)),
        inner(sigs=(63,)),
        inner(sigs=(64, 8_193)),
        inner(record=MAX_RECORD + 1),
    ],
)
def test_inner_parts_out_of_their_bounds_are_refused(made: Inner) -> None:
    assert outcome(parse_inner, encode(made)) is MalformedError


def test_more_than_inner_parts_can_be_is_not_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(by_position, "_inner", None)  # to call it would fail
    assert outcome(parse_inner, bytes(MAX_INNER + 1)) is MalformedError


def test_what_terminals_write_needs_no_codec(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(by_position, "decode", None)  # to call it would fail
    for data in SLIPS[:3]:
        assert encode(parse_slip(data)) == data
    for data in INNERS:
        assert encode(parse_inner(data)) == data
