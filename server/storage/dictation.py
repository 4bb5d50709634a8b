"""What the relay and its scribe say to each other.

A transaction lies in one of SLOTS places of memory that both have; beside it goes one
message that says where, and one comes back with what became of it.  Answers come in the
order of what was asked.

========  ===================================================================
DONE      all of it is durable
STALE     nothing was written: it builds on one that was not
FULL      nothing was written: no room
CONFLICT  nothing was written: a row that had to be new was not
BROKEN    what is durable is unknown; the name of the fault follows
========  ===================================================================
"""

import struct
from enum import IntEnum
from typing import Any, Final

from msgspec import Struct

SLOTS: Final = 2  # transactions under way: one that runs, and the next
SLOT: Final = 24 * 1024 * 1024  # bytes; what is larger the relay writes itself

ASKED: Final = struct.Struct("=BQ?")  # slot, size, whether it builds on no other
MAX_ANSWER: Final = 256  # bytes


class Outcome(IntEnum):
    """What became of a transaction."""

    DONE = 0
    STALE = 1
    FULL = 2
    CONFLICT = 3
    BROKEN = 4


class Step(Struct, array_like=True, frozen=True, gc=False):
    """One statement; a swap must return one row."""

    text: str
    values: tuple[Any, ...]  # bytes, int, str or None
    swap: bool = False


def answered(outcome: Outcome, name: str = "") -> bytes:
    """Return an answer as it travels."""
    return bytes((outcome,)) + name.encode("ascii", "replace")[: MAX_ANSWER - 1]
