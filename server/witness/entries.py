"""A mirror's entries: one append-only file for each log.

::

    file = (u32 length || entry)*

An entry counts when the file was synced after it.  A crash can leave a torn last
entry, which nobody was told of: it is cut off at the next start.  The entries up to
what was cosigned last are compared with it, so a file that was damaged or exchanged
stops the start instead of a proof years later.

Entries above that are the log's too, by its own signature, but nobody promised to keep
them: a log that lost its disk may have gone on otherwise from the last witnessed
checkpoint, and then its new entries take their place.
"""

import errno
import os
from array import array
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

from crypto.digest import u32
from crypto.merkle import Frontier
from protocol.witness import Seen
from server.files import sync_folder
from server.storage.interfaces import StoreBrokenError, StoreFullError

LENGTH: Final = 4  # bytes
NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class EntryFile:
    """The entries of one log, durably."""

    def __init__(self, path: Path, seen: Seen) -> None:
        """Open or make the file.

        Raises:
            StoreBrokenError: its entries are not those that were cosigned.
            OSError: the disk.
        """
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        sync_folder(path.parent)
        self._offsets = array("Q")  # where each entry begins
        self._end = 0
        self.tree = Frontier()
        self._cosigned = Frontier()
        try:
            self._read(path, seen)
        except StoreBrokenError:
            self.close()
            raise

    def _read(self, path: Path, seen: Seen) -> None:
        for entry in entries_in(path):
            self._count(entry)
            if self.tree.size == seen.size:
                self._cosigned = self.tree
        if (self._cosigned.size, self._cosigned.root()) != (seen.size, seen.root):
            raise StoreBrokenError("the mirror's entries are not what was cosigned")
        os.ftruncate(self._file, self._end)

    def _count(self, entry: bytes) -> None:
        self._offsets.append(self._end)
        self._end += LENGTH + len(entry)
        self.tree = self.tree.append(entry)

    # --- what is asked before anything is written

    @property
    def cosigned(self) -> int:
        """How many entries may never change any more."""
        return self._cosigned.size

    def tree_at(self, size: int) -> Frontier:
        """Return the tree of the first ``size`` entries, from what was cosigned on.

        Raises:
            ValueError: below what was cosigned, or more than there is: a bug.
        """
        if not self.cosigned <= size <= self.tree.size:
            raise ValueError("no such tree is kept")
        if size == self.tree.size:
            return self.tree
        tree = self._cosigned
        for entry in self.entries(self.cosigned, size - self.cosigned):
            tree = tree.append(entry)
        return tree

    # --- writing

    def put(self, start: int, entries: Sequence[bytes]) -> None:
        """Store ``entries`` from ``start`` on; on return they are durable.

        Those that are there already stay; from the first other one on all are
        replaced.  A crash in between leaves some of the new ones, or a torn one, and
        all that were cosigned.

        Raises:
            ValueError: they begin in what was cosigned, or leave a hole: a bug.
            StoreFullError: no room; what was there before is there.
            OSError: what is stored is unknown; the process ends.
        """
        if not self.cosigned <= start <= self.tree.size:
            raise ValueError("not where entries can go")
        stored = self.entries(start, len(entries))
        same = 0
        while same < len(stored) and stored[same] == entries[same]:
            same += 1
        new = entries[same:]
        if not new:
            return
        if start + same < self.tree.size:
            self._cut(start + same)
        self._append(new)

    def _cut(self, size: int) -> None:
        self.tree = self.tree_at(size)
        self._end = self._offsets[size]
        del self._offsets[size:]
        os.ftruncate(self._file, self._end)

    def _append(self, entries: Sequence[bytes]) -> None:
        data = b"".join(u32(len(one)) + one for one in entries)
        try:
            self._write(data)
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            # What did get written is a torn end: cut off here, or at the next start.
            os.ftruncate(self._file, self._end)
            raise StoreFullError("no room") from None
        for one in entries:
            self._count(one)

    def _write(self, data: bytes) -> None:
        left, place = memoryview(data), self._end
        while left:
            written = os.pwrite(self._file, left, place)
            left, place = left[written:], place + written
        os.fsync(self._file)

    def cosign(self, size: int) -> None:
        """Note that the first ``size`` entries are cosigned: they never change."""
        self._cosigned = self.tree_at(size)

    # --- reading

    def entries(self, start: int, limit: int) -> list[bytes]:
        """Return at most ``limit`` entries from ``start`` on."""
        wanted = min(limit, len(self._offsets) - start)
        if wanted <= 0:
            return []
        last = start + wanted
        end = self._offsets[last] if last < len(self._offsets) else self._end
        begin = self._offsets[start]
        data = os.pread(self._file, end - begin, begin)
        bounds = [*(self._offsets[n] - begin for n in range(start, last)), end - begin]
        return [data[one + LENGTH : next_] for one, next_ in pairwise(bounds)]

    def close(self) -> None:
        """Give up the file."""
        os.close(self._file)


def entries_in(path: Path) -> Iterator[bytes]:
    """Yield the whole entries of a file; a torn last one is none."""
    with path.open("rb") as file:
        while len(head := file.read(LENGTH)) == LENGTH:
            size = int.from_bytes(head, "big")
            entry = file.read(size)
            if len(entry) < size:
                return
            yield entry
