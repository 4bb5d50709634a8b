"""A mirror's entries: one append-only file for each log.

::

    file = (u32 length || entry)*

An entry counts when the file was synced after it.  A crash can leave a torn last
entry, which nobody was told of: it is cut off at the next start.  The first entries
are compared with what was cosigned, so a file that was damaged or exchanged stops the
start instead of a proof years later.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from crypto.digest import u32
from crypto.merkle import Frontier
from protocol.witness import Seen
from server.files import sync_folder
from server.storage.interfaces import StoreBrokenError

LENGTH: Final = 4  # bytes


class EntryFile:
    """The entries of one log, durably."""

    def __init__(self, path: Path, seen: Seen) -> None:
        """Open or make the file.

        Raises:
            StoreBrokenError: its entries are not those that were cosigned.
            OSError: the disk.
        """
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._file = os.fdopen(descriptor, "r+b")
        sync_folder(path.parent)
        self._offsets: list[int] = []
        self.tree = Frontier()
        try:
            self._read(seen)
        except StoreBrokenError:
            self.close()
            raise

    def _read(self, seen: Seen) -> None:
        end = 0
        while (entry := self._next()) is not None:
            if self.tree.size == seen.size:
                self._compare(seen)
            self._offsets.append(end)
            self.tree = self.tree.append(entry)
            end += LENGTH + len(entry)
        if self.tree.size <= seen.size:
            self._compare(seen)
        self._file.truncate(end)
        self._file.seek(end)

    def _compare(self, seen: Seen) -> None:
        if (self.tree.size, self.tree.root()) != (seen.size, seen.root):
            raise StoreBrokenError("the mirror's entries are not what was cosigned")

    def _next(self) -> bytes | None:
        head = self._file.read(LENGTH)
        if len(head) < LENGTH:
            return None
        size = int.from_bytes(head, "big")
        entry = self._file.read(size)
        return entry if len(entry) == size else None

    def add(self, entries: Sequence[bytes]) -> None:
        """Store ``entries`` behind the others; on return they are durable.

        A crash in between leaves some of them, or a torn one.

        Raises:
            OSError: what is stored is unknown; the process ends.
        """
        end = self._file.seek(0, os.SEEK_END)
        self._file.write(b"".join(u32(len(one)) + one for one in entries))
        self._file.flush()
        os.fsync(self._file.fileno())
        for one in entries:
            self._offsets.append(end)
            self.tree = self.tree.append(one)
            end += LENGTH + len(one)

    def entries(self, start: int, limit: int) -> list[bytes]:
        """Return at most ``limit`` entries from ``start`` on."""
        wanted = min(limit, len(self._offsets) - start)
        if wanted <= 0:
            return []
        self._file.seek(self._offsets[start])
        found = [self._next() for _ in range(wanted)]
        return [entry for entry in found if entry is not None]

    def close(self) -> None:
        """Give up the file."""
        self._file.close()
