"""A terminal in a home on a disk, with its vault, members and commands."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from client.agent.terminal import OpenTerminal
from client.cli.vault import add_people
from client.core.seeds import Seeds
from client.exits import AgentRefusal
from client.home import Config, Home
from client.vault.locked import Unlocked
from client.vault.making import PIN, POST, NewMember, draw_member, make_vault
from client.vault.opening import open_vault, try_passphrase
from crypto.entropy import Entropy
from crypto.suite import SUITES
from crypto.types import Secret
from protocol.key_log_entry import read_leaf
from tests.support.desk import Desk, exchange
from tests.support.fake_relay import FakeRelay
from tests.support.homes import ANNA, BRAM, WORDS, TestClock
from tests.support.keys import drawn, stretched
from tests.support.ministry import Ministry


class HomeDesk(Desk):
    """A desk whose vault lies in a home; its first member is ANNA."""

    def __init__(
        self, ministry: Ministry, relay: FakeRelay, folder: Path, post: str = "bern"
    ) -> None:
        self.home = Home(folder)
        self.clock = TestClock(relay.now)
        self.openings = 0
        self.people: dict[str, NewMember] = {}
        if not (folder / "root.cbor").exists():
            self._make(ministry, post)
        self.terminal = self.unlocked(ANNA)
        super().__init__(ministry, ministry.posts[post], relay)
        self.take(self.terminal)

    def _make(self, ministry: Ministry, post: str) -> None:
        self.home.create(Config(post=post))
        self.home.root_file.write_bytes(read_leaf(ministry.leaves[0]).body)
        size = SUITES[ministry.suite].signature_seed
        seeds = {
            name: Secret(stretched(f"sign/{post}/{name}", size))
            for name in ("t1", "m1")
        }
        first = draw_member(ministry.suite, ANNA, WORDS[ANNA], drawn("first"))
        public = ministry.posts[post].member.public
        first = replace(first, seed=seeds["m1"], public=public)
        facts = {PIN: ministry.directory.root.digest, POST: post.encode()}
        make_vault(self.home, seeds["t1"], first, facts, drawn("making"))
        self.people[ANNA] = first

    def unlocked(self, name: str, word: str | None = None) -> OpenTerminal:
        self.openings += 1
        entropy = drawn(f"{self.home.path.name}/{self.openings}")
        typed = WORDS[name] if word is None else word
        vault = open_vault(self.home, typed, self.clock, entropy, member=name)
        return OpenTerminal(self.home, vault, self.clock, entropy)

    def take(self, terminal: OpenTerminal) -> None:
        """Go on with this open terminal."""
        self.effects.clear()
        self.terminal = terminal
        self.machine = terminal.machine
        self.store = terminal.vault.store
        self.seeds: Seeds = terminal.vault.sheet  # type: ignore[assignment]

    def lock(self) -> None:
        self.terminal.close()

    def reopen(self, name: str = ANNA, word: str | None = None) -> None:
        """Lock, and unlock for ``name``."""
        self.lock()
        self.take(self.unlocked(name, word))

    # --- commands

    def ask(self, method: str, **arguments: Any) -> Any:  # noqa: ANN401 -- JSON
        self.clock.now = self.relay.now
        answer, effects = self.terminal.answer(method, arguments)
        self.effects.extend(effects)
        return answer

    def refused(self, method: str, **arguments: Any) -> AgentRefusal:  # noqa: ANN401 -- JSON
        with pytest.raises(AgentRefusal) as refused:
            self.ask(method, **arguments)
        return refused.value

    def opened(self, name: str) -> Unlocked:
        return try_passphrase(self.home, WORDS[name], self.clock, member=name)

    def sit(self, name: str) -> None:
        own = self.opened(name).own
        assert own is not None
        self.ask("seat", name=name, own=own.reveal().hex())

    def give_place(self, name: str = BRAM) -> NewMember:
        """Let ``name`` have a place, as `terminal member add` does."""
        suite = self.terminal.root.document.suite
        person = draw_member(suite, name, WORDS[name], drawn(name))
        self.ask(
            "member-add",
            name=name,
            public=person.public.hex(),
            box=person.box(drawn("box")).hex(),
        )
        shell = _Shell(self.home, drawn(f"wrap/{name}"))
        add_people(shell, self.terminal.vault.key, [*person.people()])  # type: ignore[arg-type]
        self.people[name] = person
        return person


class _Shell:
    """What `add_people` needs of a shell."""

    def __init__(self, home: Home, entropy: Entropy) -> None:
        self.home = home
        self.entropy = entropy


@contextlib.contextmanager
def home_desk(ministry: Ministry, relay: FakeRelay, folder: Path) -> Iterator[HomeDesk]:
    desk = HomeDesk(ministry, relay, folder)
    try:
        yield desk
    finally:
        desk.lock()


def beside(desk: HomeDesk, ministry: Ministry) -> Desk:
    """Return TFC in memory, connected to the desk's relay and up to date."""
    tfc = Desk(ministry, ministry.posts["tfc"], desk.relay)
    tfc.connect()
    exchange(desk, tfc)
    return tfc


def locked_desk(ministry: Ministry, folder: Path) -> HomeDesk:
    """Return Bern, synchronised once, with one message in; locked."""
    desk = HomeDesk(ministry, FakeRelay(ministry), folder)
    desk.connect()
    tfc = beside(desk, ministry)
    tfc.write("bern", "Welkom.")
    exchange(desk, tfc)
    desk.lock()
    return desk


def back_up(desk: HomeDesk, name: str = "backup") -> Path:
    """Write a backup of the desk's vault beside its home."""
    file = desk.home.path.parent / name
    answer = desk.ask("backup", file=str(file))
    assert answer["bytes"] == file.stat().st_size
    return file
