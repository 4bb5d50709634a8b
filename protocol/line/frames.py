"""Frames: what a cell carries, byte for byte (docs/spec/line.md, section 3).

A frame begins with one byte: its type in the upper four bits, a lane in the lower
four (DATA and OPEN; zero in all others).  Numbers are big-endian::

    PAD     00, and zeros to the end of the cell
    DATA    hdr, stream u16, length u16, bytes          offset implicit
    OPEN    hdr, stream u16, kind u8, total u48, offset u48, id 16
    ACK     hdr, stream u16, durable offset u48
    SEEN    hdr, cells u48
    CLOSE   hdr, stream u16, reason u8
    ACCEPT  hdr, stream u16, index u48, leaf hash 32
    SHAPE   hdr, interval ms u32, cells u16             reserved

There is one way to write a frame and :func:`parse` refuses every other: a length
of zero, a lane where none belongs, a frame that leaves the cell, a byte other than
zero behind the last frame.
"""

import enum
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from protocol.errors import MalformedError

LANES: Final = 5  # 0 FLASH .. 3 ROUTINE, 4 bulk
ID_SIZE: Final = 16  # bytes: H(object)[:16], or a blob's name cut to it
LEAF_SIZE: Final = 32
DATA_HEADER: Final = 5  # bytes of a DATA frame before its content
OPEN_SIZE: Final = 32
MAX_TOTAL: Final = (1 << 48) - 1  # bytes of one object, cells of one session


class FrameType(enum.IntEnum):
    """Upper four bits of a frame's first byte.  A number is never reused."""

    PAD = 0
    DATA = 1
    OPEN = 2
    ACK = 3
    SEEN = 4
    CLOSE = 5
    ACCEPT = 6
    SHAPE = 7


class Kind(enum.IntEnum):
    """What an object is to its reader; the line itself does not look inside."""

    SUBMISSION = 1
    DELIVERY = 2
    REQUEST = 3
    ANSWER = 4
    ATTACHMENT_UP = 5
    ATTACHMENT_DOWN = 6
    NOTICE = 7


class CloseReason(enum.IntEnum):
    """Why a stream ends without an ACK of its whole length."""

    DONE = 0  # the sender's answer to a refusal, or it needs no more
    TOO_LARGE = 1  # above the quota: do not offer it again
    BUSY = 2  # no room now: offer it later
    NOT_WANTED = 3  # this object will never be taken


class Data(msgspec.Struct, frozen=True):
    """The next bytes of an open stream."""

    stream: int
    lane: int
    content: bytes


class Open(msgspec.Struct, frozen=True):
    """A stream begins; ``offset`` is what the sender knows to be durable."""

    stream: int
    lane: int
    kind: Kind
    total: int
    offset: int
    id: bytes


class Ack(msgspec.Struct, frozen=True):
    """All bytes of the stream before ``offset`` are durable at the receiver."""

    stream: int
    offset: int


class Seen(msgspec.Struct, frozen=True):
    """So many cells of the session have arrived, ``ready`` not counted."""

    cells: int


class Close(msgspec.Struct, frozen=True):
    """The stream ends here, by either side."""

    stream: int
    reason: CloseReason


class Accept(msgspec.Struct, frozen=True):
    """The submission's leaf stands in the message log at ``index``."""

    stream: int
    index: int
    leaf: bytes


class Shape(msgspec.Struct, frozen=True):
    """Reserved: from now on ``cells`` every ``interval`` milliseconds."""

    interval: int
    cells: int


Frame = Data | Open | Ack | Seen | Close | Accept | Shape


