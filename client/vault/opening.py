"""Opening a vault: whose passphrase it is, and one process that owns what it opens.

    keys/vault.key      the vault key, wrapped for each member (client.vault.locked)
    keys/terminal.key   the terminal's identity seed, boxed under the vault key
    keys/terminal-next.key  the one that follows it, if drawn (client.vault.next_keys)
    keys/erase, sheet-* prekey seeds (client.vault.keysheet)
    data/vault.db       everything else (client.vault.database)
    data/vault.lock     held by the process that owns the database
    keys/vault.lock     held while somebody tries a passphrase or changes vault.key

The identity stands apart from the database, so that a copy of the database is no
copy of the terminal.  Each member's seed stands in the database, boxed once more
under that member's own key: another member's passphrase does not open it.

Nothing here says more than it must: a passphrase that opens nothing is "wrong", and
what is damaged is named by its file.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from client.clock import Clock
from client.home import Home, HomeError
from client.vault.database import Database, DiskError, NewerError, VaultError
from client.vault.filelock import HeldError, held
from client.vault.keysheet import KeySheet, KeySheetError
from client.vault.locked import Unlocked, WrongPassphraseError, unlock
from client.vault.store import Store
from client.vault.tries import Tries
from crypto.entropy import Entropy
from crypto.errors import OpenError
from crypto.recordbox import open_box
from crypto.types import Secret

VAULT_KEY: Final = "vault.key"
TERMINAL_KEY: Final = "terminal.key"
DATABASE: Final = "vault.db"
LOCK: Final = "vault.lock"
TRIES: Final = "tries"
TERMINAL_BOX: Final = b"terminal"
MEMBER_BOX: Final = b"member"


@dataclass(frozen=True, slots=True)
class Seat:
    """The member who unlocked, and the seed that signs for them."""

    name: str
    seed: Secret
    own: Secret | None = None  # what the member's seeds are boxed under


@dataclass(frozen=True, slots=True)
class OpenVault:
    """What an unlocked terminal works with, until :meth:`close`."""

    key: Secret  # the vault key
    store: Store
    database: Database
    sheet: KeySheet
    terminal: Secret  # seed of the terminal's identity
    seat: Seat
    locks: ExitStack

    @contextmanager
    def closed_on_error(self) -> Iterator[None]:
        """Close it where the context fails; else whoever took it over does."""
        try:
            yield
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the database, then let another process have it."""
        self.database.close()
        self.locks.close()


def try_passphrase(
    home: Home,
    passphrase: str,
    clock: Clock,
    *,
    member: str | None = None,
    sheet: bool = False,
) -> Unlocked:
    """Return what a passphrase opens; each wrong one makes the next wait longer.

    Raises:
        HomeError: no vault, not this passphrase, or too early after wrong ones.
    """
    home.require_whole()
    path = home.keys / VAULT_KEY
    if not path.exists():
        raise HomeError("home.missing", path=home.path)
    with key_lock(home):
        tries = Tries(home.keys / TRIES, clock)
        tries.begin()
        try:
            opened = unlock(path.read_bytes(), passphrase, who=member, sheet=sheet)
        except WrongPassphraseError:
            raise HomeError("passphrase.wrong") from None
        tries.succeeded()
    return opened


@contextmanager
def key_lock(home: Home) -> Iterator[None]:
    """Let nobody else try a passphrase or change vault.key inside.

    Raises:
        HomeError: somebody does.
    """
    try:
        with held(home.keys / LOCK):
            yield
    except HeldError:
        raise HomeError("passphrase.busy") from None


def own_vault(home: Home) -> ExitStack:
    """Take the vault for this process, until the stack is closed.

    Raises:
        HomeError: another process has it.
    """
    locks = ExitStack()
    try:
        locks.enter_context(held(home.data / LOCK))
    except HeldError:
        raise HomeError("agent.running") from None
    return locks


def open_vault(
    home: Home,
    passphrase: str,
    clock: Clock,
    entropy: Entropy,
    *,
    member: str | None = None,
) -> OpenVault:
    """Unlock the vault of a home for one member, and own it.

    Args:
        home: of the terminal.
        passphrase: of the member.
        clock: tells how long ago the last wrong passphrase was.
        entropy: for the key sheet.
        member: whose passphrase it is; None: whoever's it turns out to be.

    Raises:
        HomeError: no vault, not this passphrase, too early, another process has it,
            of a later version, or damaged: says which file.
    """
    home.require_whole()
    if not (home.keys / VAULT_KEY).exists():
        raise HomeError("home.missing", path=home.path)
    try:
        return _open(home, passphrase, clock, entropy, member)
    except OSError:
        raise HomeError("vault.disk", file=home.path) from None


def _open(
    home: Home, passphrase: str, clock: Clock, entropy: Entropy, member: str | None
) -> OpenVault:
    with ExitStack() as on_error:
        locks = own_vault(home)
        on_error.push(locks)
        opened = try_passphrase(home, passphrase, clock, member=member)
        database = open_database(home.data / DATABASE, opened.secret)
        on_error.callback(database.close)
        found = OpenVault(
            key=opened.secret,
            store=Store(database),
            database=database,
            sheet=_sheet(home, opened.secret, entropy),
            terminal=terminal_seed(home, opened.secret),
            seat=Seat(opened.who, member_seed(database, opened), opened.own),
            locks=locks,
        )
        on_error.pop_all()
    return found


def open_database(path: Path, key: Secret) -> Database:
    """Return the database; the key is known to be right.

    Raises:
        HomeError: it is not there, damaged, of a later version, or the disk fails.
    """
    if not path.exists():
        raise HomeError("vault.hurt", file=path)
    try:
        return Database.open(path, key)
    except NewerError:
        raise HomeError("vault.newer", file=path) from None
    except DiskError:
        raise HomeError("vault.disk", file=path) from None
    except VaultError:
        raise HomeError("vault.hurt", file=path) from None


def _sheet(home: Home, key: Secret, entropy: Entropy) -> KeySheet:
    try:
        return KeySheet(home.keys, key, entropy)
    except KeySheetError:
        raise HomeError("vault.hurt", file=home.keys / "erase") from None
    except OSError:
        raise HomeError("vault.disk", file=home.keys) from None


def terminal_seed(home: Home, key: Secret) -> Secret:
    """Return the seed of the terminal's identity.

    Raises:
        HomeError: it is not there, or damaged.
    """
    path = home.keys / TERMINAL_KEY
    try:
        return Secret(open_box(key, TERMINAL_BOX, b"", path.read_bytes()))
    except (OSError, OpenError):
        raise HomeError("vault.hurt", file=path) from None


def member_seed(database: Database, opened: Unlocked) -> Secret:
    """Return the seed of the member whose passphrase opened the vault.

    Raises:
        HomeError: the vault does not have it, or not under this member's key.
    """
    found = database.row("SELECT seed FROM member WHERE name = ?", opened.who)
    if found is None or opened.own is None:
        raise HomeError("vault.no-member", name=opened.who)
    try:
        name = opened.who.encode()
        return Secret(open_box(opened.own, MEMBER_BOX, name, found[0]))
    except OpenError:
        raise HomeError("vault.no-member", name=opened.who) from None
