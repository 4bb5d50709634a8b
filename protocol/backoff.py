"""When to try the relay again: soon, then less often, never all at once.

A thousand posts that lose their relay at the same second must not come back at the
same second.  So the delay is drawn anew each time, evenly between nothing and a
bound that doubles (full jitter); a waiting FLASH keeps the bound low.

Source: docs/spec/delivery-and-streams.md, section 7.
"""

from typing import Final

from crypto.entropy import Entropy

FIRST: Final = 1.0  # seconds: bound after the first failure
LONGEST: Final = 300.0  # seconds: a post is back within five minutes
URGENT: Final = 15.0  # seconds: the bound while a FLASH waits
_DRAW: Final = 4  # bytes of entropy: a quarter of a billion steps are fine enough


def delay(failures: int, entropy: Entropy, *, urgent: bool) -> float:
    """Return the seconds to wait before the next attempt.

    Args:
        failures: attempts in a row that led to no session, at least 1.
        entropy: makes this terminal's time its own.
        urgent: whether a record of lane 0 waits in the outbox.

    Raises:
        ValueError: no failure: then there is nothing to wait for.
    """
    if failures < 1:
        raise ValueError("wait after a failure only")
    longest = URGENT if urgent else LONGEST
    # Above 2^16 every bound is the longest one: no need to compute 2^failures.
    bound = min(longest, FIRST * (1 << min(failures - 1, 16)))
    return bound * int.from_bytes(entropy(_DRAW), "big") / (1 << 8 * _DRAW)
