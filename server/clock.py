"""The relay's and the witness's one reader of clocks; services get a Clock."""

import time
from typing import Protocol


class Clock(Protocol):
    """What the services read; tests pass one they can move."""

    def wall(self) -> int:
        """Return POSIX seconds as this machine believes them; may be wrong."""

    def monotonic(self) -> float:
        """Return seconds from an arbitrary start, never going back."""


class SystemClock:
    """The operating system's clocks."""

    def wall(self) -> int:
        """Return POSIX seconds, rounded down."""
        return int(time.time())

    def monotonic(self) -> float:
        """Return seconds since an arbitrary start."""
        return time.monotonic()
