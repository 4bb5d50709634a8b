"""Streams: nothing is lost, repeated or exchanged unnoticed (B3, B13).

A stream runs from one sending terminal, under one stream id, to one receiving
terminal.  Each record in it has a place, signed in the slip: ``seq`` from 1 and
``prev`` = H of the record before.  The receiver keeps a *floor* (all up to it came,
and the hash there) and a map of what came above it::

    stream, effects = step(stream, Arrived(place, name, known=False, lane=3, now=now))

* new and above the floor: accepted and shown at once, whatever the order;
* its place is taken by itself, or the vault has it: a duplicate, acknowledged again;
* its place is taken by another record, or a ``prev`` does not match: a fork; both
  are kept, the stream is frozen and people are told.  An alarm, not a verdict;
* places in between are missing: a hole; after the lane's grace, or when a heartbeat
  claims the places, a resend is asked for.

A record that is refused by policy *arrives* like any other: it moves the stream.
The sender's half is :class:`Given`: places are given once and survive a reseal.

Source: docs/spec/delivery-and-streams.md, sections 2-4.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final, NamedTuple

from crypto.types import ZERO_DIGEST, Digest, StreamId
from protocol.errors import BusyError, UnexpectedMessageError
from protocol.limits import MAX_STREAM_HOLES
from protocol.slip import Place

MAX_RANGES: Final = 16  # holes asked for at a time: the rest is asked for later
FLASH: Final = 0  # the lane with a grace of its own


class Link(NamedTuple):
    """A record above the floor: its name, and the name it says came before."""

    name: Digest
    prev: Digest


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a hole may stand; seconds, from the signed policy."""

    flash: int = 60  # when a FLASH record showed the hole
    other: int = 1_800  # lower lanes may be overtaken for long
    alarm: int = 86_400  # then people are told


class State(enum.Enum):
    """What a stream looks like to its receiver."""

    WHOLE = enum.auto()
    HOLED = enum.auto()
    FROZEN = enum.auto()


# --- events


@dataclass(frozen=True, slots=True)
class Arrived:
    """A record that verified, with its signed place."""

    place: Place
    name: Digest  # H(record)
    known: bool  # whether the vault has a record of this name, from any stream
    lane: int
    now: int  # POSIX seconds


@dataclass(frozen=True, slots=True)
class Claimed:
    """A heartbeat says that the sender gave all places up to ``seq``."""

    seq: int
    now: int


@dataclass(frozen=True, slots=True)
class Tick:
    """Time went by; ``now`` is POSIX seconds."""

    now: int


Event = Arrived | Claimed | Tick

# --- effects


@dataclass(frozen=True, slots=True)
class Accept:
    """Keep and show it; ``late``: a record of a later place came before it."""

    late: bool


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Acknowledge it again; do not show it again."""


@dataclass(frozen=True, slots=True)
class Held:
    """Keep it apart: its stream is frozen."""


@dataclass(frozen=True, slots=True)
class Fork:
    """Keep both, tell both ends and the operators; ``other`` None: below the floor."""

    seq: int
    other: Digest | None


@dataclass(frozen=True, slots=True)
class AskResend:
    """Ask the sender for these places, both ends included."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class HoleOverdue:
    """Tell people: these places are still missing."""

    first: int
    last: int


Effect = Accept | Duplicate | Held | Fork | AskResend | HoleOverdue

# --- the machine

_ARRIVAL: Final = frozenset(State)
EDGES: Final[Mapping[State, Mapping[type[Event], frozenset[State]]]] = {
    State.WHOLE: {
        Arrived: _ARRIVAL,
        Claimed: frozenset({State.WHOLE, State.HOLED}),
        Tick: frozenset({State.WHOLE}),
    },
    State.HOLED: {
        Arrived: _ARRIVAL,
        Claimed: frozenset({State.HOLED}),
        Tick: frozenset({State.HOLED}),
    },
    State.FROZEN: {
        Arrived: frozenset({State.FROZEN}),
        Claimed: frozenset({State.FROZEN}),
        Tick: frozenset({State.FROZEN}),
    },
}


@dataclass(frozen=True, slots=True)
class Stream:
    """What the receiver keeps of one stream."""

    stream: StreamId
    floor: int = 0  # every place up to it arrived
    floor_name: Digest = ZERO_DIGEST  # H(record) at the floor
    above: Mapping[int, Link] = field(default_factory=lambda: MappingProxyType({}))
    claimed: int = 0  # highest place that a heartbeat spoke of
    since: int = 0  # POSIX seconds: when the lowest hole was seen
    grace: int = 0  # seconds until it is asked for
    asked: int = 0  # how often it was
    overdue: bool = False  # people were told of it
    frozen: bool = False
    patience: Patience = field(default_factory=Patience)

    @property
    def state(self) -> State:
        """Return the state that EDGES speaks of."""
        if self.frozen:
            return State.FROZEN
        return State.HOLED if self.top > self.floor else State.WHOLE

    @property
    def top(self) -> int:
        """The highest place known to be given."""
        return max(self.floor, self.claimed, *self.above)

    def holes(self) -> tuple[tuple[int, int], ...]:
        """Return the missing places as ranges, lowest first, at most MAX_RANGES."""
        found: list[tuple[int, int]] = []
        expected = self.floor + 1
        for seq in (*sorted(self.above), self.top + 1):
            if seq > expected and len(found) < MAX_RANGES:
                found.append((expected, seq - 1))
            expected = seq + 1
        return tuple(found)


