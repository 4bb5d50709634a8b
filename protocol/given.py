"""The sender's half of a stream: each record gets its place once.

Per receiving terminal.  The place is given when the record is first deposited and
kept until it is delivered, through every reseal: a record with two places would look
like two records, and two records in one place are a fork (B13)::

    given, place = give(given, name)      # the same place, however often it is asked

The stream id is drawn when the vault is made, and again at every restore, after a
detected fork, and when a member asks for it: then all begins with a new ``Given``.

Source: docs/spec/delivery-and-streams.md, section 2.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from crypto.types import ZERO_DIGEST, Digest, StreamId
from protocol.errors import SplitViewError
from protocol.slip import Place


@dataclass(frozen=True, slots=True)
class Given:
    """The places given to one terminal that are not yet confirmed."""

    stream: StreamId
    seq: int = 0  # the highest place given
    last: Digest = ZERO_DIGEST  # H(record) there
    places: Mapping[Digest, Place] = field(default_factory=lambda: MappingProxyType({}))


def give(given: Given, name: Digest) -> tuple[Given, Place]:
    """Return the place of the record ``name``: its own, or the next."""
    held = given.places.get(name)
    if held is not None:
        return given, held
    place = Place(given.stream, given.seq + 1, given.last)
    places = MappingProxyType({**given.places, name: place})
    return replace(given, seq=place.seq, last=name, places=places), place


def settle(given: Given, name: Digest) -> Given:
    """Return ``given`` without a record that was delivered; again is nothing."""
    places = {held: place for held, place in given.places.items() if held != name}
    return replace(given, places=MappingProxyType(places))


def covered(
    given: Given, stream: StreamId, seq: int, name: Digest
) -> frozenset[Digest]:
    """Return the records that a heartbeat of the receiver confirms.

    Args:
        given: what was given to that receiver.
        stream: the stream that its heartbeat speaks of.
        seq: its floor there: all places up to it arrived.
        name: H(record) that it has at its floor.

    Raises:
        SplitViewError: it has a place that was never given, or another record in
            one of ours: somebody else sends in our stream.
    """
    if stream != given.stream:
        return frozenset()  # of a stream that was ended: its records were given anew
    if seq > given.seq or (seq == given.seq and name != given.last):
        raise SplitViewError
    confirmed = {held for held, place in given.places.items() if place.seq <= seq}
    at_floor = {held for held, place in given.places.items() if place.seq == seq}
    if at_floor - {name}:
        raise SplitViewError
    return frozenset(confirmed)


def missing(given: Given, first: int, last: int) -> tuple[Digest, ...]:
    """Return the records that stand in the places of a hole, lowest first.

    Places that were confirmed are not among them: the receiver asks for what it
    once confirmed only if it lost its vault, and then people speak first.
    """
    held = ((place.seq, name) for name, place in given.places.items())
    return tuple(name for seq, name in sorted(held) if first <= seq <= last)
