"""The relay's and a witness's own keys: made once, kept as seeds in a 0600 file.

A relay restarts alone, at night, so its seeds lie unencrypted (or on a credential
that the system mounts there).  They never open an envelope: whoever steals them can
play this relay until the root document names another, and that is all
(docs/threat-model.md).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from crypto.certificate import Certificate, make_certificate
from crypto.entropy import Entropy
from crypto.sign import SigningKey
from crypto.suite import SUITES, SuiteId
from crypto.types import Secret
from protocol.codec import Message, decode, encode
from protocol.errors import MalformedError
from protocol.fields import V1, Bytes32
from server.config import ConfigError, Home
from server.files import write_atomic

RELAY_SEEDS: Final = "relay.seeds"
WITNESS_SEEDS: Final = "witness.seeds"
SERIAL: Final = 16  # bytes


class RelaySeeds(Message):
    """``keys/relay.seeds``."""

    v: V1
    suite: SuiteId
    identity: bytes
    key_log: Bytes32
    message_log: Bytes32
    tls: Bytes32


class WitnessSeeds(Message):
    """``keys/witness.seeds``: an Ed25519 and an ML-DSA-44 cosigning key."""

    v: V1
    name: str
    ed25519: Bytes32
    mldsa44: Bytes32


S = TypeVar("S", RelaySeeds, WitnessSeeds)


@dataclass(frozen=True, slots=True)
class RelayKeys:
    """What the relay signs with."""

    identity: SigningKey
    key_log: Secret  # Ed25519 seed
    message_log: Secret
    certificate: Certificate


def make_relay_seeds(suite: SuiteId, entropy: Entropy) -> RelaySeeds:
    """Return fresh seeds."""
    return RelaySeeds(
        v=1,
        suite=suite,
        identity=entropy(SUITES[suite].signature_seed),
        key_log=entropy(32),
        message_log=entropy(32),
        tls=entropy(32),
    )


def make_witness_seeds(name: str, entropy: Entropy) -> WitnessSeeds:
    """Return fresh seeds of the witness ``name``."""
    return WitnessSeeds(v=1, name=name, ed25519=entropy(32), mldsa44=entropy(32))


def relay_keys(seeds: RelaySeeds, entropy: Entropy) -> RelayKeys:
    """Return the keys that ``seeds`` make."""
    return RelayKeys(
        identity=SigningKey.from_seed(seeds.suite, Secret(seeds.identity)),
        key_log=Secret(seeds.key_log),
        message_log=Secret(seeds.message_log),
        certificate=make_certificate(Secret(seeds.tls), serial=entropy(SERIAL)),
    )


def save(home: Home, seeds: RelaySeeds | WitnessSeeds) -> None:
    """Write the seeds; a crash leaves a home without keys, to be made again.

    Raises:
        ConfigError: there are keys already; they are never overwritten.
    """
    path = _path(home, type(seeds))
    if path.exists():
        raise ConfigError(f"{path}: there already")
    write_atomic(path, encode(seeds))


def load_relay(home: Home) -> RelaySeeds:
    """Return the relay's seeds.

    Raises:
        ConfigError: not there, readable by others, or not a seeds file.
    """
    return load_seeds(_path(home, RelaySeeds), RelaySeeds)


def load_witness(home: Home) -> WitnessSeeds:
    """Return the witness's seeds.

    Raises:
        ConfigError: not there, readable by others, or not a seeds file.
    """
    return load_seeds(_path(home, WitnessSeeds), WitnessSeeds)


def _path(home: Home, of: type) -> Path:
    return home.keys / (RELAY_SEEDS if of is RelaySeeds else WITNESS_SEEDS)


def load_seeds(path: Path, of: type[S]) -> S:
    """Return the seeds in a file.

    Raises:
        ConfigError: not there, readable by others, or not a seeds file.
    """
    try:
        if path.stat().st_mode & 0o077:
            raise ConfigError(f"{path}: others may read it; make it 0600")
        return decode(path.read_bytes(), of)
    except FileNotFoundError:
        raise ConfigError(f"{path}: not there; `init` makes it") from None
    except MalformedError:
        raise ConfigError(f"{path}: not a seeds file") from None
