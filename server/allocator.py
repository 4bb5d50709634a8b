"""The C library's allocator: one heap for all threads of the relay.

glibc gives each thread an arena of its own.  The relay's threads are a handful that
take turns under Python's lock, so they would hardly ever wait for each other; but what
the sessions leave in an arena is lost to the others, and with thousands of idle
terminals that was 3,700 bytes for each (docs/decisions/0030-what-a-deposit-costs.md).
"""

import ctypes
from typing import Final

_M_ARENA_MAX: Final = -8  # of glibc's malloc.h


def one_heap() -> bool:
    """Let every thread allocate from one heap; call it before there is a second one.

    Returns whether this system's C library knows it; another one is left as it is.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and mallopt(_M_ARENA_MAX, 1) == 1
