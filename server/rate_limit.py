"""Token buckets: how often something may happen, for each of many keys.

A bucket holds at most ``burst`` tokens and gains ``per_second``; what may happen takes
one.  All of it is in memory: after a restart every bucket is full (it fails open, on
purpose: a relay that restarts must not refuse its posts), and so is one that was
forgotten because more keys than MAX_KEYS came after it.  What is bounded in any case is
what is *kept*: :mod:`server.services.quotas`.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

MAX_KEYS: Final = 65_536  # pairs of 150 posts with 300 mailboxes fit


@dataclass(frozen=True, slots=True)
class Rate:
    """At most ``burst`` at once, and ``per_second`` on average."""

    burst: float
    per_second: float

    @classmethod
    def per_minute(cls, number: int) -> "Rate":
        """Return ``number`` a minute, all of them at once if need be."""
        return cls(number, number / 60)

    @classmethod
    def per_hour(cls, number: int) -> "Rate":
        """Return ``number`` an hour, all of them at once if need be."""
        return cls(number, number / 3_600)


class Buckets:
    """One bucket for each key, made full when the key is new."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._levels: dict[Hashable, tuple[float, float]] = {}  # tokens, since when

    def has(self, key: Hashable, now: float, cost: float = 1.0) -> bool:
        """Say whether ``cost`` tokens are there at ``now``, monotonic seconds."""
        return self._level(key, now) >= cost

    def take(self, key: Hashable, now: float, cost: float = 1.0) -> bool:
        """Take ``cost`` tokens if they are there; say whether they were."""
        level = self._level(key, now)
        if level < cost:
            return False
        self._levels.pop(key, None)  # the last one used is the last one forgotten
        self._levels[key] = (level - cost, now)
        if len(self._levels) > MAX_KEYS:
            del self._levels[next(iter(self._levels))]
        return True

    def _level(self, key: Hashable, now: float) -> float:
        held = self._levels.get(key)
        if held is None:
            return self._rate.burst
        tokens, since = held
        if now > since:
            tokens += (now - since) * self._rate.per_second
        return min(self._rate.burst, tokens)
