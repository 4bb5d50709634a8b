"""Whether a heartbeat is due between two terminals: daily, and only with a reason.

A heartbeat names both streams of the pair, so that records which a relay holds back
are missed within a day.  It goes only to a terminal with which something is
unconfirmed and nothing else was exchanged that day, at a minute nobody can guess;
and it is itself nothing that waits for a confirmation, so that two terminals never
keep each other talking.

Source: docs/spec/delivery-and-streams.md, section 8.
"""

from dataclasses import dataclass
from typing import Final

from crypto.entropy import Entropy

DAY: Final = 86_400  # seconds
_MINUTES: Final = DAY // 60


@dataclass(frozen=True, slots=True)
class Pair:
    """What a terminal knows of its traffic with another one; POSIX seconds."""

    unconfirmed: bool  # a record that is no heartbeat lacks its confirmation
    exchanged: int  # when anything last came from it, or was confirmed by it
    beaten: int  # when we last sent it a heartbeat


def minute(entropy: Entropy) -> int:
    """Return a minute of the day, 0-1439, to be drawn once a day and pair.

    Two bytes favour 736 of the 1,440 minutes by one part in 45: no secret.
    """
    return int.from_bytes(entropy(2), "big") % _MINUTES


def due(pair: Pair, at: int, now: int) -> bool:
    """Return whether a heartbeat goes out now.

    Args:
        pair: the traffic with the other terminal.
        at: today's minute, from :func:`minute`.
        now: POSIX seconds.
    """
    today = now - now % DAY
    return (
        pair.unconfirmed
        and now >= today + 60 * at
        and now - pair.exchanged >= DAY
        and pair.beaten < today
    )
