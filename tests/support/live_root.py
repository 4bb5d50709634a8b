"""The next root document of a live ministry, by the commands that its holder types.

::

    ceremony = Ceremony(live)
    leaf = ceremony.prepared("--relay", next_relay(live, "log"))
    ceremony.logged(leaf)
    ceremony.followed()
"""

from collections.abc import Sequence
from pathlib import Path

from client.demo.ministry import POST, TFC, Unit
from client.demo.processes import command, run, run_json
from client.operator.fingerprint import short_words
from client.operator.keyfile import read_public
from client.operator.rootfile import read_root
from protocol.root import RootDocument
from tests.support.live import Live, until


class Ceremony:
    """The holder of a live ministry, and what the others give them."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self.folder = live.ministry.folder
        self.home = self.folder / "root" / "holder-1"
        self.root = self.folder / "root.cbor"
        self.version = 1

    @property
    def document(self) -> RootDocument:
        return read_root(self.root).document

    def holder(self, home: Path, *line: object, word: str | None = None) -> str:
        passphrase = None
        if word is not None:
            passphrase = self.live.ministry.passphrase(word)
        typed = command("koerier", "--home", home, "root", *line)
        return run(typed, passphrase=passphrase)

    def prepared(
        self, *changes: object, holders: Sequence[tuple[Path, str]] = ()
    ) -> Path:
        """Return the leaf of the next root document, signed."""
        document, leaf = self.folder / "next.document", self.folder / "next.leaf"
        self.holder(self.home, "next", "--root", self.root, *changes, "--out", document)
        signatures = []
        for home, word in holders or [(self.home, "holder-1")]:
            out = self.folder / f"{home.name}.signature"
            signing = ("sign", document, "--root", self.root, "--out", out)
            self.holder(home, *signing, word=word)
            signatures.append(out)
        into = ("--root", self.root, "--leaf", leaf, "--out", self.root)
        self.holder(self.home, "import", *signatures, *into)
        self.version += 1
        return leaf

    def new_operator(self) -> Path:
        """Return the leaf that names a new key for an operator, instead of the old."""
        ministry = self.live.ministry
        home = ministry.folder / "operators" / "anna-2"
        run(
            command("koerier", "--home", home, "operator", "init"),
            passphrase=ministry.passphrase("anna"),
        )
        old = read_public(ministry.folder / "operators/anna/operator-public.json")
        going = short_words(old.parsed().id)
        return self.prepared(
            *("--drop-operator", going, "--add-operator", home / "operator-public.json")
        )

    def new_holder(self) -> Path:
        """Return the leaf that names another holder's key; that one signs from now."""
        new = self.folder / "root" / "holder-2"
        self.holder(new, "holder", "--name", "H. Nieuw", word="holder-2")
        old = read_public(self.home / "holder-public.json")
        going = short_words(old.parsed().id)
        leaf = self.prepared(
            *("--drop-holder", going, "--add-holder", new / "holder-public.json"),
            holders=[(self.home, "holder-1"), (new, "holder-2")],
        )
        self.home = new
        return leaf

    def new_witnesses(self) -> Path:
        """Return the leaf that names new keys of all: no quorum shares one."""
        options: list[object] = []
        for home in self.live.ministry.witnesses:
            run_json(command("koerier-witness", "rotate", "--home", home))
            options += ["--witness", home / "witness-next-public.json"]
        return self.prepared(*options)

    def new_relay(self, *what: str) -> Path:
        """Return the leaf that names new keys of the relay: of its parts ``what``."""
        return self.prepared("--relay", next_relay(self.live, *what))

    def logged(self, leaf: Path) -> int:
        relay = self.live.ministry.relay
        printed = run(command("koerier-relay", "append", "--home", relay, leaf))
        return int(printed.split()[-1])

    def followed(self, *units: Unit) -> None:
        for unit in units or (TFC, POST):
            until(lambda unit=unit: self._version(unit) == self.version, unit.post)  # type: ignore[misc]

    def _version(self, unit: Unit) -> int | None:
        root = self.live.ask(unit, "checkup")["root"]
        return None if root is None else int(root["version"])


def next_relay(live: Live, *what: str, suite: int | None = None) -> Path:
    """Let the running relay make its next keys; return their public half."""
    parts = [word for part in what for word in ("--what", part)]
    if suite is not None:
        parts += ["--suite", str(suite)]
    run_json(command("koerier-relay", "rotate", "--home", live.ministry.relay, *parts))
    return live.ministry.relay / "relay-next-public.json"


def checked(live: Live) -> None:
    """Everybody's own checker finds nothing."""
    assert live.check().returncode == 0
    for home in live.ministry.witnesses:
        run(command("koerier-witness", "check", "--home", home))
