"""Rotation of each key kind during a running exchange, on real processes.

One ministry lives through all kinds, one after the other.  While the rotation's own
commands are typed, TFC and a post write to each other, at least ten messages each way;
nobody types anything else at a terminal than to open and acknowledge what came.  Every
message is readable, there once, and known at both ends to be acknowledged; the rotation
stands in the key log as both terminals adopted it, and nobody alarms.

Two kinds stand in no log: the relay's session key, which is new each day and after each
start and lives in memory only, and a member's passphrase.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from client.demo.ministry import POST, TFC
from client.net.connecting import http
from client.net.transport import QUIET
from client.net.websocket import websocket
from crypto.types import Digest
from protocol.handshake import day_key_name
from protocol.root import RootDocument
from tests.support.drills import Desktop
from tests.support.live import PASSPHRASE, Live, founded, said, until
from tests.support.live_root import Ceremony, checked
from tests.support.to_and_fro import LEAST, to_and_fro

WORDS = ("anna", "bram", "vries")
LATER = "vries-new"  # a passphrase that follows
ROOT, ENTRY = ("ROOT", None), ("DIRECTORY", "ROTATE")


@dataclass
class Town:
    """A live ministry, the shell of its people, and the holder of its root."""

    live: Live
    desktop: Desktop
    ceremony: Ceremony

    def history(self) -> list[tuple[str, str | None]]:
        """Return what both terminals say of the key log, without new prekeys."""
        line = "koerier --home terminals/tfc directory history --json"
        found = without_prekeys(self.desktop.json(line))

        def same() -> bool:
            return without_prekeys(self.live.ask(POST, "directory-history")) == found

        until(same, "both have the same history")
        return found

    def keys(self, post: str) -> frozenset[object]:
        """Return the keys of terminals and members in the directory of TFC."""
        found = self.live.ask(TFC, "directory-post", post=post)["holders"]
        return frozenset((one["kind"], one["key"]) for one in found)

    def day_key(self) -> str:
        """Return the name of the key that a hello to the relay is sealed to now."""
        pin = self.ceremony.document.relay.tls_pin
        where = f"https://{self.live.ministry.address}"

        async def asked() -> str:
            async with http(Digest(pin)) as client, websocket(client, where) as socket:
                return day_key_name(await socket.receive(QUIET))

        return asyncio.run(asked())


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("nine")
    for name in WORDS:
        (folder / f"{name}.word").write_text(f"{PASSPHRASE}\n")
    (folder / f"{LATER}.word").write_text("een heel andere zin, van later\n")
    with founded(folder) as live:
        desktop = Desktop(folder)
        yield Town(live, desktop, Ceremony(live))
        for terminal in desktop.terminals():  # the last test unlocks them by itself
            desktop.type(f"koerier --home terminals/{terminal} terminal lock || true")


def without_prekeys(history: list[dict[str, Any]]) -> list[tuple[str, str | None]]:
    """Return kind and action of each entry, all of which count."""
    assert all(one["counts"] for one in history)
    rest = (one for one in history if one["kind"] != "MANIFEST")
    return [(one["kind"], one["action"]) for one in rest]


# --- each kind: what is typed, and what is another one then

Names = Callable[[Town], frozenset[object]]


def named(leaf: Callable[[Ceremony], Path]) -> Callable[[Town], None]:
    """Return what logs the next root document, and waits until both follow it."""

    def rotated(town: Town) -> None:
        town.ceremony.logged(leaf(town.ceremony))
        town.ceremony.followed()

    return rotated


def operator(town: Town) -> None:
    """Anna has a new key; the post's rotation is signed with it afterwards."""
    named(Ceremony.new_operator)(town)
    people = town.live.ministry.folder / "operators"
    (people / "anna").rename(people / "anna-old")
    (people / "anna-2").rename(people / "anna")


