"""Files that are wholly there or not there at all, readable by their owner only."""

import os
from pathlib import Path


def write_atomic(path: Path, data: bytes) -> None:
    """Replace ``path`` by ``data``, durably: mode 0600, file and folder synced.

    A crash before the rename leaves the old file and a ``.new`` that the next write
    replaces; one after it leaves the new file, and the folder's sync makes that last.

    Raises:
        OSError: what is on the disk is then unknown; the caller ends the process or
            treats it as "not written".
    """
    fresh = path.with_name(path.name + ".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` durable.

    Raises:
        OSError: they may not be.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
