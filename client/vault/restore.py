"""A vault from a backup: in its own home, or in a new one as a new terminal.

In its own home the identity and the prekeys are still there, so the terminal goes on
as itself, in a new stream.  In a new home they are gone for good: the terminal draws
a new identity, asks to be enrolled, and seals again whatever was not delivered.

What was there before is moved aside, never removed.
"""

from dataclasses import replace
from pathlib import Path
from typing import Final

from client.clock import Clock
from client.core.own_manifests import NAMED
from client.core.prekeys import NUMBER, PUBLISHED
from client.core.rotation import IN_USE
from client.files import sync_folder, write_atomic
from client.home import Home, HomeError
from client.vault.backup import backup_key, copy_rows, read_backup
from client.vault.check import faults_of
from client.vault.database import Database, DiskError, VaultError
from client.vault.locked import Unlocked, WrongPassphraseError, readable, unlock
from client.vault.making import POST, keep_terminal
from client.vault.opening import (
    DATABASE,
    VAULT_KEY,
    own_vault,
    terminal_seed,
    try_passphrase,
)
from client.vault.store import Store
from crypto.entropy import Entropy
from crypto.types import Secret
from protocol import delivery

SERIAL_LEAP: Final = 1_000  # numbers that the lost vault may have given meanwhile
RESTORED: Final = "restored"
_PARTS: Final = ("", "-wal", "-shm")  # a database's files


def restore_here(home: Home, file: Path, passphrase: str, clock: Clock) -> Path | None:
    """Put a backup in the place of a home's vault; return where the old one went.

    The passphrase is today's; the one of the backup's day only where vault.key is
    lost as well.

    Raises:
        HomeError: an agent runs, not this passphrase, not a backup of this vault, a
            damaged backup, or the identity is lost: then nothing was changed.
    """
    with own_vault(home):
        copy = home.data / "restore.db"
        try:
            locked = read_backup(file, copy)
            opened, lost = _opened(home, locked, passphrase, clock)
            terminal_seed(home, opened.secret)
            fresh = home.data / "vault.db.new"
            _rebuild((file, copy), fresh, opened.secret, clock.wall(), again=False)
            aside = _move_aside(home.data)
            # A crash here: no vault.db, and opening says so; restoring again works.
            fresh.replace(home.data / DATABASE)
            if lost:
                write_atomic(home.keys / VAULT_KEY, locked)
            sync_folder(home.data)
        finally:
            _remove(copy)
    return aside


def restore_elsewhere(
    home: Home,
    backup: tuple[Path, str],
    terminal: Secret,
    clock: Clock,
    entropy: Entropy,
) -> str:
    """Make the vault of a new terminal from a backup, and return its post.

    Args:
        home: made already, empty.
        backup: the file, and the passphrase of a member on the day it was made.
        terminal: seed of the new identity.
        clock: for the note that it was restored.
        entropy: draws the nonce of the identity's box.

    Raises:
        HomeError: not this passphrase, or a damaged backup.
    """
    file, passphrase = backup
    copy = home.data / "restore.db"
    try:
        locked = read_backup(file, copy)
        try:
            opened = unlock(locked, passphrase)
        except WrongPassphraseError:
            raise HomeError("passphrase.wrong") from None
        post = _rebuild(
            (file, copy),
            home.data / DATABASE,
            opened.secret,
            clock.wall(),
            again=True,
        )
        keep_terminal(home, opened.secret, terminal, entropy)
        # Written last: without it the home is no terminal, and it is made again.
        write_atomic(home.keys / VAULT_KEY, locked)
    finally:
        _remove(copy)
    return post


def _opened(
    home: Home, locked: bytes, passphrase: str, clock: Clock
) -> tuple[Unlocked, bool]:
    """Return what the passphrase opens, and whether vault.key itself is lost."""
    path = home.keys / VAULT_KEY
    if path.exists() and readable(path.read_bytes()):
        return try_passphrase(home, passphrase, clock), False
    try:
        return unlock(locked, passphrase), True
    except WrongPassphraseError:
        raise HomeError("passphrase.wrong") from None


def _rebuild(
    read: tuple[Path, Path], fresh: Path, key: Secret, now: int, *, again: bool
) -> str:
    """Write the vault of a backup's rows at ``fresh`` and return its post.

    ``read`` is the backup's file, which people know, and the database out of it.
    """
    backup, copy = read
    _remove(fresh)
    try:
        source = Database.open(copy, backup_key(key))
        try:
            if faults_of(source):
                raise HomeError("backup.not-one", file=backup)
            target = Database.open(fresh, key)
            try:
                with source.snapshot(), target.transaction():
                    copy_rows(source, target)
                    post = _renew(target, now, again=again)
                target.compact()
            finally:
                target.close()
        finally:
            source.close()
    except DiskError:
        raise HomeError("vault.disk", file=fresh) from None
    except VaultError:  # the copy is wrong: the vault here is not, and was not touched
        raise HomeError("backup.not-one", file=backup) from None
    return post


def _renew(database: Database, now: int, *, again: bool) -> str:
    """Change what a restored terminal must not go on with."""
    store = Store(database)
    post = (store.get(POST) or b"").decode()
    for name, value in database.rows(
        "SELECT name, value FROM meta WHERE name LIKE 'serial.%'"
    ):
        counter = int.from_bytes(value, "big") + SERIAL_LEAP
        store.put(name, counter.to_bytes(8, "big"))
    if again:
        _forget_identity(database, store)
    store.add_event(now, RESTORED, None, post)
    return post


def _forget_identity(database: Database, store: Store) -> None:
    """Take away what was of the terminal that is gone.

    What it sealed and nobody has yet is sealed again by the new one.  Others count
    their records to the new one from 1; what comes again is known by its hash.
    """
    for target in store.open_targets():
        begun, _ = delivery.begin(target.delivery.deadline)
        store.set_target(replace(target, place=None, delivery=begun, asked=0))
    database.run("UPDATE deposit SET sealed = NULL WHERE log_index IS NULL")
    for table in ("stream_in", "prekey_used", "nack_due"):
        database.run(f"DELETE FROM {table}")
    database.run(
        "DELETE FROM meta WHERE name IN (?, ?, ?) OR name LIKE ?",
        *(NUMBER, PUBLISHED, IN_USE, f"{NAMED}.%"),
    )


def _move_aside(folder: Path) -> Path | None:
    """Move the old database's files out of the way, and return their folder."""
    there = [folder / f"{DATABASE}{part}" for part in _PARTS]
    there = [file for file in there if file.exists()]
    if not there:
        return None
    number = 1 + sum(1 for _ in folder.glob("before-restore-*"))
    aside = folder / f"before-restore-{number}"
    aside.mkdir(mode=0o700)
    for file in there:
        file.rename(aside / file.name)
    return aside


def _remove(path: Path) -> None:
    for part in _PARTS:
        path.with_name(path.name + part).unlink(missing_ok=True)
