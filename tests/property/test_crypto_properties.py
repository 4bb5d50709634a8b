"""What holds for every content, cut and fault."""

from itertools import pairwise

import hypothesis.strategies as st
import pytest
from hypothesis import assume, example, given

from crypto.digest import T
from crypto.envelope import open_body, seal_body
from crypto.errors import OpenError, PaddingError
from crypto.padding import BUCKETS, pad, padded_size, padme, unpad
from crypto.recordbox import open_box, seal_box
from crypto.session import FrameOpener, FrameSealer
from crypto.stream import AttachmentOpener, AttachmentSealer
from crypto.suite import SuiteId
from crypto.types import MessageId
from tests.support.keys import drawn, secret, stretched

ID = MessageId(b"i" * 16)
CONTENT = stretched("file", 70_000)
parts = st.lists(st.binary(max_size=6), max_size=4)
sizes = st.integers(0, 20_000)
floors = st.sampled_from(BUCKETS)


def opened(opener: AttachmentOpener, blob: bytes) -> None:
    opener.update(blob)
    opener.finish()


@given(parts, parts)
def test_different_lists_of_parts_never_give_the_same_tuple(
    left: list[bytes], right: list[bytes]
) -> None:
    assert (T(*left) == T(*right)) == (left == right)


@given(st.integers(0, 2**50))
def test_padme_adds_little_and_reaches_a_fixed_point(size: int) -> None:
    padded = padme(size)
    assert size <= padded <= size + size // 8 + 1
    assert padme(padded) == padded


@given(st.integers(0, 2**50), st.integers(0, 2**20))
def test_padme_is_monotone(size: int, more: int) -> None:
    assert padme(size) <= padme(size + more)


@given(sizes, floors)
def test_what_is_padded_is_unpadded(size: int, floor: int) -> None:
    content = CONTENT[:size]
    assert unpad(pad(content, floor)) == content
    assert len(pad(content, floor)) == padded_size(size, floor)


@given(st.integers(0, 9000), st.binary(max_size=8), st.integers(0, 10_000))
@example(4096, b"\0\0\x0f\xfc", 0)
@example(8704, b"\0\0\x1f\xfd", 8192)
def test_unpad_takes_only_what_pad_makes_for_some_floor(
    size: int, head: bytes, position: int
) -> None:
    padded = bytearray(head.ljust(size, b"\0"))
    if position < size:
        padded[position] |= 1
    try:
        content = unpad(bytes(padded))
    except PaddingError:
        return
    assert bytes(padded) in {pad(content, floor) for floor in BUCKETS}


@given(sizes, floors, st.data())
def test_a_body_with_any_byte_changed_is_refused(
    size: int, floor: int, data: st.DataObject
) -> None:
    body = bytearray(seal_body(SuiteId.S1, ID, secret("cek"), CONTENT[:size], floor))
    position = data.draw(st.integers(0, len(body) - 1))
    body[position] ^= data.draw(st.integers(1, 255))
    with pytest.raises(OpenError):
        open_body(SuiteId.S1, ID, secret("cek"), bytes(body))


@given(st.integers(0, 70_000), st.lists(st.integers(0, 70_000), max_size=5))
def test_how_an_attachment_is_cut_in_pieces_changes_nothing(
    size: int, cuts: list[int]
) -> None:
    content = CONTENT[:size]
    blob, spool = bytearray(), bytearray()
    sealer = AttachmentSealer(SuiteId.S1, secret("att"), blob.extend)
    ends = [0, *sorted(cuts), len(content)]
    for start, end in pairwise(ends):
        sealer.update(content[start:end])
    names = sealer.finish()
    opener = AttachmentOpener(SuiteId.S1, secret("att"), names, spool.extend)
    ends = [0, *sorted(cuts), len(blob)]
    for start, end in pairwise(ends):
        opener.update(bytes(blob[start:end]))
    opener.finish()
    assert bytes(spool) == content


@given(st.integers(0, 70_000), st.data())
def test_no_attachment_that_differs_in_any_byte_or_length_is_verified(
    size: int, data: st.DataObject
) -> None:
    blob = bytearray()
    sealer = AttachmentSealer(SuiteId.S1, secret("att"), blob.extend)
    sealer.update(CONTENT[:size])
    names = sealer.finish()
    end = data.draw(st.integers(0, len(blob)))
    changed = blob[:end]
    if end == len(blob):
        changed[data.draw(st.integers(0, end - 1))] ^= data.draw(st.integers(1, 255))
    opener = AttachmentOpener(SuiteId.S1, secret("att"), names, bytearray().extend)
    with pytest.raises(OpenError):
        opened(opener, bytes(changed))


@given(st.binary(max_size=200), st.binary(max_size=8), st.binary(max_size=8))
def test_a_record_box_opens_in_its_place_only(
    plaintext: bytes, purpose: bytes, other: bytes
) -> None:
    assume(purpose != other)
    box = seal_box(secret("box"), purpose, b"id", plaintext, drawn("nonce"))
    assert open_box(secret("box"), purpose, b"id", box) == plaintext
    with pytest.raises(OpenError):
        open_box(secret("box"), other, b"id", box)


@given(st.binary(max_size=64))
def test_no_bytes_of_a_stranger_open_a_box(data: bytes) -> None:
    with pytest.raises(OpenError):
        open_box(secret("box"), b"p", b"id", b"\x83\x01\x58\x18" + data)


@given(st.lists(st.integers(0, 5), max_size=40))
def test_cells_arrive_once_and_in_order_whatever_the_line_does(
    line: list[int],
) -> None:
    """The line delivers any earlier cell any number of times; only the next opens."""
    sealer, opener = FrameSealer(secret("frame")), FrameOpener(secret("frame"))
    cells = [sealer.seal(bytes([number])) for number in range(6)]
    expected = 0
    for number in line:
        if number == expected:
            assert opener.open_(cells[number]) == bytes([number])
            expected += 1
        else:
            with pytest.raises(OpenError):
                opener.open_(cells[number])
        assert opener.cells == expected
