"""The relay's and the witness's one reader of clocks; services get a Clock.

The services of a relay get a :class:`WitnessedClock`: a machine whose own clock is
wrong by years must still admit the right terminals and hand out today's keys.
"""

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


class WitnessedClock:
    """Witnessed time W, carried on by the monotonic clock; never falls.

    Until the first cosignature is known the machine's own clock stands in.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._base: tuple[int, float] | None = None  # W, and when it was seen

    def wall(self) -> int:
        """Return POSIX seconds by the witnesses."""
        if self._base is None:
            return self._clock.wall()
        witnessed, at = self._base
        return witnessed + int(self._clock.monotonic() - at)

    def monotonic(self) -> float:
        """Return seconds since an arbitrary start."""
        return self._clock.monotonic()

    def saw(self, witnessed: int) -> None:
        """Take note of the witnessed time of a published checkpoint; 0: unknown."""
        if witnessed and (self._base is None or witnessed > self.wall()):
            self._base = (witnessed, self._clock.monotonic())
