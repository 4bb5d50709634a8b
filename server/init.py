"""Making a relay or a witness: keys, certificate, configuration, public part.

The public part is what the root holders put in the root document; it holds no secret
and its JSON is also printed.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Final

from crypto.entropy import Entropy
from protocol.requests import LogName
from server.app import note_key
from server.config import ConfigError, Home, RelayConfig, WitnessConfig, dump
from server.files import write_atomic
from server.keyring import next_relay, next_witness, note_pair
from server.keys import (
    RelaySeeds,
    WitnessSeeds,
    make_witness_seeds,
    relay_keys,
    save,
)

NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,79}")
RELAY_PUBLIC: Final = "relay-public.json"
WITNESS_PUBLIC: Final = "witness-public.json"
RELAY_NEXT: Final = "relay-next-public.json"
WITNESS_NEXT: Final = "witness-next-public.json"


def check_name(name: str) -> None:
    """Return if ``name`` can begin a log's origin or be a witness's.

    Raises:
        ConfigError: it cannot.
    """
    if NAME.fullmatch(name) is None:
        raise ConfigError("--name: small letters, digits, dots and dashes, at most 80")


def init_relay(
    home: Home, config: RelayConfig, entropy: Entropy, *, name: str, seeds: RelaySeeds
) -> Mapping[str, object]:
    """Make a relay's home with these keys and return its public part.

    A crash in between leaves a home without its public part: the folder is removed
    and made again, nobody has seen its keys.

    Raises:
        ConfigError: there is one already, or the name cannot be used.
    """
    check_name(name)
    home.create()
    save(home, seeds)
    public = relay_public(seeds, entropy, name=name)
    write_atomic(home.path / "relay.toml", dump(config))
    _write(home, RELAY_PUBLIC, public)
    return public


def relay_public(
    seeds: RelaySeeds, entropy: Entropy, *, name: str
) -> Mapping[str, object]:
    """Return the public part of a relay's seeds; ``name`` begins both origins."""
    keys = relay_keys(seeds, entropy)
    return {
        "format": "koerier-relay-public/1",
        "suite": int(seeds.suite),
        "identity": keys.identity.public.hex(),
        "key_log": {
            "origin": f"{name}/keys",
            "public": note_key(keys, LogName.KEY).public.hex(),
        },
        "message_log": {
            "origin": f"{name}/messages",
            "public": note_key(keys, LogName.MESSAGE).public.hex(),
        },
        "tls_pin": keys.certificate.pin.hex(),
    }


def _write(home: Home, file: str, public: Mapping[str, object]) -> None:
    text = json.dumps(public, indent=2) + "\n"
    write_atomic(home.path / file, text.encode())


def init_witness(
    home: Home, config: WitnessConfig, entropy: Entropy, *, name: str
) -> Mapping[str, object]:
    """Make a witness's home and return its public part.

    Raises:
        ConfigError: there is one already, or the name cannot be used.
    """
    check_name(name)
    home.create()
    seeds = make_witness_seeds(name, entropy)
    save(home, seeds)
    public = witness_public(seeds, mirror=config.mirror)
    write_atomic(home.path / "witness.toml", dump(config))
    _write(home, WITNESS_PUBLIC, public)
    return public


def witness_public(seeds: WitnessSeeds, *, mirror: bool) -> Mapping[str, object]:
    """Return the public part of a witness's seeds."""
    ed25519, mldsa44 = note_pair(seeds)
    return {
        "format": "koerier-witness-public/1",
        "name": seeds.name,
        "ed25519": ed25519.public.hex(),
        "mldsa44": mldsa44.public.hex(),
        "mirror": mirror,
    }


def rotate_relay(
    home: Home, what: Sequence[str], entropy: Entropy
) -> Mapping[str, object]:
    """Make the relay's next keys; return their public part, written beside the first.

    Raises:
        ConfigError: no relay here.
    """
    old = json.loads((home.path / RELAY_PUBLIC).read_text(encoding="utf-8"))
    name = str(old["key_log"]["origin"]).removesuffix("/keys")
    public = relay_public(next_relay(home, what, entropy), entropy, name=name)
    _write(home, RELAY_NEXT, public)
    return public


def rotate_witness(
    home: Home, config: WitnessConfig, entropy: Entropy
) -> Mapping[str, object]:
    """Make the witness's next keys; as :func:`rotate_relay`."""
    public = witness_public(next_witness(home, entropy), mirror=config.mirror)
    _write(home, WITNESS_NEXT, public)
    return public
