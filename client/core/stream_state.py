"""A stream's state as the vault keeps it (:class:`protocol.streams.Stream`)."""

from types import MappingProxyType
from typing import Annotated, NamedTuple

from msgspec import Meta

from crypto.types import StreamId
from protocol.codec import Message, decode, encode
from protocol.fields import V1, DigestField, Sequence, Time, UInt8, UInt32, UInt48
from protocol.limits import MAX_STREAM_HOLES
from protocol.streams import Link, Patience, Stream


class _Above(NamedTuple):
    seq: Sequence
    name: DigestField
    prev: DigestField


class _Kept(Message):
    v: V1
    floor: UInt48
    floor_name: DigestField
    above: Annotated[tuple[_Above, ...], Meta(max_length=MAX_STREAM_HOLES)] = ()
    claimed: UInt48
    since: Time
    grace: UInt32
    asked: UInt32
    overdue: UInt8
    frozen: UInt8


def freeze(stream: Stream) -> bytes:
    """Return ``stream`` as bytes for the vault."""
    return encode(
        _Kept(
            v=1,
            floor=stream.floor,
            floor_name=stream.floor_name,
            above=tuple(
                _Above(seq, link.name, link.prev)
                for seq, link in sorted(stream.above.items())
            ),
            claimed=stream.claimed,
            since=stream.since,
            grace=stream.grace,
            asked=stream.asked,
            overdue=int(stream.overdue),
            frozen=int(stream.frozen),
        )
    )


def thaw(kept: bytes | None, stream: StreamId, patience: Patience) -> Stream:
    """Return the stream that ``kept`` holds; a new one for None."""
    if kept is None:
        return Stream(stream, patience=patience)
    found = decode(kept, _Kept)
    return Stream(
        stream=stream,
        floor=found.floor,
        floor_name=found.floor_name,
        above=MappingProxyType(
            {above.seq: Link(above.name, above.prev) for above in found.above}
        ),
        claimed=found.claimed,
        since=found.since,
        grace=found.grace,
        asked=found.asked,
        overdue=bool(found.overdue),
        frozen=bool(found.frozen),
        patience=patience,
    )
