"""What this terminal believes at the moment: directory, prekeys, both logs, time.

The values are immutable; this holder names the current ones, so that every part of
the core speaks of the same view.  They are replaced only by :mod:`client.core.sync`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from crypto.types import ZERO_DIGEST, Digest, KeyId
from protocol.directory_snapshot import Snapshot
from protocol.directory_state import Adopted
from protocol.errors import FreshnessError
from protocol.key_log_entry import LeafKind
from protocol.label import Level
from protocol.policy import rule_for
from protocol.root import RootDocument
from protocol.slip import Heads
from protocol.trusted_directory import Outcome, TrustedDirectory
from protocol.trusted_log import TrustedLog
from protocol.trusted_manifest import PrekeyBook
from protocol.trusted_root import TrustedRoot
from protocol.witnessed_time import require_fresh


@dataclass(slots=True)
class Beliefs:
    """The current values.  ``directory`` is None before the first synchronisation."""

    key_log: TrustedLog
    message_log: TrustedLog
    witnessed: int  # W, POSIX seconds; never falls
    directory: TrustedDirectory | None = None
    book: PrekeyBook = field(default_factory=PrekeyBook)
    key_roots: dict[int, Digest] = field(default_factory=dict)  # by size
    message_roots: dict[int, Digest] = field(default_factory=dict)
    # What became of the leaves of the key log, by position; manifests' notices, of
    # which there are many, only where they count for nothing.
    adopted: dict[int, tuple[Adopted, int]] = field(default_factory=dict)  # and W
    refused: set[int] = field(default_factory=set)
    logged: dict[Digest, int] = field(default_factory=dict)  # H(document): position
    # Witnessed time and the wall clock's at the latest adoption of this process.
    anchor: tuple[int, int] | None = None
    # The directory and the time that the last view was made of, and that view.
    _seen: tuple[TrustedDirectory, int, Snapshot] | None = None

    @classmethod
    def of_root(cls, root: TrustedRoot) -> "Beliefs":
        """Return what is believed before the first synchronisation: the root alone."""
        document = root.document
        return cls(
            key_log=TrustedLog(document.key_log, document.witnesses),
            message_log=TrustedLog(document.message_log, document.witnesses),
            witnessed=0,
        )

    def view(self) -> Snapshot:
        """Return the directory as it is effective at the witnessed time.

        Raises:
            FreshnessError: nothing was synchronised yet.
        """
        if self.directory is None:
            raise FreshnessError("no directory yet")
        time = max(self.witnessed, self.directory.witnessed)
        seen = self._seen
        if seen is None or seen[0] is not self.directory or seen[1] != time:
            seen = self._seen = self.directory, time, self.directory.view(time)
        return seen[2]

    def note(self, outcomes: Iterable[Outcome], witnessed: int) -> None:
        """Remember what became of leaves that were adopted, and when they were seen."""
        for outcome in outcomes:
            if not isinstance(outcome, Adopted):
                self.refused.add(outcome.index)
            elif outcome.kind is not LeafKind.MANIFEST:
                self.adopted[outcome.index] = outcome, witnessed
                self.logged.setdefault(outcome.digest, outcome.index)

    def zeroised(self, terminal: KeyId) -> bool:
        """Tell whether two operators ordered this terminal to destroy its vault."""
        directory = self.directory
        return directory is not None and terminal in directory.state.zeroised

    def time(self, now: int) -> int:
        """Return the time that deadlines go by.

        The wall clock, where the log agrees with it; else the log's time at the
        latest adoption of this process, carried on by the wall clock since.

        Args:
            now: the wall clock, POSIX seconds.
        """
        if self.anchor is None or self.directory is None:
            return max(now, self.witnessed)
        witnessed, wall = self.anchor
        if abs(wall - witnessed) <= self.directory.root.document.policy.clock:
            return now
        return witnessed + max(0, now - wall)

    def require_fresh(self, level: Level, wall: int) -> None:
        """Return if the directory is fresh enough to seal ``level``.

        Raises:
            FreshnessError: wall clock and witnessed time are further apart than the
                policy allows for this level.
        """
        limit = rule_for(self.view().policy, level).freshness
        require_fresh(wall=wall, shown=self.witnessed, limit=limit)

    def follow(self, root: RootDocument) -> None:
        """Judge both logs by this root document's keys and witnesses from now on.

        Raises:
            ChainError: it names other logs.
        """
        self.key_log = self.key_log.governed(root.key_log, root.witnesses)
        self.message_log = self.message_log.governed(root.message_log, root.witnesses)

    @property
    def heads(self) -> Heads:
        """Sizes and roots of both logs, for a slip (B19)."""
        return Heads(
            self.key_log.size,
            self.key_log.root or ZERO_DIGEST,
            self.message_log.size,
            self.message_log.root or ZERO_DIGEST,
        )

    def key_root(self, size: int) -> Digest | None:
        """Return the key log's root at ``size``, where it is known."""
        return self.key_roots.get(size)

    def message_root(self, size: int) -> Digest | None:
        """Return the message log's root at ``size``, where it is known."""
        return self.message_roots.get(size)
