"""The folder of one terminal, operator or holder, and what lies where in it.

``<home>/{koerier.toml, keys/, data/, log/, run/}``; ``--home`` or KOERIER_HOME.
Unknown keys in the configuration are an error, and secrets are never in it.
"""

import os
import tomllib
from pathlib import Path
from typing import Final

import msgspec

from client.exits import Exit
from client.files import private_folder, write_atomic

CONFIG: Final = "koerier.toml"
MAX_SOCKET_PATH: Final = 100  # bytes: the systems' limits are 104 to 108


class HomeError(Exception):
    """The folder is not one of ours, or its configuration is wrong.

    ``code`` is a word's code for people (client.words); ``status`` how a command ends
    that meets it.
    """

    def __init__(self, code: str, **parts: object) -> None:
        super().__init__(code)
        self.code = code
        self.parts = parts
        self.status = Exit.INTEGRITY if code == "vault.hurt" else Exit.BAD_INPUT


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a member may set; addresses override the root document's, pins never."""

    post: str = ""
    relay: str = ""  # host:port, overrides the root document's address
    witnesses: dict[str, str] = {}  # name -> URL, instead of the root document's


class Home:
    """Paths below a home folder; making it is :meth:`create`."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()

    @classmethod
    def chosen(cls, option: str | None) -> "Home":
        """Return the home of ``--home``, else KOERIER_HOME, else ~/.koerier."""
        where = option or os.environ.get("KOERIER_HOME")
        return cls(Path(where) if where else Path.home() / ".koerier")

    @property
    def keys(self) -> Path:
        """Key files, encrypted."""
        return self.path / "keys"

    @property
    def data(self) -> Path:
        """The vault."""
        return self.path / "data"

    @property
    def run(self) -> Path:
        """What lives while a process runs."""
        return self.path / "run"

    @property
    def root_file(self) -> Path:
        """The root documents this home was founded with."""
        return self.path / "root.cbor"

    @property
    def socket(self) -> Path:
        """The agent's socket.

        Raises:
            HomeError: the path is too long for a socket's name.
        """
        path = self.run / "agent.sock"
        if len(os.fsencode(path)) > MAX_SOCKET_PATH:
            raise HomeError("home.path-too-long", limit=MAX_SOCKET_PATH)
        return path

    @property
    def door(self) -> Path:
        """Where the agent says how it is reached, on a system without sockets."""
        return self.run / "agent.port"

    @property
    def mark(self) -> Path:
        """What says that this home was zeroised (:mod:`client.vault.destroying`)."""
        return self.path / "zeroised"

    def require_whole(self) -> None:
        """Return if this home was not zeroised.

        Raises:
            HomeError: it was.
        """
        if self.mark.exists():
            raise HomeError("home.zeroised", path=self.path)

    def create(self, config: Config) -> None:
        """Make the folders and write the configuration.

        A terminal may join a home that only holds an operator's or a holder's key.

        Raises:
            HomeError: there is a terminal already, or nothing new would come.
        """
        if (self.path / CONFIG).exists() and (self.config().post or not config.post):
            raise HomeError("home.exists", path=self.path)
        for folder in (self.path, self.keys, self.data, self.run, self.path / "log"):
            private_folder(folder)
        lines = [
            f'{name} = "{value}"\n'
            for name, value in msgspec.structs.asdict(config).items()
            if isinstance(value, str)
        ]
        if config.witnesses:
            pairs = (f'"{name}" = "{url}"\n' for name, url in config.witnesses.items())
            lines += ["\n[witnesses]\n", *pairs]
        write_atomic(self.path / CONFIG, "".join(lines).encode())

    def config(self) -> Config:
        """Return the configuration.

        Raises:
            HomeError: no home here, or a key or value that is not known.
        """
        try:
            text = (self.path / CONFIG).read_text()
        except FileNotFoundError:
            raise HomeError("home.missing", path=self.path) from None
        try:
            return msgspec.convert(tomllib.loads(text), Config)
        except (tomllib.TOMLDecodeError, msgspec.ValidationError):
            raise HomeError("home.config-wrong", path=self.path / CONFIG) from None
