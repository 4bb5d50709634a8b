"""What a line tells its shell, and how objects of each kind are carried.

=================  ========================================================
whole              collected in memory and handed over in one piece; kept by
                   the sender until the receiver's ACK, sent again from the
                   start after a cut: submissions and deliveries
volatile           whole, but without ACK: a request or an answer that a cut
                   lost is asked again by those who know what it was for
streamed           of any size, in constant memory, resumed at the receiver's
                   durable offset: attachments
=================  ========================================================
"""

import enum
from dataclasses import dataclass
from typing import Final

from protocol.limits import KIB, MAX_DOCUMENT, MAX_ENVELOPE
from protocol.line.frames import CloseReason, Kind

VOLATILE: Final = frozenset({Kind.REQUEST, Kind.ANSWER, Kind.NOTICE})
STREAMED: Final = frozenset({Kind.ATTACHMENT_UP, Kind.ATTACHMENT_DOWN})
MAX_WHOLE: Final = MAX_ENVELOPE + MAX_DOCUMENT + KIB  # bytes: a request around both
MAX_COLLECTED: Final = 2 * MAX_WHOLE  # bytes of unfinished whole objects per line


class Side(enum.Enum):
    """Who speaks: its kinds, and the lowest bit of its stream numbers."""

    TERMINAL = 1
    RELAY = 0

    @property
    def peer(self) -> "Side":
        """The other side."""
        return Side(1 - self.value)

    @property
    def kinds(self) -> frozenset[Kind]:
        """The kinds that this side sends."""
        return _KINDS[self]


_TERMINAL: Final = frozenset({Kind.SUBMISSION, Kind.REQUEST, Kind.ATTACHMENT_UP})
_KINDS: Final = {Side.TERMINAL: _TERMINAL, Side.RELAY: frozenset(Kind) - _TERMINAL}


@dataclass(frozen=True, slots=True)
class Profile:
    """How a side uses the line; the receiver takes whatever arrives.

    Whatever the profile, a cell takes at most a quarter of a second at the measured
    rate, so a line that turns out to be slow is used as one.
    """

    first: int  # largest k before anything was measured
    k: int  # largest k ever: a cell is k x 1,024 bytes
    stall: float  # seconds without progress after which the peer is given up


FAST: Final = Profile(first=16, k=16, stall=30.0)
POOR: Final = Profile(first=1, k=1, stall=60.0)
# For who does not know what lies between: begins as POOR, and a round trip later is
# as fast as the line.
AUTO: Final = Profile(first=1, k=16, stall=30.0)


@dataclass(frozen=True, slots=True)
class ObjectComplete:
    """A whole object arrived.  Unless volatile: commit it, then ``line.stored``."""

    kind: Kind
    id: bytes
    lane: int
    content: bytes


@dataclass(frozen=True, slots=True)
class ObjectOpened:
    """A streamed object is offered: ``line.accept`` its bytes or ``line.refuse``."""

    kind: Kind
    id: bytes
    lane: int
    total: int


@dataclass(frozen=True, slots=True)
class StoreBytes:
    """Write these bytes of a streamed object; after the commit, ``line.stored``."""

    id: bytes
    offset: int
    content: bytes


@dataclass(frozen=True, slots=True)
class ObjectAbandoned:
    """The sender gave up an object that had not arrived in full."""

    id: bytes


@dataclass(frozen=True, slots=True)
class ObjectAcknowledged:
    """The peer has our object durably up to ``offset``; all of it at ``total``."""

    id: bytes
    offset: int
    total: int


@dataclass(frozen=True, slots=True)
class ObjectAccepted:
    """The relay named the leaf of our submission."""

    id: bytes
    index: int
    leaf: bytes


@dataclass(frozen=True, slots=True)
class ObjectRefused:
    """The peer will not take our object; it is no longer offered."""

    id: bytes
    reason: CloseReason


@dataclass(frozen=True, slots=True)
class ObjectLost:
    """A cut ended the line before this volatile object had left in full."""

    id: bytes


@dataclass(frozen=True, slots=True)
class Stalled:
    """The peer made no progress for too long: close the connection."""


Effect = (
    ObjectComplete
    | ObjectOpened
    | StoreBytes
    | ObjectAbandoned
    | ObjectAcknowledged
    | ObjectAccepted
    | ObjectRefused
    | ObjectLost
    | Stalled
)
