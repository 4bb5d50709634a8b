"""Whatever a root document says is on the page that a holder reads."""

from collections.abc import Iterator

import pytest
from msgspec import structs

from client.operator.fingerprint import bytes_of, short_words, words_of
from client.operator.showing_root import root_sentences
from client.words import LANGUAGES, Words
from crypto.suite import SuiteId
from crypto.types import Digest, Mailbox, PublicKey
from protocol.directory_entry import Action
from protocol.label import Level
from protocol.policy import LevelRule, Policy
from protocol.root import (
    ArchiveKey,
    LogKey,
    OpenSuite,
    RelayIdentity,
    RootDocument,
    Threshold,
)
from protocol.signed import carried
from protocol.witness_policy import WitnessKey, WitnessPolicy
from tests.support.keys import kem_key, signing_key
from tests.support.ministry import founded

OTHER = carried(signing_key(SuiteId.S1, "another"))
ROOT = founded().directory.root.document


def archive(**changes: object) -> ArchiveKey:
    key = ArchiveKey(
        suite=SuiteId.S1,
        public=kem_key(SuiteId.S1, "archive").public,
        mailbox=Mailbox(bytes(16)),
        start=1,
        until=2,
    )
    return structs.replace(key, **changes)


def page(root: RootDocument, language: str = "en") -> list[str]:
    words = Words(language)
    return [words.say(code, **parts) for code, parts in root_sentences(root)]


def _relays(old: RelayIdentity) -> Iterator[RelayIdentity]:
    yield structs.replace(old, key=OTHER)
    yield structs.replace(old, tls_pin=Digest(bytes(32)))
    yield structs.replace(old, addresses=(*old.addresses, "wss://x.example:1"))


def _witnesses(old: WitnessPolicy) -> Iterator[WitnessPolicy]:
    first, *rest = old.witnesses
    changes: dict[str, object] = {
        "name": "w9",
        "organisation": "Iemand anders",
        "ed25519": bytes(32),
        "mldsa44": PublicKey(bytes(1312)),
        "address": "https://elders.example",
        "mirror": 1 - first.mirror,
    }
    assert changes.keys() == set(structs.asdict(first))
    for name, value in changes.items():
        changed: WitnessKey = structs.replace(first, **{name: value})
        yield structs.replace(old, witnesses=(changed, *rest))
    yield structs.replace(old, quorum=old.quorum + 1)


def _policies(old: Policy) -> Iterator[Policy]:
    for name, value in structs.asdict(old).items():
        if isinstance(value, Level):
            yield structs.replace(old, **{name: Level.STG_ZG})
        elif isinstance(value, int):
            yield structs.replace(old, **{name: value + 1})
    yield structs.replace(old, deadlines=(1, 2, 3, 4))
    yield structs.replace(old, equivalences=old.equivalences[1:])
    first: LevelRule = old.levels[0]
    for change in ({"freshness": 9}, {"second_member": 1}, {"archive": 1}):
        changed = structs.replace(first, **change)
        yield structs.replace(old, levels=(changed, *old.levels[1:]))


def variants() -> Iterator[tuple[str, object]]:
    """Yield another value for each field; some fields have several."""
    yield "version", 2
    yield "prev", Digest(bytes([1] * 32))
    yield "ministry", "Een ander"
    yield "realm", "koerier"
    yield "issued", ROOT.issued - 86_400
    yield "expires", ROOT.expires + 1
    yield "suite", SuiteId.S2
    yield "opens", (OpenSuite(SuiteId.S2, 9),)
    yield "root_keys", ROOT.root_keys[1:]
    yield "root_keys", (OTHER, *ROOT.root_keys[1:])
    yield "root_threshold", 3
    yield "emergency_threshold", 3
    yield "operators", ROOT.operators[1:]
    yield "operators", (OTHER, *ROOT.operators[1:])
    yield "thresholds", (Threshold(Action.REVOKE, 3),)
    yield "key_log", LogKey("another.example/keys", ROOT.key_log.public)
    yield "key_log", LogKey(ROOT.key_log.origin, bytes(32))
    yield "message_log", LogKey("another.example/m", ROOT.message_log.public)
    yield "message_log", LogKey(ROOT.message_log.origin, bytes(32))
    for witnesses in _witnesses(ROOT.witnesses):
        yield "witnesses", witnesses
    for relay in _relays(ROOT.relay):
        yield "relay", relay
    yield "archive", (archive(),)
    for policy in _policies(ROOT.policy):
        yield "policy", policy
    yield "min_client", "9.9.9"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_field_changes_the_page(language: str) -> None:
    before = page(ROOT, language)
    tried = {"v"}  # there is one version of the format
    for field, value in variants():
        changed = structs.replace(ROOT, **{field: value})
        assert page(changed, language) != before, field
        tried.add(field)
    assert tried == set(structs.asdict(ROOT))


def test_every_field_of_an_archive_key_changes_the_page() -> None:
    with_one = page(structs.replace(ROOT, archive=(archive(),)))
    changes: dict[str, object] = {
        "suite": SuiteId.S2,
        "public": kem_key(SuiteId.S1, "other").public,
        "mailbox": Mailbox(bytes([1] * 16)),
        "start": 0,
        "until": 3,
    }
    assert changes.keys() == set(structs.asdict(archive()))
    for field, value in changes.items():
        other = structs.replace(ROOT, archive=(archive(**{field: value}),))
        assert page(other) != with_one, field


def test_a_name_that_plays_with_the_screen_is_shown_as_what_it_is() -> None:
    odd = structs.replace(ROOT, ministry="a\x1b[2Jb")
    assert "a<U+001B>[2Jb" in page(odd)[0]


# --- hashes as words


def test_words_and_bytes_say_the_same() -> None:
    assert words_of(bytes.fromhex("7f000001")) == "lusab babad"
    for number in range(0, 1 << 16, 13):
        data = number.to_bytes(2, "big")
        assert bytes_of(words_of(data)) == data
    digest = bytes(range(32))
    assert bytes_of(words_of(digest)) == bytes_of(digest.hex()) == digest
    assert bytes_of(" " + words_of(digest).upper().replace(" ", "-")) == digest
    assert len(short_words(digest).split()) == 5


@pytest.mark.parametrize("text", ["", "lusa", "lusab baba", "lusae", "luszzb", "0x12"])
def test_what_is_neither_is_nothing(text: str) -> None:
    assert bytes_of(text) is None
