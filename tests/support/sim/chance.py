"""All randomness of one world, from its seed, a stream for each concern.

Another fault then leaves the schedule and the traffic as they were, so that a red
seed can be made smaller by hand.
"""

import random

from crypto.entropy import Entropy


class Chance:
    """Streams by name."""

    def __init__(self, seed: str) -> None:
        self.seed = seed
        self.network = random.Random(f"{seed}/network")
        self.faults = random.Random(f"{seed}/faults")
        self.people = random.Random(f"{seed}/people")

    def entropy(self, name: str) -> Entropy:
        """Return a process' own source."""
        return random.Random(f"{self.seed}/entropy/{name}").randbytes
