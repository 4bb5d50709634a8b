"""Destroying a vault because two operators ordered it: keys first, then all else.

    zeroised            says so, and that nothing is to be looked for here any more
    keys/*              the wrapped vault key first: without it the rest is noise
    data/*              the vault, and the sealed attachments beside it

Each file is overwritten before its name goes.  On flash memory that reaches the old
cells by luck only; what makes the vault unreadable is that its key is gone, and whoever
copied the key file before still lacks a passphrase.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NoReturn

from client.files import sync_folder, write_atomic
from client.home import Home, HomeError
from client.vault.opening import VAULT_KEY, own_vault

STEP: Final = 1 << 16  # bytes overwritten at a time


def zeroise(home: Home) -> NoReturn:
    """Destroy what the home holds, and say so.

    Raises:
        HomeError: always.
    """
    destroy(home)
    raise HomeError("home.zeroised", path=home.path)


def finish(home: Home) -> None:
    """End what a crash has left of it; nothing in a home that was not zeroised.

    Raises:
        HomeError: it was.
    """
    if home.mark.exists():
        zeroise(home)


def destroy(home: Home) -> None:
    """Destroy what the home holds; nobody has the vault open.

    Raises:
        HomeError: another process has it open.
        OSError: the disk failed; the next start goes on where this ended.
    """
    # From here on nothing opens it, and each start destroys what is still there.
    write_atomic(home.mark, b"")
    with own_vault(home):
        for file in (home.keys / VAULT_KEY, *_files(home.keys), *_files(home.data)):
            _wipe(file)
    sync_folder(home.keys)
    sync_folder(home.data)


def _files(folder: Path) -> Iterator[Path]:
    for found in sorted(folder.iterdir()):
        if found.is_dir() and not found.is_symlink():
            yield from _files(found)
        else:
            yield found


def _wipe(file: Path) -> None:
    """Overwrite a file and remove its name; nothing if it is gone already."""
    with contextlib.suppress(FileNotFoundError):
        if not file.is_symlink():
            descriptor = os.open(file, os.O_WRONLY)
            try:
                left = os.fstat(descriptor).st_size
                while left > 0:
                    left -= os.write(descriptor, bytes(min(left, STEP)))
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        file.unlink()
