"""Both logs as terminals and monitors read them: entries, checkpoints, proofs.

A note is *published* when the quorum of witnesses has cosigned it
(:mod:`server.services.checkpoints` does that); proofs are given up to any size that
the log has.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from crypto.merkle import NodeSource, consistency_path, inclusion_path
from crypto.types import Digest
from protocol.codec import decode
from protocol.errors import BusyError, ChainError, MalformedError, ProtocolError
from protocol.key_log_entry import LeafKind, read_leaf, read_signed
from protocol.limits import KIB
from protocol.requests import (
    MAX_ENTRIES,
    Appended,
    Entries,
    LogName,
    Proof,
    SignedCheckpoint,
)
from protocol.root import RootDocument
from server.services.commit import Committer
from server.services.log_tree import compute
from server.services.staging import Staging
from server.storage.interfaces import Store, Tables

MAX_ANSWER: Final = 4 * 1024 * KIB  # bytes of entries in one answer


@dataclass(frozen=True, slots=True)
class Published:
    """The last note with a quorum."""

    size: int
    note: bytes
    witnessed: int = 0  # POSIX seconds; 0: not known since the start


class Logs:
    """Reads both logs; appends to the key log through the committer."""

    def __init__(
        self,
        store: Store,
        committer: Committer,
        published: dict[LogName, Published],
        lacks: Callable[[RootDocument], bool] = lambda _: False,
    ) -> None:
        """Take what is stored.

        Args:
            store: durable.
            committer: the one writer.
            published: the last note with a quorum, of each log.
            lacks: tells whether a root document names keys that we do not have.
        """
        self._lacks = lacks
        self._told: list[Callable[[RootDocument], None]] = []
        self._store = store
        self._committer = committer
        self._published = published
        directory = committer.trees.directory
        self._announced = directory.root_at(self.published_keys)

    @property
    def announced(self) -> RootDocument:
        """The root document that a quorum of witnesses has seen in our log.

        What terminals meet when they connect is its: whoever does not know it yet
        finds it at every mirror that cosigned.
        """
        return self._announced

    def announce(self, root: RootDocument) -> None:
        """Take note that ``root`` is published; tell who wants to know."""
        if root is not self._announced:
            self._announced = root
            for told in self._told:
                told(root)

    def on_announced(self, told: Callable[[RootDocument], None]) -> None:
        """Have ``told`` called with each root document that is published."""
        self._told.append(told)

    def size(self, log: LogName) -> int:
        """Return how many leaves are durable."""
        return self._committer.trees.logs[log].size

    def published(self, log: LogName) -> int:
        """Return the size of the last published note; 0 before the first."""
        return self._published[log].size

    @property
    def published_keys(self) -> int:
        """Size of the key log that terminals can verify now."""
        return self.published(LogName.KEY)

    def publish(self, log: LogName, published: Published) -> None:
        """Take note of what the store has as published."""
        self._published[log] = published

    def last(self, log: LogName) -> Published:
        """Return the last published note."""
        return self._published[log]

    async def append(self, leaf: bytes) -> Appended:
        """Log an entry that proves itself; return when it is durable.

        Raises:
            ProtocolError: it would count for nothing; or it is a root document that
                names keys which this relay does not have, and could not go on under.
        """
        if (root := _root_in(leaf)) is not None and self._lacks(root):
            raise ChainError("a root document with keys that this relay does not have")

        async def job(_: Tables, staging: Staging) -> int:
            return staging.log_entry(leaf)

        return Appended(index=await self._committer.perform(job))

    async def entries(self, start: int) -> Entries:
        """Return consecutive entries of the key log from ``start`` on."""
        leaves = await self.leaves(LogName.KEY, start, MAX_ENTRIES)
        total = 0
        for count, leaf in enumerate(leaves):
            total += len(leaf)
            if count and total > MAX_ANSWER:
                leaves = leaves[:count]
                break
        size = max(self.size(LogName.KEY), start + len(leaves))
        return Entries(start=start, size=size, entries=tuple(leaves))

    async def checkpoint(self, log: LogName, size: int) -> SignedCheckpoint:
        """Return the published note and why it extends the tree of ``size``.

        A terminal that trusts a larger size than is published gets no proof: it
        will see for itself that the note is older.

        Raises:
            BusyError: nothing is published yet.
        """
        published = self._published[log]
        if not published.note:
            raise BusyError
        path = await self.consistency(log, min(size, published.size), published.size)
        return SignedCheckpoint(note=published.note, consistency=path)

    async def consistency(self, log: LogName, old: int, new: int) -> tuple[Digest, ...]:
        """Return the proof that the tree of ``new`` extends that of ``old``."""
        return await self._computed(log, partial(consistency_path, old, new))

    async def _computed(
        self, log: LogName, path: Callable[[NodeSource], tuple[Digest, ...]]
    ) -> tuple[Digest, ...]:
        async def work(tables: Tables) -> tuple[Digest, ...]:
            return await compute(path, partial(tables.logs.tiles, log))

        return await self._store.read(work)

    async def tile(self, log: LogName, level: int, number: int) -> bytes:
        """Return the hashes of a tile, as many as there are; none if there is none."""

        async def work(tables: Tables) -> bytes:
            tiles = await tables.logs.tiles(log, [(level, number)])
            return tiles.get((level, number), b"")

        return await self._store.read(work)

    async def leaves(self, log: LogName, start: int, limit: int) -> Sequence[bytes]:
        """Return at most ``limit`` leaves from ``start`` on."""

        async def work(tables: Tables) -> Sequence[bytes]:
            return await tables.logs.leaves(log, start, limit)

        return await self._store.read(work)

    async def prove(self, log: LogName, index: int, size: int) -> Proof:
        """Return the inclusion of leaf ``index`` in the tree of ``size``.

        Raises:
            MalformedError: no such leaf in a tree that this log has had.
        """
        if not index < size <= self.size(log):
            raise MalformedError
        path = await self._computed(log, partial(inclusion_path, index, size))
        return Proof(path=path)


def _root_in(leaf: bytes) -> RootDocument | None:
    """Return the root document in a leaf; None: another kind, or nothing."""
    try:
        entry = read_leaf(leaf)
        if entry.kind is LeafKind.ROOT:
            return decode(read_signed(entry.body).document, RootDocument)
    except ProtocolError:
        pass  # the directory says what is wrong with it
    return None
