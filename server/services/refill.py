"""Filling a store again from what a mirror holds: the relay without its disk.

One transaction for both logs.  What is stored and agrees stays; what was stored beyond
the place where the mirror's entries differ was never witnessed, so nobody was told
*accepted*, and it goes; the mirror's entries come behind what stays.  Envelopes cannot
come back that way: their leaves are marked as a span without envelopes, and the store
begins another life (its *incarnation*), by which every terminal knows to deposit again
whatever has no receipt, and to publish its prekeys again.

A crash before the commit leaves the store as it was, one after it a whole one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from crypto.types import Digest
from protocol.requests import LogName
from server.services.log_tree import LogTree
from server.storage.interfaces import Head, Span, StoreBrokenError, Tables

PAGE: Final = 4_096  # leaves at a time


@dataclass(frozen=True, slots=True)
class Recovered:
    """A log up to its last witnessed checkpoint, entries and all."""

    root: Digest
    leaves: Sequence[bytes] = field(repr=False)

    @property
    def size(self) -> int:
        """How many leaves the checkpoint covers."""
        return len(self.leaves)


@dataclass(frozen=True, slots=True)
class Filled:
    """What became of one log."""

    kept: int  # leaves that were there and agree
    size: int  # leaves now


async def refill(
    tables: Tables, logs: Mapping[LogName, Recovered], incarnation: bytes
) -> Mapping[LogName, Filled]:
    """Bring both logs to what was recovered, and say what was there already.

    Args:
        tables: of one writing transaction.
        logs: verified against a witnessed checkpoint each.
        incarnation: 16 fresh random bytes.

    Raises:
        StoreBrokenError: the leaves do not give the root: a fault of the caller's.
    """
    filled: dict[LogName, Filled] = {}
    changed = await tables.meta.incarnation() is None
    for log, found in logs.items():
        head = await tables.logs.head(log)
        kept = await _common(tables, log, found.leaves)
        if head is not None and kept == found.size:
            filled[log] = Filled(kept, head.size)
            continue
        changed = True
        await _cut(tables, log, kept)
        await _rebuild(tables, log, found, kept)
        if head is None:
            await tables.logs.found(log, Head(found.size, found.root))
        else:
            await tables.logs.grow(log, head.size, found.size, found.root)
        filled[log] = Filled(kept, found.size)
    if changed:
        await tables.meta.begin(incarnation)
    return filled


async def _common(tables: Tables, log: LogName, leaves: Sequence[bytes]) -> int:
    """Return how many of the first leaves are stored as they are."""
    place = 0
    while place < len(leaves):
        wanted = leaves[place : place + PAGE]
        stored = await tables.logs.leaves(log, place, len(wanted))
        for ours, theirs in zip(stored, wanted, strict=False):
            if ours != theirs:
                return place
            place += 1
        if len(stored) < len(wanted):
            return place
    return place


async def _cut(tables: Tables, log: LogName, size: int) -> None:
    """Drop what was stored beyond ``size``: it was never under a witnessed root."""
    if log is LogName.KEY:
        await tables.prekeys.cut(size)
    else:
        await tables.envelopes.cut(size)
    await tables.logs.cut(log, size)


async def _rebuild(tables: Tables, log: LogName, found: Recovered, kept: int) -> None:
    tree = LogTree()
    for start in range(0, found.size, PAGE):
        page = found.leaves[start : start + PAGE]
        new = page[max(0, kept - start) :]
        if new:
            await tables.logs.add_leaves(log, start + len(page) - len(new), new)
        tree, tiles = tree.grown(page)
        await tables.logs.put_tiles(log, tiles)
    if tree.root() != found.root:
        raise StoreBrokenError("the recovered leaves do not give their root")
    if log is LogName.MESSAGE:
        spans = await tables.meta.refilled()
        await tables.meta.set_refilled(without_envelopes(spans, kept, found.size))


def without_envelopes(spans: Sequence[Span], kept: int, size: int) -> tuple[Span, ...]:
    """Return the spans that lack envelopes when all from ``kept`` on do."""
    before = [(start, min(end, kept)) for start, end in spans if start < kept]
    if before and before[-1][1] == kept:
        before[-1] = (before[-1][0], size)
        return tuple(before)
    return (*before, (kept, size)) if size > kept else tuple(before)
