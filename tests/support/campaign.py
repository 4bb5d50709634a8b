"""Campaigns: the same test in a few rounds, in CI's volume, or for hours.

::

    def test_kills(campaign: Campaign) -> None:
        for number, chance in campaign.rounds(quick=4, ci=60, deep=1_000):
            ...                       # all randomness of this round from ``chance``

The seed is fresh in CI and deep runs and stands in the header of the run; ``--seed``
replays it, and a round depends on nothing but seed, test and number.  A deep campaign
that is interrupted goes on at its next round, with its own seed.
"""

import enum
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path


class Volume(enum.StrEnum):
    """How much of a campaign is run."""

    QUICK = "quick"  # for a person who waits
    CI = "ci"
    DEEP = "deep"  # before an issue is called resolved


@dataclass(frozen=True)
class Campaign:
    """One test's rounds; ``folder`` keeps how far a deep one came."""

    name: str
    volume: Volume
    seed: int
    folder: Path

    def pick(self, *, quick: int, ci: int, deep: int) -> int:
        """Return the number for this run's volume."""
        return {Volume.QUICK: quick, Volume.CI: ci, Volume.DEEP: deep}[self.volume]

    def rounds(
        self, *, quick: int, ci: int, deep: int
    ) -> Iterator[tuple[int, random.Random]]:
        """Yield each round's number and its own randomness."""
        total = self.pick(quick=quick, ci=ci, deep=deep)
        seed, first = self._begun(total)
        for number in range(first, total):
            yield number, random.Random(f"{seed}/{self.name}/{number}")
            self._keep(seed, number + 1)
        self._file.unlink(missing_ok=True)

    @property
    def _file(self) -> Path:
        return self.folder / f"{sha256(self.name.encode()).hexdigest()[:16]}.json"

    def _begun(self, total: int) -> tuple[int, int]:
        if self.volume is not Volume.DEEP or not self._file.exists():
            return self.seed, 0
        kept = json.loads(self._file.read_text())
        if kept["done"] >= total:
            return self.seed, 0
        return kept["seed"], kept["done"]

    def _keep(self, seed: int, done: int) -> None:
        if self.volume is Volume.DEEP:
            self.folder.mkdir(exist_ok=True)
            fresh = self._file.with_suffix(".new")
            fresh.write_text(json.dumps({"seed": seed, "done": done}))
            # A crash before the rename: this round is run once more.
            fresh.replace(self._file)