Step = tuple[Stream, tuple[Effect, ...]]


def step(stream: Stream, event: Event) -> Step:
    """Return what ``event`` makes of ``stream``, and what to do about it.

    Raises:
        BusyError: MAX_STREAM_HOLES records stand above the floor; nothing changed.
        UnexpectedMessageError: a place in another stream; nothing changed.
    """
    match event:
        case Arrived():
            return _arrived(stream, event)
        case Claimed(seq, now):
            if stream.frozen or seq <= stream.floor:
                return stream, ()
            if seq <= stream.top:  # a hole that was known: its grace is over
                after = replace(stream, asked=max(1, stream.asked))
                return after, () if stream.asked else _ask(after)
            after = replace(stream, claimed=seq, since=now, asked=1)
            if stream.state is State.HOLED:
                after = replace(after, since=stream.since, overdue=stream.overdue)
            return _patient(after, stream.patience.other), _ask(after)
        case _:
            return _tick(stream, event.now)


def _arrived(stream: Stream, event: Arrived) -> Step:
    seq, name = event.place.seq, event.name
    if event.place.stream != stream.stream or seq < 1:
        raise UnexpectedMessageError
    taken = stream.above.get(seq)
    known_here = taken is not None and taken.name == name
    if known_here or (event.known and (stream.frozen or seq <= stream.floor)):
        return stream, (Duplicate(),)
    if stream.frozen:
        return stream, (Held(),)
    if seq <= stream.floor:
        other = stream.floor_name if seq == stream.floor else None
        return replace(stream, frozen=True), (Fork(seq, other),)
    if taken is not None:
        return replace(stream, frozen=True), (Fork(seq, taken.name),)
    if not _fits(stream, event):
        return replace(stream, frozen=True), (Fork(seq, None),)
    if seq > stream.floor + 1 and len(stream.above) >= MAX_STREAM_HOLES:
        raise BusyError
    late = seq < stream.top
    after = _settled(stream, event)
    return after, (Duplicate() if event.known else Accept(late),)


def _fits(stream: Stream, event: Arrived) -> bool:
    """Return whether the neighbours that are here agree with the new record."""
    seq, prev = event.place.seq, event.place.prev
    before: Digest | None = None
    if seq == stream.floor + 1:
        before = stream.floor_name
    elif seq - 1 in stream.above:
        before = stream.above[seq - 1].name
    if before is not None and before != prev:
        return False
    behind = stream.above.get(seq + 1)
    return behind is None or behind.prev == event.name


def _settled(stream: Stream, event: Arrived) -> Stream:
    """Return the stream with the record in its place and the floor moved up."""
    seq = event.place.seq
    above = {**stream.above, seq: Link(event.name, event.place.prev)}
    floor, floor_name = stream.floor, stream.floor_name
    while floor + 1 in above:
        floor += 1
        floor_name = above.pop(floor).name
    # Each field is named: `replace` looks at all of them, for each of a backlog.
    other = floor > stream.floor or stream.state is State.WHOLE  # another hole, or none
    after = Stream(
        stream=stream.stream,
        floor=floor,
        floor_name=floor_name,
        above=MappingProxyType(above),
        claimed=stream.claimed,
        since=0 if other else stream.since,
        grace=0 if other else stream.grace,
        asked=0 if other else stream.asked,
        overdue=not other and stream.overdue,
        frozen=stream.frozen,
        patience=stream.patience,
    )
    if after.state is not State.HOLED:
        return after
    if other:
        after = replace(after, since=event.now)
    patience = stream.patience
    return _patient(after, patience.flash if event.lane == FLASH else patience.other)


def _patient(stream: Stream, grace: int) -> Stream:
    """Return the stream, which has a hole, with the shortest grace it was given."""
    return replace(stream, grace=min(stream.grace or grace, grace))


def _tick(stream: Stream, now: int) -> Step:
    if stream.state is not State.HOLED:
        return stream, ()
    waited = now - stream.since
    effects: list[Effect] = []
    if waited >= stream.grace * (stream.asked + 1):
        stream = replace(stream, asked=stream.asked + 1)
        effects.extend(_ask(stream))
    if waited >= stream.patience.alarm and not stream.overdue:
        stream = replace(stream, overdue=True)
        effects.extend(HoleOverdue(*hole) for hole in stream.holes())
    return stream, tuple(effects)


def _ask(stream: Stream) -> tuple[Effect, ...]:
    return tuple(AskResend(first, last) for first, last in stream.holes())
