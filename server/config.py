"""Configuration: one frozen TOML file per process, no secrets in it.

``relay.toml`` in the relay's home, ``witness.toml`` in a witness's.  A key that is not
known is an error: a misspelt safeguard must not be a missing one.  Addresses here
override the root document's; pins and keys never come from here.
"""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, TypeVar

import msgspec
from msgspec import Meta

MAX_PORT: Final = 65_535
MAX_SOCKET_PATH: Final = 100  # bytes: the systems' limits are 104 to 108

Listen = Annotated[str, Meta(pattern=r"\A[0-9a-zA-Z.:\[\]-]{1,255}:[0-9]{1,5}\Z")]
Url = Annotated[str, Meta(pattern=r"\Ahttps?://[!-~]{1,200}\Z")]


class ConfigError(Exception):
    """The home is not one of ours, or its file is wrong; the text says where."""


Count = Annotated[int, Meta(ge=1)]


class Quotas(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[quotas]`` of ``relay.toml``: what one post may cost the others.

    What is over is BUSY and not kept.  Outstanding is what was deposited and not yet
    acknowledged; a pair is a post that deposits and a mailbox that it is for.
    """

    post_messages: Count = 50_000  # outstanding
    post_mib: Count = 4_096
    pair_messages: Count = 5_000
    pair_mib: Count = 1_024
    post_per_minute: Count = 1_200  # deposits, all at once if need be
    pair_per_minute: Count = 300
    one_time_per_hour: Count = 60  # one-time keys of a pair; then epoch keys
    attachment_mib: Count = 1_024  # one attachment; larger is refused for good
    post_attachments_mib: Count = 8_192  # announced, and not yet with all addressees
    all_attachments_mib: Count = 65_536


class Retention(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[retention]`` of ``relay.toml``: how long what is here for nothing stays."""

    acknowledged_hours: Annotated[int, Meta(ge=0)] = 24
    undelivered_days: Count = 45  # then its depositor is told
    told_hours: Count = 24  # between being told and being dropped
    attachment_days: Count = 30  # then its depositor may send it again


class RelayConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``relay.toml``."""

    listen: Listen = "127.0.0.1:8443"
    health: Listen = "127.0.0.1:9443"  # never published
    tls: bool = True  # false: plain HTTP, behind a front or in tests
    database: str = "data/relay.sqlite"
    checkpoint_seconds: float = 1.0  # when something was logged
    witnesses: dict[str, Url] = {}  # name in the root document -> address instead
    quotas: Quotas = Quotas()
    retention: Retention = Retention()


class WitnessConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``witness.toml``."""

    listen: Listen = "127.0.0.1:8444"
    tls: bool = False  # its answers are signed; a front may add TLS
    mirror: bool = True  # store every entry before cosigning


C = TypeVar("C", RelayConfig, WitnessConfig)


def load(path: Path, of: type[C]) -> C:
    """Return the configuration in ``path``.

    Raises:
        ConfigError: not there, not TOML, an unknown key or a value out of range.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{path}: not there; `init` makes it") from None
    try:
        return msgspec.convert(tomllib.loads(text), of)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"{path}: {error}") from None


def dump(config: RelayConfig | WitnessConfig) -> bytes:
    """Return ``config`` as TOML: what `init` writes, every key with its value."""
    lines = []
    tables = []
    for name, value in msgspec.structs.asdict(config).items():
        if isinstance(value, msgspec.Struct):
            fields = msgspec.structs.asdict(value).items()
            pairs = [f"{key} = {_toml(item)}" for key, item in fields]
            tables += ["", f"[{name}]", *pairs]
        elif isinstance(value, dict):
            pairs = [f'"{key}" = {_toml(item)}' for key, item in value.items()]
            tables += ["", f"[{name}]", *pairs]
        else:
            lines.append(f"{name} = {_toml(value)}")
    return "\n".join([*lines, *tables, ""]).encode()


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # The patterns above allow nothing that TOML would want escaped but these.
        return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'
    return str(value)


def split_address(listen: str) -> tuple[str, int]:
    """Return host and port of ``host:port``; ``[::1]:8443`` is IPv6.

    Raises:
        ConfigError: not of this form, or no such port.
    """
    host, _, port = listen.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > MAX_PORT:
        raise ConfigError(f"{listen!r}: where to listen is HOST:PORT")
    return host.strip("[]"), int(port)


@dataclass(frozen=True, slots=True)
class Home:
    """Paths below the home folder of a relay or a witness."""

    path: Path

    @property
    def keys(self) -> Path:
        """Seeds and the TLS key, 0600."""
        return self.path / "keys"

    @property
    def data(self) -> Path:
        """What must survive."""
        return self.path / "data"

    @property
    def run(self) -> Path:
        """What lives while the process runs."""
        return self.path / "run"

    @property
    def roots(self) -> Path:
        """The chain of root documents, first to newest."""
        return self.path / "root.cbor"

    @property
    def address(self) -> Path:
        """Where the process listens, written when it does."""
        return self.run / "address"

    @property
    def health(self) -> Path:
        """Where health and metrics are answered, written when they are."""
        return self.run / "health"

    @property
    def socket(self) -> Path:
        """The admin socket.

        Raises:
            ConfigError: the path is too long for a socket's name.
        """
        path = self.run / "admin.sock"
        if len(bytes(path)) > MAX_SOCKET_PATH:
            raise ConfigError(f"{path}: over {MAX_SOCKET_PATH} bytes")
        return path

    def create(self) -> None:
        """Make the folders, for their owner only."""
        for folder in (self.path, self.keys, self.data, self.run):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
