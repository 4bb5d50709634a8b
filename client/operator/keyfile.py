"""A signing key of a person who is no member of a terminal: operator or root holder.

``keys/<role>.key`` holds the seed behind a passphrase; ``<role>-public.json`` the
public half, for the root ceremony.
"""

import json
from pathlib import Path
from typing import Any

from client.files import read_bounded, write_atomic
from client.home import Home, HomeError
from client.vault.locked import Person, WrongPassphraseError, lock, unlock
from client.vault.making import draw_signing_key
from crypto.entropy import Entropy
from crypto.sign import SigningKey
from crypto.suite import SuiteId
from crypto.types import PublicKey
from protocol.signed import SignatureKey

FORMAT = "koerier-key/1"

MAX_JSON = 65_536  # bytes of a public half


def make_key(
    home: Home, role: str, suite: SuiteId, passphrase: str, entropy: Entropy
) -> tuple[Path, SigningKey]:
    """Draw a key, lock its seed; return the file with its public half, and the key."""
    seed, key = draw_signing_key(suite, entropy)
    locked = lock(seed, [Person(role, passphrase)], entropy)
    write_atomic(home.keys / f"{role}.key", locked)
    public = home.path / f"{role}-public.json"
    content = {"format": FORMAT, "suite": suite.value, "public": key.public.hex()}
    write_atomic(public, json.dumps(content).encode())
    return public, key


def name_public(path: Path, name: str) -> None:
    """Add a person's name to a public half: for the transcript of a ceremony.

    A crash before it leaves one without a name, which serves all the same.
    """
    content = {**read_json(path, FORMAT), "name": name}
    write_atomic(path, json.dumps(content).encode())


def open_key(home: Home, role: str, suite: SuiteId, passphrase: str) -> SigningKey:
    """Return the key.

    Raises:
        HomeError: no such key here, or not this passphrase.
    """
    path = home.keys / f"{role}.key"
    if not path.exists():
        raise HomeError("home.missing", path=path)
    try:
        opened = unlock(path.read_bytes(), passphrase)
        return SigningKey.from_seed(suite, opened.secret)
    except WrongPassphraseError:
        raise HomeError("passphrase.wrong") from None


def read_json(path: Path, form: str) -> dict[str, Any]:
    """Return the JSON object in a file of the format ``form``.

    Raises:
        HomeError: not such a file.
    """
    try:
        found = json.loads(read_bounded(path, MAX_JSON))
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict) or found.get("format") != form:
        raise HomeError("operator.bad-file", file=path, kind=form)
    return found


def read_public(path: Path) -> SignatureKey:
    """Return the public key in a ``*-public.json`` file.

    Raises:
        HomeError: not such a file.
    """
    found = read_json(path, FORMAT)
    try:
        suite = SuiteId(found["suite"])
        return SignatureKey(suite, PublicKey(bytes.fromhex(found["public"])))
    except (KeyError, TypeError, ValueError):
        raise HomeError("operator.bad-file", file=path, kind=FORMAT) from None
