"""Witnessed time: what a quorum of witnesses says the time is.

A post's own clock may be wrong, and a hostile relay may hold news back.  So keys
begin, end and are erased by W: the k-th largest time in a verified ML-DSA quorum.
W is stored and never falls; while the process runs, monotonic time is added to it.
The wall clock is shown to people and decides one thing only: whether W is recent
enough to seal at a level::

    time = WitnessedTime(attested=stored)
    time = time.learned(log.witnessed, ticks)       # after each adoption; store it
    require_fresh(wall=wall, shown=time.at(ticks), limit=rule.freshness)

Source: docs/spec/time.md.
"""

from dataclasses import dataclass

from protocol.errors import FreshnessError


@dataclass(frozen=True, slots=True)
class WitnessedTime:
    """W, and how to count on from it."""

    attested: int = 0  # POSIX seconds; this is what is stored
    offset: float | None = None  # seconds; witnessed minus monotonic; None: a new run

    def learned(self, time: int, ticks: float) -> "WitnessedTime":
        """Return the time after a quorum vouched for ``time``.

        Args:
            time: POSIX seconds, of an adopted checkpoint.
            ticks: this process's monotonic clock, seconds.
        """
        offset = time - ticks
        if self.offset is not None:
            offset = max(offset, self.offset)
        return WitnessedTime(max(time, self.attested), offset)

    def at(self, ticks: float) -> int:
        """Return the witnessed time now, POSIX seconds."""
        if self.offset is None:
            return self.attested
        return max(self.attested, int(self.offset + ticks))


def require_fresh(*, wall: int, shown: int, limit: int) -> None:
    """Return if wall clock and witnessed time agree well enough to seal.

    Either may be wrong: a clock, or a relay that holds checkpoints back.  The caller
    then asks the witnesses themselves, and believes their quorum.

    Args:
        wall: POSIX seconds, of the machine.
        shown: POSIX seconds, of a checkpoint that came in this session.
        limit: seconds, of the level (policy).

    Raises:
        FreshnessError: they are more than ``limit`` apart.
    """
    if abs(wall - shown) > limit:
        raise FreshnessError("wall clock and witnessed time disagree")
