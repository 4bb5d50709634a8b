"""One process for a home: two relays or witnesses over the same files would fork.

A witness keeps in memory what it cosigned last; a second one over its files could
cosign another history.  The lock is the operating system's: a kill leaves the file and
no lock, so nothing has to be cleared away.

A relay's scribe (:mod:`server.storage.scribe`) holds the lock with it.  After a kill of
the relay it dies too, and a start that comes faster waits for that.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from server.config import ConfigError, Home

FILE: Final = "lock"
PATIENCE: Final = 3.0  # seconds that one who was killed has to be gone
PAUSE: Final = 0.02  # seconds between two looks


@contextmanager
def alone(home: Home) -> Iterator[int]:
    """Be the only process that works in ``home``; gives the lock's descriptor.

    Raises:
        ConfigError: another one does, and goes on.
        OSError: the file cannot be made.
    """
    home.run.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(home.run / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _lock(descriptor)
        yield descriptor
    finally:
        os.close(descriptor)  # and the lock with it


def _lock(descriptor: int) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise ConfigError("another process works in this home") from None
            time.sleep(PAUSE)
        else:
            return
