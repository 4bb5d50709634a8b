"""Wrong passphrases make the next one wait, whoever kills the process in between.

It holds up a hand at the keyboard.  Who has a copy of the file is held up by the
work of each guess alone (:mod:`crypto.passphrase`).

The count is written before the passphrase is tried: a crash counts as wrong.
"""

import json
from pathlib import Path
from typing import Final

from client.clock import Clock
from client.files import write_atomic
from client.home import HomeError

FREE: Final = 3  # typing errors that cost nothing
FIRST_WAIT: Final = 5  # seconds, doubled each time
LONGEST_WAIT: Final = 300


class Tries:
    """The count of one file's passphrases."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock

    def begin(self) -> None:
        """Count one more, or refuse because it is too early.

        Raises:
            HomeError: with the seconds to wait.
        """
        count, last = self._read()
        now = self._clock.wall()
        wait = min(FIRST_WAIT << max(0, count - FREE), LONGEST_WAIT)
        passed = now - last
        # A clock that was set back would make it wait for ever: it starts anew.
        if count >= FREE and 0 <= passed < wait:
            raise HomeError("passphrase.wait", seconds=wait - passed)
        write_atomic(self._path, json.dumps([count + 1, now]).encode())

    def succeeded(self) -> None:
        """Forget the wrong ones."""
        self._path.unlink(missing_ok=True)

    def _read(self) -> tuple[int, int]:
        try:
            count, last = json.loads(self._path.read_bytes())
            return max(0, int(count)), int(last)
        except (OSError, ValueError, TypeError):
            return 0, 0  # none yet; who can write here can do without passphrases
