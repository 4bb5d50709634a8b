"""Making a relay or a witness: keys, certificate, configuration, public part.

The public part is what the root holders put in the root document; it holds no secret
and its JSON is also printed.
"""

import json
import re
from collections.abc import Mapping
from typing import Final

from crypto.entropy import Entropy
from protocol.requests import LogName
from server.app import note_key
from server.config import ConfigError, Home, RelayConfig, WitnessConfig, dump
from server.files import write_atomic
from server.keys import RelaySeeds, make_witness_seeds, relay_keys, save
from server.witness.serve import note_keys

NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,79}")
RELAY_PUBLIC: Final = "relay-public.json"
WITNESS_PUBLIC: Final = "witness-public.json"


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
    keys = relay_keys(seeds, entropy)
    public = {
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
    write_atomic(home.path / "relay.toml", dump(config))
    text = json.dumps(public, indent=2) + "\n"
    write_atomic(home.path / RELAY_PUBLIC, text.encode())
    return public


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
    ed25519, mldsa44 = note_keys(seeds)
    public = {
        "format": "koerier-witness-public/1",
        "name": name,
        "ed25519": ed25519.public.hex(),
        "mldsa44": mldsa44.public.hex(),
        "mirror": config.mirror,
    }
    write_atomic(home.path / "witness.toml", dump(config))
    text = json.dumps(public, indent=2) + "\n"
    write_atomic(home.path / WITNESS_PUBLIC, text.encode())
    return public
