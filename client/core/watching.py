"""What the key log says about us, and whether what we see of it is fresh.

A terminal alarms on each entry that changed its keys, or those of its post, without a
signature of the post.  A relay that shows no news is found out by the clock: the
witnesses' time must move on.
"""

from collections.abc import Callable, Sequence
from typing import Final

from client.core.alarms import Alarm, Alarms
from client.core.own_manifests import OwnManifests
from client.core.rotation import Rotation
from client.core.station import Station
from crypto.types import Digest, KeyId
from protocol.directory_entry import Action
from protocol.directory_state import Adopted
from protocol.errors import FreshnessError
from protocol.key_log_entry import LeafKind
from protocol.trusted_directory import Outcome, about, alarms

ENROLLED: Final = "enrolled"  # position of our own entry in the key log
CHANGED: Final = "post-changed"  # what is told of our post and is no alarm
ALARMS: Final = {
    LeafKind.RESTRICTION: Alarm.OWN_RESTRICTED,
    LeafKind.ZEROISE: Alarm.OWN_ZEROISED,
}
# Seconds: a session that is new has not seen the log's end yet.
PATIENCE: Final = 900


class Watching:
    """Compares what is adopted with what this terminal signed."""

    def __init__(self, station: Station, again: Callable[[Digest], None]) -> None:
        """``again`` is told each record that is to be sealed anew."""
        self.rotation = Rotation(station, again)
        self._vault = station.vault
        self._beliefs = station.beliefs
        self._identity = station.identity
        self._manifests = OwnManifests(station.vault)
        self._alarms = Alarms(station.vault)
        self._since: int | None = None  # wall clock: when this session began

    def connected(self, now: int) -> None:
        """Take note of a new session."""
        self._since = now

    def disconnected(self) -> None:
        """Take note that the session ended: nothing fresh is owed."""
        self._since = None

    def adopted(self, outcomes: Sequence[Outcome], now: int, *, first: bool) -> None:
        """Look at entries that were just adopted, each once.

        Args:
            outcomes: what became of each.
            now: the wall clock.
            first: they are the whole log, seen for the first time.
        """
        log = self._beliefs.key_log
        self._beliefs.anchor = (log.witnessed, now)
        with self._vault.transaction():
            ours = self._ours(outcomes)
            foreign = self._foreign(ours, first=first)
            for entry in foreign:
                alarm = ALARMS.get(entry.kind, Alarm.OWN_KEY_CHANGED)
                self._alarms.tell(alarm, now, None, self._identity.post)
            if self._taken_over():
                self._alarms.tell(Alarm.OWN_KEY_CHANGED, now, None, self._identity.post)
            for entry in ours:
                if entry.kind is not LeafKind.MANIFEST and entry not in foreign:
                    self._vault.add_event(now, CHANGED, None, self._identity.post)
            behind = log.witnessed - now
            if behind > self._beliefs.view().policy.clock:
                self._alarms.tell(Alarm.CLOCK_WRONG, now)
            else:
                self._alarms.over(Alarm.CLOCK_WRONG, now)
        self.rotation.look(now)

    def _ours(self, outcomes: Sequence[Outcome]) -> list[Adopted]:
        """Return the entries about our post since the one that enrolled this terminal.

        What came before it, and itself, was not this terminal's business.
        """
        own, post = self._identity.terminal.id, self._identity.post
        found = about(outcomes, post=post, keys=frozenset({own}))
        started = self._enrolled(found, own)
        if started is None:
            return []
        return [entry for entry in found if entry.index > started]

    def _foreign(self, ours: Sequence[Adopted], *, first: bool) -> list[Adopted]:
        """Return those of the entries that changed keys and nobody of the post signed.

        The manifests of another terminal of the post are that one's; and one that
        the log named before we ever looked is replaced by our first.
        """
        own = self._identity.terminal.id
        manifests = self._manifests.names()
        foreign = alarms(ours, keys=self._signers(), manifests=manifests)
        return [
            entry
            for entry in foreign
            if entry.action is not Action.ROTATE  # each old key has signed it
            and (
                entry.kind is not LeafKind.MANIFEST or (own in entry.keys and not first)
            )
        ]

    def _taken_over(self) -> bool:
        """Tell whether our key was rotated into one that we do not have.

        Our old key signed it, so only a thief who has it can be meant.
        """
        following = self._identity.next_terminal
        ours = {self._identity.terminal.id, *([following.id] if following else [])}
        own = self._beliefs.view().successor(self._identity.terminal.id)
        return own is not None and own.key_id not in ours

    def _signers(self) -> frozenset[KeyId]:
        """Return every key that a terminal of the post or its paper ever had.

        An entry's signers are those that counted at its place in the log, so a key
        that has ended since, or by that very entry, spoke for the post then.
        """
        directory = self._beliefs.directory
        own = frozenset({self._identity.terminal.id})
        post = None
        if directory is not None:
            post = directory.state.posts.get(self._identity.post)
        if post is None:
            return own
        terminals = (one for one in post.holders if one.mailbox is not None)
        return own.union(post.recoveries, *(one.lineage() for one in terminals))

    def _enrolled(self, ours: Sequence[Adopted], own: KeyId) -> int | None:
        """Return the position of the entry that enrolled this terminal; None: none."""
        kept = self._vault.get(ENROLLED)
        if kept is not None:
            return int.from_bytes(kept, "big")
        for entry in ours:
            if entry.kind is LeafKind.DIRECTORY and own in entry.keys:
                self._vault.put(ENROLLED, entry.index.to_bytes(8, "big"))
                return entry.index
        return None

    def tick(self, now: int) -> None:
        """Tell people when the log shows no fresh time although we are online."""
        if self._since is None or now - self._since < PATIENCE:
            return
        try:
            self._beliefs.require_fresh(self._beliefs.view().policy.ceiling, now)
        except FreshnessError:
            with self._vault.transaction():
                self._alarms.tell(Alarm.DIRECTORY_STALE, now)
        else:
            with self._vault.transaction():
                self._alarms.over(Alarm.DIRECTORY_STALE, now)
