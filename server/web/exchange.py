"""A session's cells over HTTPS requests: nothing lost, nothing twice, nothing early.

::

    up     the terminal's cells; answered when the line has taken them
    down   held until there are cells for the terminal, or HOLD seconds

Requests and answers get lost, and a proxy may send a request twice.  A cell's number
is the count of its direction, so it never travels inside the seal; here it stands
beside the cells.  ``up`` names the number of its first cell: what was taken already is
passed over, a hole is refused.  ``down`` names the first cell that the terminal lacks:
what lies before it has arrived and is forgotten, the rest is answered again.  The same
sealed bytes go again, never a second sealing under one number.

Everything is bounded: one body of MAX_BUNDLE cells each way, MAX_ASKING requests at
once, and QUIET seconds without any request, after which the terminal is gone.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from protocol.errors import UnexpectedMessageError
from protocol.line.cells import MAX_BUNDLE

HOLD: Final = 20.0  # seconds that a request for cells waits: proxies give up at 30
QUIET: Final = 30.0  # seconds without a request, then the terminal is gone
# Requests at once: a terminal has two, and some that a proxy still holds after it gave
# up.  Each may hold a whole body, so their number bounds what one session takes.
MAX_ASKING: Final = 8


class Exchange:
    """One session's cells on their way; a :class:`server.web.transport.Transport`."""

    def __init__(self) -> None:
        self._came: deque[bytes] = deque()
        self._taken = 0  # cells of the terminal that came
        self._kept: deque[bytes] = deque()  # sent, and not known to have arrived
        self._first = 0  # the number of the first of them
        self._latest = 0  # requests for cells so far: the newest one is answered
        self._asking = 0  # requests under way
        self._closed = False
        self._moved = asyncio.Event()
        self._quiet = self._from_now_on()

    # --- the conversation's side

    async def receive(self) -> bytes | None:
        """Return the next cell; None when the terminal is gone."""
        await self._until(lambda: bool(self._came))
        if self._closed:
            return None
        cell = self._came.popleft()
        self._move()
        return cell

    @property
    def empty(self) -> bool:
        """Whether there is room for another cell."""
        return not self._closed and len(self._kept) < MAX_BUNDLE

    def put(self, cell: bytes) -> None:
        """Keep a cell for which there is room."""
        self._kept.append(cell)
        self._move()

    async def send(self, cell: bytes) -> None:
        """Keep a cell until the terminal says that it has it.

        Raises:
            ConnectionResetError: the terminal is gone.
        """
        await self._until(lambda: len(self._kept) < MAX_BUNDLE)
        if self._closed:
            raise ConnectionResetError
        self.put(cell)

    def close(self) -> None:
        """End it: whoever waits, on both sides, waits no longer."""
        self._closed = True
        self._quiet.cancel()
        self._move()

    # --- the terminal's side

    async def up(self, first: int, cells: Sequence[bytes]) -> bool:
        """Take cells that came, and say whether the session goes on.

        Raises:
            UnexpectedMessageError: cells before ``first`` are missing.
        """
        # One body at a time, and answered when it is dealt with: nothing piles up.
        await self._until(lambda: not self._came)
        if first > self._taken:
            raise UnexpectedMessageError
        fresh = cells[self._taken - first :]
        self._taken += len(fresh)
        self._came.extend(fresh)
        self._move()
        await self._until(lambda: not self._came)
        return not self._closed

    async def down(self, first: int) -> tuple[bytes, ...] | None:
        """Return the cells from number ``first``; None when the session is over.

        Raises:
            UnexpectedMessageError: ``first`` is no number that may be asked for.
        """
        arrived = first - self._first
        if not 0 <= arrived <= len(self._kept):
            raise UnexpectedMessageError
        for _ in range(arrived):
            self._kept.popleft()
        self._first = first
        self._latest += 1
        mine = self._latest
        self._move()
        try:
            async with asyncio.timeout(HOLD):
                await self._until(lambda: bool(self._kept) or mine != self._latest)
        except TimeoutError:
            return ()
        if mine != self._latest:
            return ()  # asked again since then: that request gets them
        return None if self._closed else tuple(self._kept)

    @contextmanager
    def asked(self) -> Iterator[None]:
        """Count one request of the terminal while it lasts.

        Raises:
            UnexpectedMessageError: more at once than any terminal has.
        """
        if self._asking >= MAX_ASKING:
            raise UnexpectedMessageError
        self._asking += 1
        self._quiet.cancel()
        try:
            yield
        finally:
            self._asking -= 1
            if not self._asking and not self._closed:
                self._quiet = self._from_now_on()

    # --- both

    def _from_now_on(self) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(QUIET, self.close)

    def _move(self) -> None:
        """Let everybody who waits look again."""
        self._moved.set()
        self._moved = asyncio.Event()

    async def _until(self, ready: Callable[[], bool]) -> None:
        """Wait for ``ready``, or for the end."""
        while not self._closed and not ready():
            await self._moved.wait()
