"""A stream as the vault keeps it: one document per stream, written with the record.

The state of a stream and the record that moved it are one transaction: a vault that
has one without the other would show a record twice, or ask for one that it has.
"""

from types import MappingProxyType
from typing import Annotated, NamedTuple

from msgspec import Meta

from crypto.types import StreamId
from protocol.codec import Message, decode, encode
from protocol.fields import (
    V1,
    DigestField,
    Sequence,
    StreamIdField,
    Time,
    UInt8,
    UInt32,
    UInt48,
)
from protocol.limits import MAX_STREAM_HOLES
from protocol.streams import Link, Patience, Stream


class _Above(NamedTuple):
    seq: Sequence
    name: DigestField
    prev: DigestField


class _Flags(NamedTuple):
    overdue: UInt8
    frozen: UInt8


class _Stored(Message):
    v: V1
    stream: StreamIdField
    floor: UInt48
    floor_name: DigestField
    claimed: UInt48
    since: Time
    grace: UInt32
    asked: UInt32
    flags: _Flags
    above: Annotated[tuple[_Above, ...], Meta(max_length=MAX_STREAM_HOLES)] = ()


def dump(stream: Stream) -> bytes:
    """Return the document of a stream, at most 80 KiB."""
    return encode(
        _Stored(
            v=1,
            stream=stream.stream,
            floor=stream.floor,
            floor_name=stream.floor_name,
            claimed=stream.claimed,
            since=stream.since,
            grace=stream.grace,
            asked=stream.asked,
            flags=_Flags(int(stream.overdue), int(stream.frozen)),
            above=tuple(
                _Above(seq, *link) for seq, link in sorted(stream.above.items())
            ),
        )
    )


def load(data: bytes, patience: Patience) -> Stream:
    """Return the stream of a document that :func:`dump` made.

    Raises:
        MalformedError: the vault holds something else there.
    """
    stored = decode(data, _Stored)
    return Stream(
        stream=StreamId(stored.stream),
        floor=stored.floor,
        floor_name=stored.floor_name,
        above=MappingProxyType(
            {one.seq: Link(one.name, one.prev) for one in stored.above}
        ),
        claimed=stored.claimed,
        since=stored.since,
        grace=stored.grace,
        asked=stored.asked,
        overdue=bool(stored.flags.overdue),
        frozen=bool(stored.flags.frozen),
        patience=patience,
    )