def posts_own(town: Town) -> None:
    town.desktop.drill("new-keys")
    waits = town.live.post / "keys" / "terminal-next.key"
    until(lambda: not waits.exists(), "gone over")


def session(town: Town) -> None:
    town.live.kill_relay()
    town.live.start_relay()
    town.live.reachable((TFC, POST))


def passphrase(town: Town) -> None:
    town.desktop.type(
        'koerier --home terminals/post terminal passphrase --member "A. de Vries"'
        f" --passphrase-fd 3 --new-passphrase-fd 4 3< vries.word 4< {LATER}.word"
    )


def opens(town: Town) -> frozenset[str]:
    """Return which passphrases seat the member at the post's terminal."""
    unlock = "koerier --home terminals/post terminal unlock --member 'A. de Vries'"
    tried = {
        word: town.desktop.type(
            f"{unlock} --passphrase-fd 3 3< {word}.word || echo refused"
        )
        for word in ("vries", LATER)
    }
    return frozenset(word for word, told in tried.items() if "refused" not in told)


@dataclass(frozen=True)
class Kind:
    """One kind of key."""

    rotated: Callable[[Town], None]
    names: Names  # of the keys that are in force
    new: int = 1  # how many of them are others afterwards
    logged: tuple[tuple[str, str | None], ...] = (ROOT,)  # what the key log has more


def document(names: Callable[[RootDocument], frozenset[object]]) -> Names:
    return lambda town: names(town.ceremony.document)


def relay(what: str) -> Callable[[Town], None]:
    return named(lambda ceremony: ceremony.new_relay(what))


KINDS = {
    "operator": Kind(operator, document(lambda root: frozenset(root.operators))),
    "terminal-identity-and-member": Kind(
        posts_own, lambda town: town.keys("post"), new=2, logged=(ENTRY,)
    ),
    "relay-identity": Kind(
        relay("identity"), document(lambda root: frozenset({root.relay.key}))
    ),
    "log": Kind(
        relay("log"),
        document(lambda root: frozenset({root.key_log, root.message_log})),
        new=2,
    ),
    "tls": Kind(relay("tls"), document(lambda root: frozenset({root.relay.tls_pin}))),
    "witness": Kind(
        named(Ceremony.new_witnesses),
        document(
            lambda root: frozenset(one.mldsa44 for one in root.witnesses.witnesses)
        ),
        new=3,
    ),
    "root": Kind(
        named(Ceremony.new_holder), document(lambda root: frozenset(root.root_keys))
    ),
    "session": Kind(session, lambda town: frozenset({town.day_key()}), logged=()),
    "passphrase": Kind(passphrase, opens, logged=()),
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_key_kind_rotates_while_messages_go_to_and_fro(
    town: Town, kind: Kind
) -> None:
    live = town.live
    names, history = kind.names(town), town.history()
    with to_and_fro(live) as talk:
        kind.rotated(town)
    talk.settled()
    assert talk.messages >= 2 * LEAST
    after = kind.names(town)
    assert len(after - names) == len(names - after) == kind.new
    assert town.history() == [*history, *kind.logged]
    for unit in (TFC, POST):
        assert live.ask(unit, "alarms") == []


def test_whoever_comes_back_after_all_of_it_meets_only_new_keys(town: Town) -> None:
    """Nothing that an open session kept from before is needed; auditors agree."""
    live = town.live
    for unit, word in ((POST, LATER), (TFC, "anna")):
        live.lock(unit)
        home = f"koerier --home terminals/{unit.post} terminal unlock"
        town.desktop.type(f"{home} --passphrase-fd 3 3< {word}.word")
    live.reachable((TFC, POST))
    with to_and_fro(live) as talk:
        pass
    talk.settled()
    checked(live)
    verified = said(live.tfc, "audit", "verify")
    assert [log["wrong"] for log in verified] == [[], []]
    assert all(one["verdict"] != "refused" for one in verified[0]["entries"])
    for unit in (TFC, POST):
        assert live.ask(unit, "alarms") == []
