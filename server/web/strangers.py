"""Handshakes under way: bounded in number and time; the oldest makes room.

Turning the newest away instead would let a few hundred slow strangers keep everybody
out for as long as they like.  So the bound fails open for who comes and closed for who
dawdles: an honest handshake takes a few round trips, and whoever wants to push it out
must open MAX_STRANGERS connections within that time, again and again.

On the poorest line that is served, 9.6 kbit/s and two seconds of round trip, challenge
and hello alone take ten seconds (thirteen in suite S2).  So whoever has sent
MOVING bytes of its hello by then has as long again; whoever says nothing, or a byte a
second, is put out.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from protocol.handshake import HANDSHAKE_SECONDS

MAX_STRANGERS: Final = 1_024  # handshakes at a time: 64 MiB at 64 KiB each
MOVING: Final = 1_024  # bytes of a hello that show a slow line and no slow stranger


@dataclass(eq=False, slots=True)
class Place:
    """One handshake's."""

    limit: asyncio.Timeout
    came: Callable[[], int] = int  # bytes that came since the challenge left

    def end(self) -> None:
        """Put the stranger out."""
        if not self.limit.expired():
            self.limit.reschedule(asyncio.get_running_loop().time())


class Strangers:
    """Who has not proven anything yet."""

    def __init__(self) -> None:
        self._places: dict[Place, None] = {}  # in the order they came

    def __len__(self) -> int:
        return len(self._places)

    @asynccontextmanager
    async def handshake(self) -> AsyncIterator[Place]:
        """Hold a place while one handshake goes on.

        Raises:
            TimeoutError: it took too long, or its place was needed.
        """
        if len(self._places) >= MAX_STRANGERS:
            oldest = next(iter(self._places))
            del self._places[oldest]
            oldest.end()
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(2 * HANDSHAKE_SECONDS) as limit:
            place = Place(limit)
            self._places[place] = None
            timer = loop.call_later(HANDSHAKE_SECONDS, self._look, place)
            try:
                yield place
            finally:
                timer.cancel()
                self._places.pop(place, None)

    @staticmethod
    def _look(place: Place) -> None:
        if place.came() < MOVING:
            place.end()
