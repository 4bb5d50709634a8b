"""Backup and restore of a vault: all that was written and read, and no living key.

    FILE = magic line, length of vault.key as u32, vault.key, an encrypted database

The database in it is a copy row by row, under a key made of the vault key, so every
row was read and authenticated on its way.  Whoever has a member's passphrase or
recovery sheet of that day opens it.  It holds members' seeds under their own keys.
It does not hold the terminal's identity, nor any prekey seed: those stand in files
of their own (:mod:`client.vault.opening`), so that no copy can speak or open as the
terminal that lives.

A restored vault goes on in a new stream, because nobody knows what the lost one sent
after the copy was made; its peers are told.  Where the identity is still there it
goes on as itself; where it is not, it is enrolled as a new terminal.
"""

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from client.files import sync_folder
from client.home import Home, HomeError
from client.vault.database import Database, DiskError, VaultError
from client.vault.opening import DATABASE, VAULT_KEY, OpenVault
from crypto.digest import H, T
from crypto.types import Secret

MAGIC: Final = b"koerier-backup/1\n"
MAX_LOCKED: Final = 1 << 20  # bytes of vault.key
CHUNK: Final = 1 << 20
_LABEL: Final = b"koerier/v1/backup"
_LENGTH: Final = struct.Struct(">I")
# What belongs to the living terminal's way of sending, and dies with it.
LEFT_OUT: Final = frozenset({"stream_out"})
LEFT_OUT_FACTS: Final = ("stream.id",)


def backup_key(vault_key: Secret) -> Secret:
    """Return the key of a backup's database: never the key of the living one."""
    return Secret(H(T(_LABEL, vault_key.reveal())))


def write_backup(home: Home, vault: OpenVault, out: Path) -> int:
    """Write a backup of an open vault and return its size in bytes.

    Raises:
        HomeError: there is a file already, the disk does not take it, or a row does
            not read: the vault is damaged.  Nothing is left behind.
    """
    if out.exists():
        raise HomeError("backup.exists", file=out)
    copy = home.data / "backup.db"
    copy.unlink(missing_ok=True)  # of a backup that was killed
    fresh = out.with_name(out.name + ".new")
    try:
        _copy_into(copy, backup_key(vault.key), vault.database)
        locked = (home.keys / VAULT_KEY).read_bytes()
        _assemble(fresh, locked, copy)
        fresh.replace(out)  # a crash before it: no backup; after it: a whole one
        sync_folder(out.absolute().parent)
    except (OSError, DiskError):
        raise HomeError("vault.disk", file=out) from None
    except VaultError:
        raise HomeError("vault.hurt", file=home.data / DATABASE) from None
    finally:
        fresh.unlink(missing_ok=True)
        copy.unlink(missing_ok=True)
    return out.stat().st_size


def read_backup(file: Path, into: Path) -> bytes:
    """Put the database of a backup at ``into`` and return its vault.key.

    Raises:
        HomeError: not a backup, cut short, or the disk does not take it.
    """
    try:
        with file.open("rb") as source:
            if source.read(len(MAGIC)) != MAGIC:
                raise HomeError("backup.not-one", file=file)
            (size,) = _LENGTH.unpack(source.read(_LENGTH.size))
            locked = source.read(min(size, MAX_LOCKED))
            if len(locked) != size:
                raise HomeError("backup.not-one", file=file)
            with _private(into) as target:
                while chunk := source.read(CHUNK):
                    target.write(chunk)
    except struct.error:
        raise HomeError("backup.not-one", file=file) from None
    except FileNotFoundError:
        raise HomeError("backup.not-one", file=file) from None
    except OSError:
        into.unlink(missing_ok=True)
        raise HomeError("vault.disk", file=into) from None
    return locked


def copy_rows(source: Database, target: Database) -> None:
    """Copy every row that outlives a terminal, inside the caller's transaction."""
    for table in source.tables():
        if table not in LEFT_OUT:
            target.fill(table, source.each(f"SELECT * FROM {table}"))
    for name in LEFT_OUT_FACTS:
        target.run("DELETE FROM meta WHERE name = ?", name)


def _copy_into(path: Path, key: Secret, source: Database) -> None:
    target = Database.open(path, key)
    try:
        with source.snapshot(), target.transaction():
            copy_rows(source, target)
        target.compact()
    finally:
        target.close()


def _assemble(out: Path, locked: bytes, copy: Path) -> None:
    with _private(out) as file, copy.open("rb") as database:
        file.write(MAGIC + _LENGTH.pack(len(locked)) + locked)
        while chunk := database.read(CHUNK):
            file.write(chunk)


@contextmanager
def _private(path: Path) -> Iterator[BinaryIO]:
    """Open a file for its owner alone, durable when the context ends."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
