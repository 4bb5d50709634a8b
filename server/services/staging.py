"""What a batch makes of the relay's memory: tried on a copy, adopted when durable.

:class:`Trees` is what the relay knows by heart of its two logs and its directory; it
is frozen.  :class:`Staging` is one batch's draft of the next one.  If the commit
fails the draft is dropped, and memory and disk still agree.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from crypto.merkle import leaf_hash
from crypto.types import Digest, KeyId, Mailbox
from protocol.requests import LogName
from server.services.directory import Directory
from server.services.log_tree import LogTree
from server.services.quotas import Draft
from server.storage.interfaces import StoredDelivery, Tables

LOGS: Final = tuple(LogName)  # to go through the enumeration itself is slow


@dataclass(frozen=True, slots=True)
class Trees:
    """Both logs, the directory that the key log gives, and the mailboxes' cursors."""

    directory: Directory
    logs: Mapping[LogName, LogTree]
    cursors: Mapping[Mailbox, int] = field(default_factory=dict)


class Staging:
    """The draft of one batch."""

    def __init__(self, before: Trees, now: int, quota: Draft) -> None:
        self.quota = quota
        self.now = now  # POSIX seconds, of the whole batch
        self.before = before
        self.directory = before.directory
        self.woken: set[Mailbox] = set()  # what has something new
        self.told: set[KeyId] = set()  # who has a nack
        self._logs = before.logs
        self._cursors: dict[Mailbox, int] = {}
        self._new: dict[LogName, list[bytes]] = {log: [] for log in LOGS}
        self._hashes: dict[LogName, list[Digest]] = {log: [] for log in LOGS}

    def append(self, log: LogName, leaf: bytes, hashed: Digest) -> None:
        """Add a leaf, of which this is the hash."""
        self._new[log].append(leaf)
        self._hashes[log].append(hashed)

    def log_entry(self, leaf: bytes) -> int:
        """Add a leaf to the key log, if it counts, and return its index.

        Raises:
            ProtocolError: it would count for nothing.
        """
        self.directory.check(leaf, self.now)
        self.directory = self.directory.logged([leaf], self.now)
        index = self.next_index(LogName.KEY)
        self.append(LogName.KEY, leaf, leaf_hash(leaf))
        return index

    def next_index(self, log: LogName) -> int:
        """Return the index that the next leaf will have."""
        return self.before.logs[log].size + len(self._new[log])

    async def learn(
        self, tables: Tables, posts: Iterable[str], mailboxes: Iterable[Mailbox]
    ) -> None:
        """Read what :meth:`next_cursor` and the quotas need and nobody knows by heart.

        Only the first time after a start: from then on counts and cursors of these
        posts and mailboxes are in memory.
        """
        await self.quota.learn(tables.envelopes, posts)
        for mailbox in mailboxes:
            if mailbox not in self._cursors and mailbox not in self.before.cursors:
                self._cursors[mailbox] = await tables.envelopes.last_cursor(mailbox)

    def next_cursor(self, mailbox: Mailbox) -> int:
        """Return the cursor of the next delivery to ``mailbox``, which is learnt."""
        last = self._cursors.get(mailbox)
        return (self.before.cursors[mailbox] if last is None else last) + 1

    def placed(self, deliveries: Iterable[StoredDelivery]) -> None:
        """Take the cursors of new deliveries, and wake their mailboxes."""
        for one in deliveries:
            self._cursors[one.mailbox] = one.cursor
            self.woken.add(one.mailbox)

    async def write(self, tables: Tables) -> None:
        """Write counts, leaves, tiles, heads; the last thing in the transaction."""
        await tables.envelopes.count(self.quota.changes)
        logs = dict(self.before.logs)
        for log, new in self._new.items():
            if not new:
                continue
            tree = logs[log]
            grown, tiles = tree.with_hashes(self._hashes[log])
            await tables.logs.add_leaves(log, tree.size, new)
            await tables.logs.put_tiles(log, tiles)
            await tables.logs.grow(log, tree.size, grown.size, grown.root())
            logs[log] = grown
        self._logs = logs

    @property
    def grown(self) -> bool:
        """Whether a log has new leaves."""
        return any(self._new.values())

    @property
    def trees(self) -> Trees:
        """What holds when the batch is durable."""
        return Trees(
            self.directory,
            self._logs,
            {**self.before.cursors, **self._cursors},
        )
