"""Making a vault: keys in, one encrypted database and its locked key out."""

from client.agent import (
    DATABASE,
    MEMBER_SEED,
    PIN,
    POST,
    TERMINAL_SEED,
    VAULT_KEY,
)
from client.files import write_atomic
from client.home import Home
from client.operator.enrolment import NewKeys
from client.vault.database import Database
from client.vault.locked import lock
from client.vault.store import Store
from crypto.entropy import Entropy
from crypto.types import Secret
from protocol.trusted_root import TrustedRoot

KEY_BYTES = 32


def make_vault(
    home: Home,
    keys: NewKeys,
    root: TrustedRoot,
    passphrase: str,
    entropy: Entropy,
) -> None:
    """Make the vault of a new terminal.

    The locked key is written last: without it the home is no terminal, and a crash
    before it is repaired by making the terminal again in another folder.
    """
    key = Secret(entropy(KEY_BYTES))
    database = Database.open(home.data / DATABASE, key)
    store = Store(database)
    with store.transaction():
        store.put(PIN, root.digest)
        store.put(POST, keys.post.encode())
        store.put(TERMINAL_SEED, keys.terminal.reveal())
        store.put(MEMBER_SEED, keys.member.reveal())
    database.close()
    locked = lock(key, [(keys.name, passphrase)], entropy)
    write_atomic(home.keys / VAULT_KEY, locked)
