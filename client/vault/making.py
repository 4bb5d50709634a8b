"""Making a vault: keys in, one encrypted database and its locked keys out."""

from dataclasses import dataclass, field
from typing import Final

from client.files import write_atomic
from client.home import Home, HomeError
from client.paper import SECRET_BYTES
from client.vault.database import Database
from client.vault.locked import Person, lock, of_sheet
from client.vault.opening import (
    DATABASE,
    MEMBER_BOX,
    TERMINAL_BOX,
    TERMINAL_KEY,
    VAULT_KEY,
)
from crypto.entropy import Entropy
from crypto.recordbox import seal_box
from crypto.sign import SigningKey
from crypto.suite import SUITES, SuiteId
from crypto.types import PublicKey, Secret

PIN, POST = "root.pin", "post"
VOICE = "request.voice"  # what the words of this terminal's request are made of
KEY_BYTES: Final = 32
MAX_NAME: Final = 200  # characters


@dataclass(frozen=True, slots=True)
class NewMember:
    """Somebody who is to have a place at a terminal."""

    name: str
    passphrase: str = field(repr=False)
    sheet: Secret  # of the recovery sheet that is printed
    own: Secret  # what this member's seed is boxed under
    seed: Secret
    public: PublicKey

    def people(self) -> tuple[Person, Person]:
        """Return the two ways in: the passphrase, and the sheet."""
        return (
            Person(self.name, self.passphrase, self.own),
            Person(self.name, of_sheet(self.sheet), self.own, sheet=True),
        )

    def box(self, entropy: Entropy) -> bytes:
        """Return the member's seed under the member's own key."""
        name, seed = self.name.encode(), self.seed.reveal()
        return seal_box(self.own, MEMBER_BOX, name, seed, entropy)


def draw_signing_key(suite: SuiteId, entropy: Entropy) -> tuple[Secret, SigningKey]:
    """Return a fresh seed and its key."""
    seed = Secret(entropy(SUITES[suite].signature_seed))
    return seed, SigningKey.from_seed(suite, seed)


def draw_member(
    suite: SuiteId, name: str, passphrase: str, entropy: Entropy
) -> NewMember:
    """Return fresh keys for somebody who is to have a place.

    Raises:
        HomeError: a name that the directory cannot hold, empty or too long.
    """
    if not 1 <= len(name) <= MAX_NAME:
        raise HomeError("member.bad-name", limit=MAX_NAME)
    seed, key = draw_signing_key(suite, entropy)
    return NewMember(
        name=name,
        passphrase=passphrase,
        sheet=Secret(entropy(SECRET_BYTES)),
        own=Secret(entropy(KEY_BYTES)),
        seed=seed,
        public=key.public,
    )


def make_vault(
    home: Home,
    terminal: Secret,
    member: NewMember,
    facts: dict[str, bytes],
    entropy: Entropy,
) -> None:
    """Make the vault of a new terminal.

    The locked key is written last: without it the home is no terminal, and a crash
    before it is repaired by making the terminal again in another folder.

    Args:
        home: made already, empty.
        terminal: seed of its identity.
        member: the first one.
        facts: what stands in the vault from the start, as PIN and POST.
        entropy: draws the vault key and the nonces.
    """
    key = Secret(entropy(KEY_BYTES))
    database = Database.open(home.data / DATABASE, key)
    with database.transaction():
        for name, value in facts.items():
            database.put(name, value)
        keep_member(database, member.name, member.public, member.box(entropy))
    database.close()
    keep_terminal(home, key, terminal, entropy)
    locked = lock(key, member.people(), entropy)
    write_atomic(home.keys / VAULT_KEY, locked)


def keep_terminal(home: Home, key: Secret, seed: Secret, entropy: Entropy) -> None:
    """Write the file that holds the terminal's identity."""
    box = seal_box(key, TERMINAL_BOX, b"", seed.reveal(), entropy)
    write_atomic(home.keys / TERMINAL_KEY, box)


def keep_member(database: Database, name: str, public: bytes, box: bytes) -> None:
    """Keep a member's keys, inside the caller's transaction."""
    database.run("INSERT OR REPLACE INTO member VALUES (?, ?, ?)", name, public, box)
