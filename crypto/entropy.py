"""The one place that asks the operating system for randomness.

Everything else takes an :data:`Entropy` argument.  Production wires
:func:`system`; tests pass a seeded source.  An architecture test shows that no
other path reaches keys, seeds or salts.  (The library draws its own randomness
for HPKE encapsulation and for hedged ML-DSA signing.)
"""

import os
from collections.abc import Callable

Entropy = Callable[[int], bytes]  # size in bytes -> that many unpredictable bytes


def system(size: int) -> bytes:
    """Return ``size`` bytes from the operating system's CSPRNG."""
    return os.urandom(size)
