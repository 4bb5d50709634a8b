"""How near the end of a root document is: when people are told to make the next one.

A root document that ends leaves every terminal read-only (ROOT-10), so its holders are
reminded while they can still meet: 90, 30 and 7 days before.  The emergency extension
counts, once it is in the log.

Source: docs/spec/root-and-directory.md section 2.
"""

import enum
from typing import Final

from protocol.root import DAY
from protocol.trusted_root import TrustedRoot


class Ending(enum.StrEnum):
    """What is to be said about the end of the root document in force."""

    FAR = "far"
    QUARTER = "quarter"  # 90 days or less
    MONTH = "month"  # 30 days or less
    WEEK = "week"  # 7 days or less
    OVER = "over"  # nothing is sealed any more


_LEFT: Final = ((7, Ending.WEEK), (30, Ending.MONTH), (90, Ending.QUARTER))  # days


def ending(root: TrustedRoot, now: int) -> Ending:
    """Return how near the end of ``root`` is.

    Args:
        root: in force.
        now: POSIX seconds.
    """
    return nearness(root.expires, now)


def nearness(end: int, now: int) -> Ending:
    """Return how near an end is, of a root document or of a key: POSIX seconds."""
    left = end - now
    if left <= 0:
        return Ending.OVER
    return next((near for days, near in _LEFT if left <= days * DAY), Ending.FAR)
