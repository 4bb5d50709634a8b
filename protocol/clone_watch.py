"""Is a terminal there once?  Two streams that advance in turn say no.

A terminal that was restored goes on in a new stream: its peers are told once.  After
that the old stream may still bring what was sealed before the restore, but nothing
that was sealed later.  *When* a record was sealed is told by the size of the message
log in its signed slip (``dir``), which no relay can change and no clock falsifies.

If the streams change back and forth in that order, two vaults live: the clone alarm.
It is an alarm, not a verdict: a restored outbox that must reseal two old records
between new ones looks the same.

Source: docs/spec/delivery-and-streams.md, section 5.
"""

from dataclasses import dataclass, replace
from typing import Final

from crypto.types import StreamId

TURNS: Final = 2  # changes back to a stream that was left
REMEMBERED: Final = 64  # streams of one terminal: restored once a month for years


@dataclass(frozen=True, slots=True)
class NewStream:
    """Tell both members: "this terminal was restored"."""


@dataclass(frozen=True, slots=True)
class TwoStreams:
    """Tell both ends and the operators: it may be there twice."""


Effect = NewStream | TwoStreams


@dataclass(frozen=True, slots=True)
class Watch:
    """What one terminal remembers of another one's streams."""

    streams: tuple[StreamId, ...] = ()  # in the order they were first seen
    current: StreamId | None = None
    sealed: int = 0  # size of the message log when its latest record was sealed
    turns: int = 0


def advanced(
    watch: Watch, stream: StreamId, sealed: int
) -> tuple[Watch, tuple[Effect, ...]]:
    """Return what a newly accepted record makes of ``watch``.

    Args:
        watch: of the terminal that sent it.
        stream: the stream of its place.
        sealed: the message log's size in its slip.
    """
    if stream == watch.current:
        return replace(watch, sealed=max(watch.sealed, sealed)), ()
    if stream not in watch.streams:
        streams = (*watch.streams, stream)[-REMEMBERED:]
        after = Watch(streams, stream, max(watch.sealed, sealed), watch.turns)
        return after, (NewStream(),) if watch.streams else ()
    if sealed <= watch.sealed:
        return watch, ()  # overtaken on its way, as may happen
    after = replace(watch, current=stream, sealed=sealed, turns=watch.turns + 1)
    return after, (TwoStreams(),) if after.turns == TURNS else ()
