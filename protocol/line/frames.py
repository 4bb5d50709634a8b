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
import struct
from collections.abc import Callable, Mapping
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

# A number of 48 bits is two fields: the upper 16, the lower 32.
_DATA_FORM: Final = struct.Struct(">BHH")  # its content follows
_OPEN_FORM: Final = struct.Struct(">BHBHIHI16s")
_ACK_FORM: Final = struct.Struct(">BHHI")
_SEEN_FORM: Final = struct.Struct(">BHI")
_CLOSE_FORM: Final = struct.Struct(">BHB")
_ACCEPT_FORM: Final = struct.Struct(">BHHI32s")
_SHAPE_FORM: Final = struct.Struct(">BIH")
_LOW: Final = (1 << 32) - 1


def write(frame: Frame) -> bytes:
    """Return the one encoding of ``frame``.

    Raises:
        OverflowError: a number that its field cannot hold: a caller's bug.
        ValueError: empty data, or an id, leaf or lane of the wrong size.
    """
    try:
        return _encoded(frame)
    except struct.error as error:
        raise OverflowError from error


def _encoded(frame: Frame) -> bytes:
    match frame:
        case Data(stream, lane, content):
            if not content:
                raise ValueError("no empty DATA")
            head = _DATA_FORM.pack(_laned(FrameType.DATA, lane), stream, len(content))
            return head + content
        case Open(stream, lane, kind, total, offset, object_id):
            return _OPEN_FORM.pack(
                _laned(FrameType.OPEN, lane),
                stream,
                kind,
                total >> 32,
                total & _LOW,
                offset >> 32,
                offset & _LOW,
                _sized(object_id, ID_SIZE),
            )
        case Ack(stream, offset):
            return _ACK_FORM.pack(_ACK, stream, offset >> 32, offset & _LOW)
        case Seen(cells):
            return _SEEN_FORM.pack(_SEEN, cells >> 32, cells & _LOW)
        case Close(stream, reason):
            return _CLOSE_FORM.pack(FrameType.CLOSE << 4, stream, reason)
        case Accept(stream, index, leaf):
            return _ACCEPT_FORM.pack(
                _ACCEPT, stream, index >> 32, index & _LOW, _sized(leaf, LEAF_SIZE)
            )
        case _:
            return _SHAPE_FORM.pack(FrameType.SHAPE << 4, frame.interval, frame.cells)


def _laned(frame_type: FrameType, lane: int) -> int:
    if not 0 <= lane < LANES:
        raise ValueError("no such lane")
    return frame_type << 4 | lane


def _sized(content: bytes, size: int) -> bytes:
    if len(content) != size:
        raise ValueError("wrong size")
    return content


def parse(content: bytes) -> list[Frame]:
    """Return the frames of one opened cell, in order: all, or none.

    Raises:
        MalformedError: and nothing else, whatever the bytes are.
    """
    frames: list[Frame] = []
    at, end = 0, len(content)
    while at < end:
        head = content[at]
        if head >> 4 == _DATA:
            start = at + DATA_HEADER
            if start > end:
                raise MalformedError
            _, stream, size = _DATA_FORM.unpack_from(content, at)
            at = start + size
            lane = head & 15
            if size == 0 or lane >= LANES or at > end:
                raise MalformedError
            frames.append(Data(stream, lane, content[start:at]))
        elif head == _PAD:
            if content[at:] != bytes(end - at):
                raise MalformedError
            return frames
        else:
            form = _FIXED.get(head >> 4)
            if form is None or at + form[0] > end:
                raise MalformedError
            frames.append(form[1](content, at))
            at += form[0]
    return frames


def _open(content: bytes, at: int) -> Open:
    head, stream, kind, high, low, offset_high, offset_low, object_id = (
        _OPEN_FORM.unpack_from(content, at)
    )
    lane, known = head & 15, _KINDS.get(kind)
    total, offset = high << 32 | low, offset_high << 32 | offset_low
    if known is None or lane >= LANES or offset > total or total == 0:
        raise MalformedError
    return Open(stream, lane, known, total, offset, object_id)


def _ack(content: bytes, at: int) -> Ack:
    head, stream, high, low = _ACK_FORM.unpack_from(content, at)
    _no_lane(head)
    return Ack(stream, high << 32 | low)


def _seen(content: bytes, at: int) -> Seen:
    head, high, low = _SEEN_FORM.unpack_from(content, at)
    _no_lane(head)
    return Seen(high << 32 | low)


def _close(content: bytes, at: int) -> Close:
    head, stream, reason = _CLOSE_FORM.unpack_from(content, at)
    _no_lane(head)
    known = _REASONS.get(reason)
    if known is None:
        raise MalformedError
    return Close(stream, known)


def _accept(content: bytes, at: int) -> Accept:
    head, stream, high, low, leaf = _ACCEPT_FORM.unpack_from(content, at)
    _no_lane(head)
    return Accept(stream, high << 32 | low, leaf)


def _shape(content: bytes, at: int) -> Shape:
    head, interval, cells = _SHAPE_FORM.unpack_from(content, at)
    _no_lane(head)
    return Shape(interval, cells)


def _no_lane(head: int) -> None:
    if head & 15:
        raise MalformedError


# Read for each cell: integers, because a name of an enumeration is looked up slowly.
_PAD, _DATA = int(FrameType.PAD), int(FrameType.DATA)
_ACK, _SEEN, _ACCEPT = (
    frame_type << 4 for frame_type in (FrameType.ACK, FrameType.SEEN, FrameType.ACCEPT)
)
_KINDS: Final[Mapping[int, Kind]] = {int(kind): kind for kind in Kind}
_REASONS: Final[Mapping[int, CloseReason]] = {int(one): one for one in CloseReason}
_FIXED: Final[Mapping[int, tuple[int, Callable[[bytes, int], Frame]]]] = {
    int(FrameType.OPEN): (_OPEN_FORM.size, _open),
    int(FrameType.ACK): (_ACK_FORM.size, _ack),
    int(FrameType.SEEN): (_SEEN_FORM.size, _seen),
    int(FrameType.CLOSE): (_CLOSE_FORM.size, _close),
    int(FrameType.ACCEPT): (_ACCEPT_FORM.size, _accept),
    int(FrameType.SHAPE): (_SHAPE_FORM.size, _shape),
}
