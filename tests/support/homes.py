"""Homes with a vault on a real disk, two members, and a clock that a test moves."""

from dataclasses import dataclass
from pathlib import Path

from client.core.rows import OUT, RecordRow
from client.files import write_atomic
from client.home import Config, Home
from client.vault.locked import relock
from client.vault.making import (
    PIN,
    POST,
    NewMember,
    draw_member,
    keep_member,
    make_vault,
)
from client.vault.opening import DATABASE, VAULT_KEY, OpenVault, open_vault
from crypto.digest import H
from crypto.suite import SuiteId
from crypto.types import MessageId, Secret
from tests.support.keys import drawn
from tests.support.light import LIGHT

ANNA, BRAM = "Anna de Vries", "Bram Jansen"
WORDS = {ANNA: "de zin van Anna", BRAM: "de zin van Bram"}
SEED = Secret(bytes(range(64)))


@dataclass
class TestClock:
    """Wall time that stands until a test moves it."""

    __test__ = False  # not a test, whatever its name begins with

    now: int = 1_800_000_000

    def wall(self) -> int:
        return self.now

    def monotonic(self) -> float:
        return float(self.now)


@dataclass
class Household:
    """One terminal's home; Anna made it, Bram joined."""

    home: Home
    clock: TestClock
    people: dict[str, NewMember]
    opened: int = 0

    @property
    def database(self) -> Path:
        return self.home.data / DATABASE

    def open(self, name: str = ANNA, word: str | None = None) -> OpenVault:
        self.opened += 1
        return open_vault(
            self.home,
            WORDS[name] if word is None else word,
            self.clock,
            drawn(f"open/{self.opened}"),
            member=name,
        )


def household(folder: Path) -> Household:
    """Return a home with a vault of two members."""
    home = Home(folder / "h")
    home.create(Config(post="bern"))
    people = {
        name: draw_member(SuiteId.S1, name, WORDS[name], drawn(name))
        for name in (ANNA, BRAM)
    }
    facts = {PIN: bytes(32), POST: b"bern"}
    make_vault(home, SEED, people[ANNA], facts, drawn("making"))
    made = Household(home, TestClock(), people)
    vault = made.open()
    bram = people[BRAM]
    with vault.store.transaction():
        keep_member(vault.database, BRAM, bram.public, bram.box(drawn("box")))
    data = (home.keys / VAULT_KEY).read_bytes()
    for person in bram.people():
        data = relock(
            data, vault.key, person, drawn(f"wrap/{person.sheet}"), floor=LIGHT
        )
    write_atomic(home.keys / VAULT_KEY, data)
    vault.close()
    return made


def plain_record(number: int, text: bytes = b"") -> RecordRow:
    """Return a row whose name is the hash of its bytes; its bytes are no record."""
    document = number.to_bytes(4, "big") + text
    return RecordRow(
        name=H(document),
        id=MessageId(number.to_bytes(16, "big")),
        way=OUT,
        type=1,
        post="bern",
        at=number,
        document=document,
    )
