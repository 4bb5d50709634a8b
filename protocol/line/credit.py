"""How much may be under way: the safeguard that makes lanes real.

Whatever stands in a buffer of the network cannot be overtaken.  So the sender keeps
no more under way than the line itself holds::

    W = clamp(1.25 x rate x rtt_min + 4 cells, 4 cells, 256 KiB)

where a cell is the largest that takes a quarter of a second at ``rate``.  It is
counted end to end by the receiver's SEEN, which also measures ``rate`` (the highest
delivery rate of the last ten round trips, or of ten seconds if that is more) and
``rtt_min``: the shortest time from a cell's departure to its SEEN, less what the cell
itself takes at that rate (a second at 9.6 kbit/s).  It is the minimum of the whole
session: one session is one connection, and a minimum that is forgotten grows with the
queue that it allows.  W is doubled while loss is seen: a lost packet holds back what
came behind it, and the line would stand idle.

Lane 0 may have 16 KiB more under way: what cannot be overtaken harms whom nothing may
overtake last of all, and a FLASH does not wait for the first measure of a line.

Source: docs/spec/line.md, section 5; the estimate follows the idea of BBR's delivery
rate (draft-ietf-ccwg-bbr), without its pacing.
"""

import math
from bisect import bisect_right
from operator import attrgetter
from typing import Final, NamedTuple

from protocol.line.cells import CELL
from protocol.line.effects import Profile

GAIN: Final = 1.25
CELLS: Final = 4  # under way without a measure, and at least
CEILING: Final = 256 * 1024  # bytes: what a cut may cost
URGENT: Final = 16 * 1024  # bytes of lane 0 beyond the window
RATE_ROUNDS: Final = 10  # round trips that a rate counts
RATE_SECONDS: Final = 10.0  # seconds that a rate counts at least
LOSS_SECONDS: Final = 10.0  # seconds that a reported loss counts
CELL_SECONDS: Final = 0.25  # what one cell may take: nothing overtakes within it
_number = attrgetter("number")
_INSTANT: Final = 1e-6  # seconds: the shortest time that is told from none


class _Sent(NamedTuple):
    number: int  # of the cell, from 1
    size: int  # bytes that count
    at: float  # seconds
    delivered: int  # bytes delivered when it left
    delivered_at: float


class Credit:
    """What one direction has under way, and what it may have."""

    __slots__ = (
        "_delivered",
        "_delivered_at",
        "_loss_until",
        "_profile",
        "_rates",
        "_rtt",
        "_sent",
        "cells",
        "in_flight",
        "progress",
    )

    def __init__(self, profile: Profile, now: float) -> None:
        self.cells = 0  # sent, control cells included
        self.in_flight = 0  # bytes that count and are not seen
        self.progress = now  # seconds: when the peer last moved, or had nothing to do
        self._profile = profile
        # Lists, for an empty deque takes 600 bytes; W bounds this one to some hundreds.
        self._sent: list[_Sent] = []
        self._delivered = 0
        self._delivered_at = now
        self._rates: list[tuple[float, float]] = []  # (when, rate), rates fall
        self._rtt = math.inf
        self._loss_until = now

    @property
    def k(self) -> int:
        """The size of the largest cell to send now, in units of 1,024 bytes."""
        if not self._rates:
            return self._profile.first
        fitting = int(self._rates[0][1] * CELL_SECONDS) // CELL
        return min(max(fitting, 1), self._profile.k)

    def window(self, now: float) -> int:
        """Return W in bytes."""
        cell = self.k * CELL
        window: float = CELLS * cell
        if self._rates:
            window += GAIN * max(self._rates[0][1] * self._rtt - cell, 0)
        if now < self._loss_until:
            window *= 2
        return int(min(window, CEILING))

    def allows(self, now: float, *, urgent: bool = False) -> bool:
        """Say whether another cell with data may leave now.

        ``urgent``: it begins with lane 0, which nothing may overtake.
        """
        window = self.window(now) + (URGENT if urgent else 0)
        return self.in_flight + self.k * CELL <= window

    def sent(self, size: int, now: float) -> None:
        """Count a cell that left; ``size`` is 0 for one with control frames only."""
        self.cells += 1
        if not size:
            return
        if not self.in_flight:  # nothing was under way: the pause is no slowness
            self._delivered_at = self.progress = now
        self.in_flight += size
        self._sent.append(
            _Sent(self.cells, size, now, self._delivered, self._delivered_at)
        )

    def seen(self, cells: int, now: float) -> None:
        """Take the receiver's count of cells; the caller has checked its range."""
        count = bisect_right(self._sent, cells, key=_number)
        if not count:
            return
        size = sum(one.size for one in self._sent[:count])
        last = self._sent[count - 1]
        del self._sent[:count]
        self.in_flight -= size
        self._delivered += size
        self._delivered_at = self.progress = now
        rtt = max(now - last.at, _INSTANT)
        self._rtt = min(self._rtt, rtt)
        took = max(now - last.delivered_at, rtt)
        rate = (self._delivered - last.delivered) / took
        while self._rates and self._rates[-1][1] <= rate:
            self._rates.pop()
        self._rates.append((now, rate))
        horizon = now - max(RATE_SECONDS, RATE_ROUNDS * self._rtt)
        while self._rates[0][0] < horizon:
            del self._rates[0]

    def loss(self, now: float) -> None:
        """Note that the transport reported a retransmission."""
        self._loss_until = now + LOSS_SECONDS
