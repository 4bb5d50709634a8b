"""Handshakes under way: bounded in number and time; the oldest makes room.

Turning the newest away instead would let a few hundred slow strangers keep everybody
out for as long as they like.  So the bound fails open for who comes and closed for who
dawdles: an honest handshake takes a few round trips, and whoever wants to push it out
must open MAX_STRANGERS connections within that time, again and again.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from protocol.handshake import HANDSHAKE_SECONDS

MAX_STRANGERS: Final = 1_024  # handshakes at a time: 64 MiB at 64 KiB each


class Strangers:
    """Who has not proven anything yet."""

    def __init__(self) -> None:
        self._limits: dict[asyncio.Timeout, None] = {}  # in the order they came

    def __len__(self) -> int:
        return len(self._limits)

    @asynccontextmanager
    async def handshake(self) -> AsyncIterator[None]:
        """Hold a place while one handshake goes on.

        Raises:
            TimeoutError: it took HANDSHAKE_SECONDS, or its place was needed.
        """
        if len(self._limits) >= MAX_STRANGERS:
            oldest = next(iter(self._limits))
            del self._limits[oldest]
            if not oldest.expired():
                oldest.reschedule(asyncio.get_running_loop().time())
        async with asyncio.timeout(HANDSHAKE_SECONDS) as limit:
            self._limits[limit] = None
            try:
                yield
            finally:
                self._limits.pop(limit, None)
