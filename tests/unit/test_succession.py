"""How a terminal finds root documents that it missed, and where it starts from then."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from aiohttp import web

from client.agent.succession import Succession, keep_roots
from client.core.alarms import Alarm
from client.core.witnesses import Said
from client.home import Config, Home
from client.net.witness import SilentError, ask_entries
from client.operator.rootfile import read_chain
from crypto.suite import SuiteId
from protocol.bulletins import Bulletins
from protocol.codec import encode
from protocol.key_log_entry import LeafKind, signed_leaf
from protocol.requests import LogName
from protocol.root import RelayIdentity
from protocol.root_file import write_roots
from protocol.signed import Signed, carried
from server.witness.web import witness_app
from tests.support.desk import Desk
from tests.support.fake_relay import FakeRelay
from tests.support.keys import signing_key
from tests.support.ministry import Ministry, ministry
from tests.support.relay import board_of, served, witness_of
from tests.support.successor import next_root, rekeyed, second_keys
from tests.support.told_log import ORIGIN, Log
from tests.support.witnesses import WITNESS_POLICY

MIRRORS = [one.address for one in WITNESS_POLICY.witnesses if one.mirror]


def moved(people: Ministry) -> RelayIdentity:
    """Return the relay with another identity."""
    old = people.directory.root.document.relay
    key = carried(signing_key(SuiteId.S1, "relay/2"))
    return RelayIdentity(key=key, tls_pin=old.tls_pin, addresses=old.addresses)


class Mirrors:
    """Answers as mirrors that hold these entries; some of them are silent."""

    def __init__(self, leaves: Sequence[bytes], silent: Sequence[str] = ()) -> None:
        self.leaves = leaves
        self.silent = silent
        self.asked: list[str] = []

    async def __call__(self, address: str, _: str, start: int) -> tuple[bytes, ...]:
        self.asked.append(address)
        if address in self.silent:
            raise SilentError("no answer")
        return tuple(self.leaves[start : start + 2])


def home_of(folder: Path, people: Ministry) -> Home:
    home = Home(folder / "home")
    home.create(Config())
    home.root_file.write_bytes(write_roots(people.leaves[:1]))
    return home


async def test_a_root_that_was_missed_says_whom_to_connect_to(tmp_path: Path) -> None:
    people = ministry()
    adopted, size = people.directory.root, people.directory.size
    home = home_of(tmp_path, people)
    entries = [
        *people.leaves,
        signed_leaf(LeafKind.ROOT, Signed(document=b"x", signatures=())),
        next_root(people, relay=moved(people), holders=1),  # too few: it is nothing
    ]
    found = Succession(home, Mirrors(entries))
    assert not await found.look(adopted, size)
    assert found.leading(adopted) is adopted
    entries.append(next_root(people, relay=moved(people)))
    mirrors = Mirrors(entries, silent=MIRRORS[:1])
    found = Succession(home, mirrors)
    assert await found.look(adopted, size)
    assert mirrors.asked[0] == MIRRORS[0]  # that one said nothing, the next one did
    leading = found.leading(adopted)
    assert leading.document.relay == moved(people)
    assert not await found.look(adopted, size)  # it is known, and not ours either
    people.follow(*entries[size:])
    assert found.leading(people.directory.root) is people.directory.root


async def test_a_root_that_leaves_the_relay_alone_explains_no_other_relay(
    tmp_path: Path,
) -> None:
    people = ministry()
    adopted, size = people.directory.root, people.directory.size
    mirrors = Mirrors([*people.leaves, next_root(people)])
    found = Succession(home_of(tmp_path, people), mirrors)
    assert not await found.look(adopted, size)


async def test_a_mirror_without_end_is_left(tmp_path: Path) -> None:
    people = ministry()
    big = bytes(300_000)

    class Endless(Mirrors):
        async def __call__(self, address: str, _: str, start: int) -> tuple[bytes, ...]:
            self.asked.append(f"{address} {start}")
            return (big,) * 400

    mirrors = Endless([])
    found = Succession(home_of(tmp_path, people), mirrors)
    assert not await found.look(people.directory.root, people.directory.size)
    assert len(mirrors.asked) == 6  # 256 MiB of each of two


async def test_entries_are_asked_of_a_real_mirror(tmp_path: Path) -> None:
    people = ministry()
    witness = witness_of(people, "w1", tmp_path)
    log = Log()
    log.grow(3)
    board = board_of(people, witness, tmp_path)
    async with served(witness_app(witness, board, asyncio.Future())) as url:
        await witness.mirror(log.push(0))
        await witness.add_checkpoint(log.request(0))
        assert await ask_entries(url, ORIGIN, 1) == tuple(log.leaves[1:])
        assert await ask_entries(url, ORIGIN, 3) == ()
        assert await ask_entries(url, "nowhere.example", 0) == ()
    witness.close()
    for address in (url, "http://witness.example"):
        with pytest.raises(SilentError):
            await ask_entries(address, ORIGIN, 0)

    async def odd(_: web.Request) -> web.Response:
        return web.Response(body=b"x")

    app = web.Application()
    app.router.add_get("/entries/{rest:.*}", odd)
    async with served(app) as url:
        with pytest.raises(SilentError):
            await ask_entries(url, ORIGIN, 0)


def test_the_home_starts_from_what_was_adopted(tmp_path: Path) -> None:
    people = ministry()
    home = home_of(tmp_path, people)
    before = home.root_file.read_bytes()
    keep_roots(home, people.directory.root, people.leaves)
    assert home.root_file.read_bytes() == before  # nothing newer
    second, odd = next_root(people), next_root(people, holders=1)
    people.follow(odd, b"junk", second)
    third = next_root(people)
    people.follow(third)
    keep_roots(home, people.directory.root, people.leaves)
    leaves, roots = read_chain(home.root_file)
    assert leaves == (people.leaves[0], second, third)
    assert roots[-1].digest == people.directory.root.digest


# --- in the core


def test_a_terminal_that_was_away_adopts_both_logs_under_the_new_root(
    hague: Ministry, relay: FakeRelay, desks: tuple[Desk, Desk]
) -> None:
    """All witnesses and both log keys are others: and the log did not grow since."""
    bern, tfc = desks
    bern.write("tfc")
    bern.run()
    leaf = next_root(
        hague,
        key_log=rekeyed("key"),
        message_log=rekeyed("message"),
        witnesses=second_keys(),
    )
    relay.logs[LogName.KEY].append(leaf)
    for log, name in ((LogName.KEY, "key/2"), (LogName.MESSAGE, "message/2")):
        relay.logs[log].signer = name
    relay.witnesses = ("w1/2", "w2/2", "w3/2")
    tfc.connect()
    assert tfc.machine.beliefs.key_log.key == rekeyed("key")
    assert tfc.machine.beliefs.message_log.size == relay.sizes[1]
    assert tfc.machine.synced
    assert not tfc.alarms()


def test_a_witness_that_has_seen_no_newer_note_is_not_odd(
    hague: Ministry, relay: FakeRelay, desks: tuple[Desk, Desk]
) -> None:
    """Its note bears the line of the log's former key."""
    bern, _ = desks
    log = relay.logs[LogName.KEY]
    old = log.checkpoint(relay.now, ("w1",))
    log.append(next_root(hague, key_log=rekeyed("key")))
    log.signer = "key/2"
    bern.connect()
    assert bern.machine.beliefs.key_log.key == rekeyed("key")
    board = encode(Bulletins(v=1, bulletins=()))
    name = WITNESS_POLICY.witnesses[0].name
    bern.machine.said(Said(name, {LogName.KEY: old}, board), relay.now)
    assert not bern.alarms()
    log.name, log.signer = "stranger", ""
    odd = log.checkpoint(relay.now, ("w1",))
    bern.machine.said(Said(name, {LogName.KEY: odd}, board), relay.now)
    assert bern.alarms() == {Alarm.WITNESS_ODD}
