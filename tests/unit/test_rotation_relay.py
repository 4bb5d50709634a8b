"""The relay under another root document: what it signs with, and when."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from crypto.notekey import NoteAlgorithm
from crypto.suite import SuiteId
from crypto.types import Digest
from protocol.codec import decode
from protocol.errors import ChainError, VerificationError
from protocol.handshake import DayKey
from protocol.key_log_entry import LeafKind, signed_leaf
from protocol.requests import LogName
from protocol.root import LogKey, RelayIdentity, RootDocument
from protocol.root_file import write_roots
from protocol.signed import Signed, carried
from protocol.trusted_log import TrustedLog
from server import keyring
from server.cli import main
from server.config import ConfigError, Home, RelayConfig
from server.init import init_relay, rotate_relay
from server.keyring import RelayRing, finish_relay, load_relay_ring, seed_files
from server.keys import make_relay_seeds
from server.services.day_key import Offered
from server.services.directory import Directory
from server.services.logs import _root_in
from tests.support.keys import drawn, signing_key, stretched
from tests.support.ministry import Ministry, ministry
from tests.support.relay import RunningRelay, running
from tests.support.successor import next_root, rekeyed
from tests.support.witnesses import log_key, note_key


def ring_of(relay: RunningRelay) -> RelayRing:
    return relay.parts.checkpoints._signing.ring  # noqa: SLF001 -- as its wiring has it


def more_keys(ring: RelayRing) -> None:
    """Give the relay its second keys too."""
    ring.notes = {
        log: [*keys, note_key(f"{name}/2", NoteAlgorithm.ED25519)]
        for (log, keys), name in zip(
            ring.notes.items(), ("key", "message"), strict=True
        )
    }
    ring.identities = [*ring.identities, signing_key(SuiteId.S1, "relay/2")]


def other_identity(people: Ministry) -> RelayIdentity:
    old = people.directory.root.document.relay
    key = carried(signing_key(SuiteId.S1, "relay/2"))
    return RelayIdentity(key=key, tls_pin=old.tls_pin, addresses=old.addresses)


async def grown(relay: RunningRelay, leaf: bytes) -> None:
    """Log a leaf, and wait until it is published."""
    await relay.parts.relay.logs.append(leaf)
    await relay.published(LogName.KEY, relay.parts.relay.logs.size(LogName.KEY))


def day_key_of(offered: Offered) -> DayKey:
    return decode(offered.signed.day_key, DayKey)


def adopts(people: Ministry, note: bytes, key: LogKey) -> int:
    policy = people.directory.root.document.witnesses
    return TrustedLog(key, policy).adopt(note, ()).size


async def test_both_keys_of_a_log_sign_so_that_old_and_new_readers_believe(
    tmp_path: Path,
) -> None:
    people = ministry()
    async with running(tmp_path, people) as relay:
        await relay.published(LogName.KEY, len(people.leaves))
        before = relay.parts.relay.logs.last(LogName.KEY).note
        with pytest.raises(VerificationError):
            adopts(people, before, rekeyed("key"))
        more_keys(ring_of(relay))
        await grown(relay, next_root(people, key_log=rekeyed("key")))
        note = relay.parts.relay.logs.last(LogName.KEY).note
        for key in (log_key("key"), rekeyed("key")):
            assert adopts(people, note, key) == len(people.leaves) + 1


async def test_a_root_with_keys_that_we_lack_is_not_logged_and_later_found(
    tmp_path: Path,
) -> None:
    people = ministry()
    lacking: Sequence[bytes] = (
        next_root(people, key_log=rekeyed("key")),
        next_root(people, message_log=rekeyed("message")),
        next_root(people, relay=other_identity(people)),
    )
    async with running(tmp_path, people) as relay:
        logs = relay.parts.relay.logs
        size = logs.size(LogName.KEY)
        for leaf in lacking:
            with pytest.raises(ChainError, match="does not have"):
                await logs.append(leaf)
        assert logs.size(LogName.KEY) == size
        ring = ring_of(relay)

        def again() -> RelayRing:
            found = RelayRing(ring.identities, ring.notes)
            more_keys(found)
            return found

        ring.again = again  # the files that `rotate` wrote meanwhile
        await grown(relay, lacking[0])
        assert logs.announced.key_log == rekeyed("key")


async def test_who_connects_meets_the_new_identity_when_witnesses_have_it(
    tmp_path: Path,
) -> None:
    people = ministry()
    for name in ("silent", "seen"):
        (tmp_path / name).mkdir()
    leaf = next_root(people, relay=other_identity(people))
    new = signing_key(SuiteId.S1, "relay/2").id
    async with running(tmp_path / "silent", people, witnesses=()) as relay:
        services = relay.parts.relay
        more_keys(ring_of(relay))
        await services.logs.append(leaf)
        assert services.directory.root.version == 2
        assert services.logs.announced.version == 1  # nobody could find it yet
        offered = services.day_keys.current(services.logs.announced)
        assert day_key_of(offered).relay == people.relay.id
    async with running(tmp_path / "seen", people) as relay:
        services = relay.parts.relay
        more_keys(ring_of(relay))
        told: list[RootDocument] = []
        services.logs.on_announced(told.append)
        first = services.day_keys.current(services.logs.announced)
        assert services.day_keys.current(services.logs.announced) is first
        await grown(relay, leaf)
        assert [root.version for root in told] == [2]
        offered = services.day_keys.current(services.logs.announced)
        assert day_key_of(offered).relay == new


def test_the_root_at_each_size_is_found_after_a_start() -> None:
    people = ministry()
    first = len(people.leaves)
    people.log(next_root(people))
    people.follow(signed_leaf(LeafKind.ROOT, Signed(document=b"x", signatures=())))
    people.log(next_root(people))
    directory = Directory.founded(people.leaves, people.now)
    assert [index for index, _ in directory.roots] == [0, first, first + 2]
    versions = [directory.root_at(size).version for size in range(first + 4)]
    assert versions == [1] * (first + 1) + [2] * 2 + [3]


# --- files


def home_of(folder: Path) -> Home:
    home = Home(folder / "relay")
    made = make_relay_seeds(SuiteId.S1, drawn("init"))
    init_relay(home, RelayConfig(), drawn("tls"), name="relay.example", seeds=made)
    return home


def test_only_what_is_rotated_is_another(tmp_path: Path) -> None:
    home = home_of(tmp_path)
    first = json.loads((home.path / "relay-public.json").read_text())
    changes = {
        "identity": {"identity"},
        "log": {"key_log", "message_log"},
        "tls": {"tls_pin"},
    }
    public = last = first
    for number, (part, fields) in enumerate(changes.items()):
        public = dict(rotate_relay(home, [part], drawn(f"next/{number}")))
        assert {name for name in public if public[name] != last[name]} == fields
        last = public
    assert public["key_log"]["origin"] == first["key_log"]["origin"]
    names = [path.name for path in seed_files(home, "relay")]
    assert names == ["relay.seeds", *(f"relay-{n}.seeds" for n in (2, 3, 4))]
    assert all(path.stat().st_mode & 0o077 == 0 for path in seed_files(home, "relay"))
    for number in range(5, 12):
        rotate_relay(home, ["tls"], drawn(f"more/{number}"))
    assert seed_files(home, "relay")[-1].name == "relay-11.seeds"  # by number
    assert len(load_relay_ring(home, drawn("x")).identities) == 11
    (home.keys / "relay-x.seeds").write_bytes(b"not ours")
    assert len(seed_files(home, "relay")) == 11


def under(ring: RelayRing, people: Ministry, number: int) -> RootDocument:
    """Return a root document that names the keys of one set."""
    old = people.directory.root.document
    relay = RelayIdentity(
        key=carried(ring.identities[number]),
        tls_pin=Digest(ring.certificates[number].pin),
        addresses=old.relay.addresses,
    )
    keys, messages = (ring.notes[log][number].public for log in LogName)
    return RootDocument(
        **{
            **{name: getattr(old, name) for name in old.__struct_fields__},
            "relay": relay,
            "key_log": LogKey("relay.example/keys", keys),
            "message_log": LogKey("relay.example/messages", messages),
        }
    )


def test_old_keys_are_put_away_when_the_root_names_the_last(tmp_path: Path) -> None:
    home, people = home_of(tmp_path), ministry()
    rotate_relay(home, ["identity", "log", "tls"], drawn("next"))
    ring = load_relay_ring(home, drawn("x"))
    first, second = (under(ring, people, number) for number in (0, 1))
    for root in (first, second):
        assert not ring.lacks(root)
        assert ring.identity(root).public == root.relay.key.public
        assert ring.certificate(root).pin == root.relay.tls_pin
    with pytest.raises(ConfigError, match="last keys yet"):
        finish_relay(home, first, drawn("x"))
    assert len(seed_files(home, "relay")) == 2
    assert finish_relay(home, second, drawn("x")) == 1
    assert [path.name for path in seed_files(home, "relay")] == ["relay-2.seeds"]
    left = load_relay_ring(home, drawn("x"))
    left.require(second)
    with pytest.raises(ConfigError, match="another relay"):
        left.require(first)
    assert finish_relay(home, second, drawn("x")) == 0
    assert rotate_relay(home, ["tls"], drawn("y"))
    assert seed_files(home, "relay")[-1].name == "relay-3.seeds"


def test_a_pin_that_we_have_no_certificate_for_is_lacking(tmp_path: Path) -> None:
    ring = load_relay_ring(home_of(tmp_path), drawn("x"))
    root = under(ring, ministry(), 0)
    other = RelayIdentity(
        key=root.relay.key,
        tls_pin=Digest(stretched("pin", 32)),
        addresses=root.relay.addresses,
    )
    fields = {name: getattr(root, name) for name in root.__struct_fields__}
    assert ring.lacks(RootDocument(**{**fields, "relay": other}))


def test_the_command_makes_the_next_keys_and_puts_old_ones_away(tmp_path: Path) -> None:
    home, people = home_of(tmp_path), ministry()
    where = ["--home", str(home.path)]

    def typed(*line: str) -> tuple[int, str]:
        done = CliRunner().invoke(main, ["rotate", *where, *line])
        return done.exit_code, done.output

    status, said = typed("--what", "tls", "--what", "log")
    assert status == 0
    assert json.loads(said)["format"] == "koerier-relay-public/1"
    assert (home.path / "relay-next-public.json").exists()
    root = tmp_path / "root.cbor"
    root.write_bytes(write_roots(people.leaves[:1]))
    assert typed()[0] == 2
    assert typed("--finish")[0] == 2
    assert typed("--finish", "--root", str(root), "--what", "tls")[0] == 2
    status, said = typed("--finish", "--root", str(root))  # of another relay
    assert status == 2
    assert "last keys yet" in said
    assert typed("--finish", "--root", str(home.path / "relay.toml"))[0] == 2
    (home.keys / "relay.seeds").unlink()
    (home.keys / "relay-2.seeds").unlink()
    assert typed("--what", "tls")[0] == 2
    with pytest.raises(ConfigError, match="not there"):
        keyring.load_relay_ring(home, drawn("x"))


def test_a_leaf_that_is_no_root_needs_no_keys() -> None:
    people = ministry()
    assert _root_in(b"x") is None
    assert _root_in(people.leaves[1]) is None
    assert _root_in(people.leaves[0]) == people.directory.root.document
    odd = signed_leaf(LeafKind.ROOT, Signed(document=b"x", signatures=()))
    assert _root_in(odd) is None
