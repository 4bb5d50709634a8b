"""Exit statuses, the same for every command."""

import enum


class Exit(enum.IntEnum):
    """What a script may rely on."""

    DONE = 0
    FAILED = 1
    BAD_INPUT = 2
    REFUSED = 3  # by policy
    QUEUED = 4  # the relay is not reachable
    LOCKED = 5
    INTEGRITY = 6  # an alarm: a log, a key or a stream is not what it was
