"""Files that are wholly there or not there at all, readable by their owner only."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

# Where the system has no error of its own for what we refuse.
NOT_ORDINARY = errno.ENODEV
TOO_LARGE = errno.EFBIG


def open_ordinary(path: Path) -> BinaryIO:
    """Open a file for reading, if it is one: a device or a pipe may never end.

    Raises:
        OSError: it cannot be opened; NOT_ORDINARY: it is a device, pipe or socket.
    """
    # Opening a pipe waits for a writer, unless we say that we do not.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags)
    try:
        _require_ordinary(os.fstat(descriptor).st_mode, path)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def _require_ordinary(mode: int, path: Path) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "a folder", str(path))
    if not stat.S_ISREG(mode):
        raise OSError(NOT_ORDINARY, "not an ordinary file", str(path))


def read_bounded(path: Path, limit: int) -> bytes:
    """Return an ordinary file's bytes, at most ``limit`` of them.

    Raises:
        OSError: as :func:`open_ordinary`, or it cannot be read; TOO_LARGE: it is
            larger.
    """
    with open_ordinary(path) as file:
        try:
            data = file.read(limit + 1)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from None
    if len(data) > limit:
        raise OSError(TOO_LARGE, "too large", str(path))
    return data


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
