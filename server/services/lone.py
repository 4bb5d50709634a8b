"""When a submission that comes alone is committed in the loop itself.

The writer's thread costs a lone submission two wake-ups and some turns of the loop,
together more than its commit.  In the loop there are none, but nothing else happens
there meanwhile: a disk that hangs stops every session for that long.  So it is done
only while all that is known speaks for a quick commit::

    lone.allows(submission, now)    # NEEDED in a row came alone, and were quick
    lone.wrote(1, seconds)          # what the writer's thread wrote
    lone.stalled(seconds, now)      # what the loop wrote

The worst case is one commit, however long the disk takes for it.  What comes after one
that was not quick goes to the thread, for REST times as long as it took, and until
NEEDED were quick there: a disk that is slow now and then takes no more than a hundredth
of the loop's time.  Where many send, a transaction has more than one submission, and
this does not begin.  (docs/decisions/0030-what-a-deposit-costs.md)
"""

from typing import Final

from server.services.intake import Submission

QUICK: Final = 0.002  # seconds of a commit: a loop that is busy goes round in more
NEEDED: Final = 8  # quick commits of one submission, one after the other
REST: Final = 100  # times what a slow one took
SMALL: Final = 64 * 1024  # bytes of an envelope
FEW: Final = 8  # addressees: each is rows and pages


class Lone:
    """What is known of the disk, and of how submissions come."""

    __slots__ = ("_quick", "_rested")

    def __init__(self) -> None:
        self._quick = 0  # of one submission, in a row
        self._rested = 0.0  # monotonic seconds: none in the loop before that

    def allows(self, submission: Submission, now: float) -> bool:
        """Say whether it is most likely alone, and its commit quick."""
        return (
            self._quick >= NEEDED
            and now >= self._rested
            and submission.size <= SMALL
            and len(submission.envelope.wraps) <= FEW
        )

    def wrote(self, submissions: int, seconds: float) -> None:
        """Take note of a transaction in the thread; one of jobs alone says less."""
        if seconds > QUICK or submissions > 1:
            self._quick = 0
        elif submissions:
            self._quick += 1

    def stalled(self, seconds: float, now: float) -> None:
        """Take note of a commit in the loop, which ended now."""
        if seconds > QUICK:
            self._quick = 0
            self._rested = now + REST * seconds

    def crowded(self) -> None:
        """Take note that another one came in the same turn of the loop."""
        self._quick = 0
