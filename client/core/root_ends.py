"""The end of the root document: told in time, and when it has come.

At or after it nothing is sealed (ROOT-10), everywhere at once; so people are told 90,
30 and 7 days before, while the holders can still meet.  The clock for that is the
log's, carried on by this machine's; that it has come says witnessed time alone, as it
is witnessed time that stops the sealing.
"""

from typing import Final

from client.core.alarms import Alarm, Alarms
from client.core.beliefs import Beliefs
from client.core.ports import Vault
from protocol.root_end import Ending, ending

_TOLD: Final = {
    Ending.QUARTER: Alarm.ROOT_90_DAYS,
    Ending.MONTH: Alarm.ROOT_30_DAYS,
    Ending.WEEK: Alarm.ROOT_7_DAYS,
    Ending.OVER: Alarm.ROOT_ENDED,
}


class RootEnds:
    """Raises one of four alarms, the nearer one instead of the one before."""

    def __init__(self, vault: Vault, beliefs: Beliefs) -> None:
        self._beliefs = beliefs
        self._alarms = Alarms(vault)
        self._last: Ending | None = None  # what this process found last

    def tick(self, now: int) -> None:
        """Tell how near the end is, inside the caller's transaction.

        A new root document, or the extension, ends what was told of the old one.
        """
        directory = self._beliefs.directory
        if directory is None:
            return
        found = ending(directory.root, self._beliefs.time(now))
        if found is Ending.OVER:  # only this machine's clock may say so
            near = ending(directory.root, self._beliefs.witnessed)
            found = near if near is Ending.OVER else Ending.WEEK
        if found is self._last:
            return
        for near, alarm in _TOLD.items():
            if near is found:
                self._alarms.tell(alarm, now)
            else:
                self._alarms.over(alarm, now)
        self._last = found
