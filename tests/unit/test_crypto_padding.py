"""Buckets and Padmé (docs/spec/record-and-envelope.md, attachments.md)."""

import pytest

from crypto.errors import PaddingError
from crypto.padding import BUCKETS, pad, padded_size, padme, unpad


@pytest.mark.parametrize(
    ("size", "padded"),
    [
        (0, 0),
        (1, 1),
        (2, 2),
        (8, 8),
        (9, 10),
        (15, 16),
        (17, 18),
        (1000, 1024),
        (8193, 8704),
        (10_000, 10_240),
        (1_000_000, 1_015_808),
        (2**30 + 1, 2**30 + 2**25),
    ],
)
def test_padme_lengths_of_the_paper(size: int, padded: int) -> None:
    assert padme(size) == padded


@pytest.mark.parametrize(
    ("length", "floor", "padded"),
    [
        (0, 4096, 4096),
        (4092, 4096, 4096),
        (4093, 4096, 5120),
        (5116, 4096, 5120),
        (5117, 4096, 6144),
        (6140, 4096, 6144),
        (6141, 4096, 8192),
        (0, 6144, 6144),
        (6141, 6144, 8192),
        (0, 8192, 8192),
        (8188, 4096, 8192),
        (8189, 4096, 8704),
        (8189, 8192, 8704),
    ],
)
def test_the_smallest_bucket_not_below_the_floor(
    length: int, floor: int, padded: int
) -> None:
    assert padded_size(length, floor) == padded
    assert len(pad(bytes(length), floor)) == padded


def test_the_worked_layout() -> None:
    assert pad(b"abc", 4096) == b"\0\0\0\x03abc" + bytes(4089)


@pytest.mark.parametrize("floor", [0, 4095, 5000, 16384])
def test_a_floor_that_is_no_bucket_is_the_callers_bug(floor: int) -> None:
    with pytest.raises(ValueError, match="not a bucket"):
        pad(b"", floor)


def test_any_bucket_that_holds_the_content_is_taken() -> None:
    """The receiver does not know the floor of the sender's line."""
    for bucket in BUCKETS:
        assert unpad(b"\0\0\0\x03abc".ljust(bucket, b"\0")) == b"abc"


@pytest.mark.parametrize("size", [4095, 4097, 4608, 5119, 7168, 8193, 8704, 9216])
def test_any_other_length_is_refused(size: int) -> None:
    with pytest.raises(PaddingError):
        unpad(b"\0\0\0\x03abc".ljust(size, b"\0"))


def test_beyond_the_buckets_there_is_one_length() -> None:
    content = bytes(9000)
    whole = pad(content, 4096)
    assert unpad(whole) == content
    for size in (9004, len(whole) - 1, len(whole) + 1, padme(len(whole) + 1)):
        with pytest.raises(PaddingError):
            unpad((9000).to_bytes(4, "big").ljust(size, b"\0"))


@pytest.mark.parametrize("position", [7, 2000, 4095])
def test_padding_is_of_zeros(position: int) -> None:
    padded = bytearray(pad(b"abc", 4096))
    padded[position] = 1
    with pytest.raises(PaddingError):
        unpad(bytes(padded))
