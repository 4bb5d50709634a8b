import pytest

from protocol.errors import MalformedError
from protocol.line.frames import (
    Accept,
    Ack,
    Close,
    CloseReason,
    Data,
    Frame,
    Kind,
    Open,
    Seen,
    Shape,
    parse,
    write,
)

ID = bytes(range(16))
LEAF = bytes(range(32))
# The worked bytes of docs/spec/line.md: a frame and its one encoding.
WORKED: list[tuple[Frame, str]] = [
    (Data(1, 0, b"FLASH"), "100001 0005 464c415348"),
    (
        Open(1, 3, Kind.SUBMISSION, 7502, 0, ID),
        "23 0001 01 000000001d4e 000000000000 000102030405060708090a0b0c0d0e0f",
    ),
    (Ack(1, 7502), "30 0001 000000001d4e"),
    (Seen(8), "40 000000000008"),
    (Close(1, CloseReason.BUSY), "50 0001 02"),
    (Accept(1, 41, LEAF), "60 0001 000000000029" + LEAF.hex()),
    (Shape(500, 4), "70 000001f4 0004"),
]


def read(data: bytes) -> list[Frame]:
    return list(parse(data))


@pytest.mark.parametrize(("frame", "encoded"), WORKED)
def test_a_frame_has_the_worked_bytes_and_comes_back(
    frame: Frame, encoded: str
) -> None:
    data = bytes.fromhex(encoded)
    assert write(frame) == data
    assert read(data) == [frame]


def test_frames_follow_each_other_and_end_with_zeros() -> None:
    frames = [frame for frame, _ in WORKED]
    data = b"".join(map(write, frames))
    assert read(data) == frames
    assert read(data + bytes(100)) == frames
    assert read(bytes(240)) == []


@pytest.mark.parametrize(
    "encoded",
    [
        "0001",  # a byte behind the padding's first zero
        "01",  # padding with a lane
        "100001 0000",  # empty data
        "100001 0005 464c4153",  # data that leaves the cell
        "1000",  # a header that leaves the cell
        "150001 0001 00",  # a sixth lane
        "31 0001 000000001d4e",  # a lane where none belongs
        "41 000000000008",
        "51 0001 02",
        "61 0001 000000000029" + LEAF.hex(),
        "71 000001f4 0004",
        "50 0001 04",  # no such reason
        "80",  # no such type
        "f0",
        "30 0001 000000001d",  # cut short
        "25 0001 01 000000000001 000000000000" + ID.hex(),  # a sixth lane
        "20 0001 00 000000000001 000000000000" + ID.hex(),  # no such kind
        "20 0001 08 000000000001 000000000000" + ID.hex(),
        "20 0001 01 000000000000 000000000000" + ID.hex(),  # of nothing
        "20 0001 05 000000000001 000000000002" + ID.hex(),  # begins behind its end
    ],
)
def test_every_other_encoding_is_refused(encoded: str) -> None:
    with pytest.raises(MalformedError):
        read(bytes.fromhex(encoded))


def test_a_caller_cannot_write_what_nobody_may_read() -> None:
    with pytest.raises(ValueError, match="empty"):
        write(Data(1, 0, b""))
    with pytest.raises(ValueError, match="lane"):
        write(Data(1, 5, b"x"))
    with pytest.raises(ValueError, match="size"):
        write(Accept(1, 0, b"short"))
    with pytest.raises(OverflowError):
        write(Seen(1 << 48))
