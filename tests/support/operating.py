"""An operator who sits at a terminal, and what they type, with both passphrases."""

import json

from client.cli.signing import ROLE
from client.home import Home
from client.vault.locked import Person, lock
from crypto.suite import SUITES
from crypto.types import Secret
from tests.support.homes import ANNA, WORDS
from tests.support.keys import drawn, stretched
from tests.support.ministry import Ministry
from tests.support.typed import brought, invoke, told

OWN_WORD = "de zin van een operator"
SILENT = [
    word
    for name in ("w1", "w2", "w3")
    for word in ("--witness", f"{name}.example=http://127.0.0.1:1")
]


def give_key(home: Home, hague: Ministry, name: str) -> None:
    """Put an operator's key into a home, as `operator init` would."""
    size = SUITES[hague.suite].signature_seed
    seed = Secret(stretched(f"sign/operator/{name}", size))
    locked = lock(seed, [Person(ROLE, OWN_WORD)], drawn(f"lock/{name}"))
    (home.keys / f"{ROLE}.key").write_bytes(locked)
    public = hague.operators[name].public.hex()
    content = {"format": "koerier-key/1", "suite": hague.suite.value, "public": public}
    (home.path / f"{ROLE}-public.json").write_text(json.dumps(content))


def typed(home: Home, *line: object, status: int = 0, lang: str = "en") -> str:
    """Type a command that unlocks the vault, and signs as operator where it may."""
    vault, own = brought(WORDS[ANNA]), brought(OWN_WORD)
    words = ["--home", str(home.path), "--lang", lang, "--passphrase-fd", str(vault)]
    words += [str(own) if word == "OWN" else str(word) for word in line]
    return told(invoke(words, [vault, own]), status)


def signing(*line: object) -> tuple[object, ...]:
    return (*line, "--passphrase-fd", "OWN")
