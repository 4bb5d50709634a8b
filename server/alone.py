"""One process for a home: two relays or witnesses over the same files would fork.

A witness keeps in memory what it cosigned last; a second one over its files could
cosign another history.  The lock is the operating system's: a kill leaves the file and
no lock, so nothing has to be cleared away.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from server.config import ConfigError, Home

FILE: Final = "lock"


@contextmanager
def alone(home: Home) -> Iterator[None]:
    """Be the only process that works in ``home``; never waits.

    Raises:
        ConfigError: another one does.
        OSError: the file cannot be made.
    """
    home.run.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(home.run / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError("another process works in this home") from None
        yield
    finally:
        os.close(descriptor)  # and the lock with it
