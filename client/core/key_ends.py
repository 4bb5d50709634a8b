"""The end of this terminal's key, and of its members': told before it comes.

A key that has ended speaks for nobody, so people are told 90, 30 and 7 days before,
while it can still sign for the one that takes its place.  The clock is the log's,
carried on by this machine's.
"""

from typing import Final

from client.core.alarms import Alarm, Alarms
from client.core.beliefs import Beliefs
from client.core.identity import Identity
from client.core.ports import Vault
from protocol.root_end import Ending, nearness

_TOLD: Final = {
    Ending.QUARTER: Alarm.KEY_90_DAYS,
    Ending.MONTH: Alarm.KEY_30_DAYS,
    Ending.WEEK: Alarm.KEY_7_DAYS,
}


class KeyEnds:
    """Raises one of three alarms, the nearer one instead of the one before."""

    def __init__(self, vault: Vault, beliefs: Beliefs, identity: Identity) -> None:
        self._beliefs = beliefs
        self._identity = identity
        self._alarms = Alarms(vault)
        self._last: Ending | None = None  # what this process found last

    def tick(self, now: int) -> None:
        """Tell how near the first end is, inside the caller's transaction."""
        end = self.first_end()
        if end is None:
            return
        found = nearness(end, self._beliefs.time(now))
        if found is Ending.OVER:
            found = Ending.WEEK  # what is to be done is the same
        if found is self._last:
            return
        for near, alarm in _TOLD.items():
            if near is found:
                self._alarms.tell(alarm, now, post=self._identity.post)
            else:
                self._alarms.over(alarm, now, post=self._identity.post)
        self._last = found

    def first_end(self) -> int | None:
        """Return the first end of a key of ours; None: we are not in the directory."""
        directory = self._beliefs.directory
        record = None
        if directory is not None:
            record = directory.state.posts.get(self._identity.post)
        if record is None:
            return None
        own = self._identity.terminal.id
        return min(
            (
                holder.keys[-1].until
                for holder in record.live()
                if holder.mailbox is None or holder.current == own
            ),
            default=None,
        )