def write(frame: Frame) -> bytes:
    """Return the one encoding of ``frame``.

    Raises:
        OverflowError: a number that its field cannot hold: a caller's bug.
        ValueError: empty data, or an id, leaf or lane of the wrong size.
    """
    match frame:
        case Data(stream, lane, content):
            if not content:
                raise ValueError("no empty DATA")
            return b"".join(
                (_head(FrameType.DATA, lane), _u16(stream), _u16(len(content)), content)
            )
        case Open(stream, lane, kind, total, offset, object_id):
            head = _head(FrameType.OPEN, lane) + _u16(stream) + bytes((kind,))
            return head + _u48(total) + _u48(offset) + _sized(object_id, ID_SIZE)
        case Ack(stream, offset):
            return _head(FrameType.ACK) + _u16(stream) + _u48(offset)
        case Seen(cells):
            return _head(FrameType.SEEN) + _u48(cells)
        case Close(stream, reason):
            return _head(FrameType.CLOSE) + _u16(stream) + bytes((reason,))
        case Accept(stream, index, leaf):
            head = _head(FrameType.ACCEPT) + _u16(stream)
            return head + _u48(index) + _sized(leaf, LEAF_SIZE)
        case _:
            head = _head(FrameType.SHAPE) + frame.interval.to_bytes(4, "big")
            return head + _u16(frame.cells)


def _head(frame_type: FrameType, lane: int = 0) -> bytes:
    if not 0 <= lane < LANES:
        raise ValueError("no such lane")
    return bytes((frame_type << 4 | lane,))


def _u16(number: int) -> bytes:
    return number.to_bytes(2, "big")


def _u48(number: int) -> bytes:
    return number.to_bytes(6, "big")


def _sized(content: bytes, size: int) -> bytes:
    if len(content) != size:
        raise ValueError("wrong size")
    return content


def parse(content: bytes) -> Iterable[Frame]:
    """Yield the frames of one opened cell, in order; refuse it at the first fault.

    A caller that wants all or nothing takes the tuple before it acts.

    Raises:
        MalformedError: and nothing else, whatever the bytes are.
    """
    at, end = 0, len(content)
    while at < end:
        frame_type, lane = content[at] >> 4, content[at] & 15
        if frame_type == FrameType.DATA:
            start = at + DATA_HEADER
            size = int.from_bytes(content[at + 3 : start], "big")
            if size == 0 or lane >= LANES or start + size > end:
                raise MalformedError
            stream = int.from_bytes(content[at + 1 : at + 3], "big")
            yield Data(stream, lane, content[start : start + size])
            at = start + size
        elif content[at] == FrameType.PAD:
            if content.count(0, at) != end - at:
                raise MalformedError
            return
        else:
            try:
                size, read = _FIXED[frame_type]
            except KeyError:
                raise MalformedError from None
            if at + size > end:
                raise MalformedError
            yield read(lane, content[at + 1 : at + size])
            at += size


def _open(lane: int, rest: bytes) -> Open:
    total, offset = _number(rest[3:9]), _number(rest[9:15])
    if lane >= LANES or not 0 <= offset <= total or total == 0:
        raise MalformedError
    try:
        kind = Kind(rest[2])
    except ValueError:
        raise MalformedError from None
    return Open(_number(rest[:2]), lane, kind, total, offset, rest[15:])


def _ack(lane: int, rest: bytes) -> Ack:
    _no_lane(lane)
    return Ack(_number(rest[:2]), _number(rest[2:]))


def _seen(lane: int, rest: bytes) -> Seen:
    _no_lane(lane)
    return Seen(_number(rest))


def _close(lane: int, rest: bytes) -> Close:
    _no_lane(lane)
    try:
        reason = CloseReason(rest[2])
    except ValueError:
        raise MalformedError from None
    return Close(_number(rest[:2]), reason)


def _accept(lane: int, rest: bytes) -> Accept:
    _no_lane(lane)
    return Accept(_number(rest[:2]), _number(rest[2:8]), rest[8:])


def _shape(lane: int, rest: bytes) -> Shape:
    _no_lane(lane)
    return Shape(_number(rest[:4]), _number(rest[4:]))


def _no_lane(lane: int) -> None:
    if lane:
        raise MalformedError


def _number(digits: bytes) -> int:
    return int.from_bytes(digits, "big")


_FIXED: Final[Mapping[int, tuple[int, Callable[[int, bytes], Frame]]]] = {
    FrameType.OPEN: (OPEN_SIZE, _open),
    FrameType.ACK: (9, _ack),
    FrameType.SEEN: (7, _seen),
    FrameType.CLOSE: (4, _close),
    FrameType.ACCEPT: (41, _accept),
    FrameType.SHAPE: (7, _shape),
}
