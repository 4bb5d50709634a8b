"""Files that are wholly there or not there at all, readable by their owner only."""

import os
from pathlib import Path


def write_atomic(path: Path, data: bytes) -> None:
    """Replace ``path`` by ``data``, durably: mode 0600, file and folder synced.

    A crash before the rename leaves the old file and a ``.new`` that the next
    write replaces; a crash after it leaves the new file.

    Raises:
        OSError: nothing was replaced, or the rename's durability is unknown; the
            caller treats both as "not written".
    """
    fresh = path.with_name(path.name + ".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` durable; a no-op where folders cannot be opened."""
    if os.name == "nt":  # Windows commits the rename with the file system's journal
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def private_folder(path: Path) -> Path:
    """Make ``path`` and its parents, for the owner only, and return it."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path
