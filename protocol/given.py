"""The sender's half of a stream: each record gets its place once.

Per receiving terminal.  The place is given when the record is first sealed; the sender
keeps it beside the record until the end, through every reseal: a record with two places
would look like two records, and two records in one place are a fork (B13)::

    given, place = give(given, name)      # once; from then on the place is the record's

The stream id is drawn when the vault is made, and again at every restore, after a
detected fork, and when a member asks for it: then all begins with a new ``Given``.

Source: docs/spec/delivery-and-streams.md, section 2.
"""

from dataclasses import dataclass

from crypto.types import ZERO_DIGEST, Digest, StreamId
from protocol.slip import Place


@dataclass(frozen=True, slots=True)
class Given:
    """How far the stream to one terminal was given."""

    stream: StreamId
    seq: int = 0  # the highest place given
    last: Digest = ZERO_DIGEST  # H(record) there


def give(given: Given, name: Digest) -> tuple[Given, Place]:
    """Return the next place, for the record ``name`` that has none yet."""
    place = Place(given.stream, given.seq + 1, given.last)
    return Given(given.stream, place.seq, name), place
