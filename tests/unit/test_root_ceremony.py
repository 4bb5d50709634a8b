"""A founding and what follows it, typed by holders who meet with their media."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from client.operator.fingerprint import short_words, words_of
from client.operator.rootfile import read_root
from crypto.sign import Realm, Usage
from crypto.suite import SuiteId
from protocol.codec import decode, encode
from protocol.label import Level
from protocol.signed import Signed, sign_document
from tests.support.ceremony import (
    Room,
    key_file,
)
from tests.support.keys import signing_key
from tests.support.light import make_light
from tests.support.typed import told


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Room:
    make_light(monkeypatch)
    return Room(tmp_path)


@pytest.fixture
def founded(room: Room) -> Iterator[Room]:
    room.found()
    yield room
    room.check_minutes()


# --- founding


def test_two_of_three_holders_found_a_ministry_in_earnest(room: Room) -> None:
    said = told(room.draw_up())
    made = room.document()
    assert made.realm == "koerier"
    assert (made.root_threshold, made.emergency_threshold) == (2, 2)
    carrier = decode(room.file("document").read_bytes(), Signed)
    assert not carrier.signatures
    words = words_of(carrier.digest)
    assert words in said
    signature = room.sign("h3")
    short = told(room.gather(room.file("document"), signature), 3)
    assert "1 of 2" in short
    for holder in ("h1", "h2"):
        (key,) = (
            key
            for key in made.root_keys
            if key.public.hex() in room.public(holder).read_text()
        )
        assert short_words(key.parsed().id) in short
    assert not room.file("root.cbor").exists()
    said = told(room.gather(room.file("document"), signature, room.sign("h1")))
    assert words in said
    assert carrier.digest.hex() in said
    root = read_root(room.file("root.cbor"))
    assert root.realm is Realm.KOERIER
    assert root.digest == carrier.digest
    minutes = room.minutes.read_text().splitlines()
    assert len(minutes) == 4  # made, signed twice, whole
    assert all(words in line for line in minutes)
    assert all(line[:4].isdecimal() and line[19] == "Z" for line in minutes)


@pytest.mark.parametrize(("lang", "asks"), [("nl", "U tekent"), ("en", "You sign")])
def test_what_is_signed_is_shown_before_the_passphrase(
    room: Room, lang: str, asks: str
) -> None:
    told(room.draw_up())
    wrong = room.as_holder(
        "h1",
        *("sign", room.file("document"), "--out", room.file("x")),
        word="iets anders",
        lang=lang,
    )
    said = told(wrong, 2)
    assert asks in said
    assert "Ministerie van Proeven" in said
    assert "relay.example:8443" in said
    assert not room.file("x").exists()


def test_a_founding_that_lets_one_decide_is_refused_and_says_why(room: Room) -> None:
    cases = {
        ("--threshold", 1): "2 in earnest",
        ("--threshold", 4): "2 in earnest",
        ("--quorum", 1): "2 organisations",
        ("--quorum", 4): "2 organisations",
        ("--emergency", 1): "2 in earnest",
        ("--operator", room.operators[0]): "own",
        ("--holder", room.operators[0]): "own",
        ("--organisation", "BZ"): "--organisation",
        ("--address", "geen adres"): "HOST:PORT",
        ("--witness", room.witnesses[0]): "--witness-url",
    }
    for number, (more, why) in enumerate(cases.items()):
        said = told(room.draw_up(*more), 2)
        assert why in said, more
        assert len(said.splitlines()) == 1, said
        assert not room.file("document").exists(), number
    one = ("--organisation", "BZ") * 3
    assert "2 organisations" in told(room.draw_up(*one), 2)
    room.operators.pop()
    assert "at least 3" in told(room.draw_up(), 2)


def test_a_demonstration_may_have_one_holder_and_signs_as_a_demonstration(
    room: Room,
) -> None:
    told(room.draw_up("--demo", "--threshold", 1, "--quorum", 1, holders=("h1",)))
    told(room.gather(room.sign("h1")))
    assert read_root(room.file("root.cbor")).realm is Realm.DEMO


def test_a_stranger_does_not_sign_and_is_not_counted(room: Room) -> None:
    told(room.draw_up(holders=("h1", "h2")))
    said = told(room.try_sign("h3"), 3)
    assert "nothing was signed" in said
    assert not room.file("h3.signature").exists()
    carrier = decode(room.file("document").read_bytes(), Signed)
    stranger = sign_document(
        carrier.document,
        [signing_key(SuiteId.S1, "x")],
        usage=Usage.ROOT,
        realm=Realm.KOERIER,
    )
    forged = room.file("forged")
    forged.write_bytes(encode(stranger))
    assert "of no holder" in told(room.gather(room.sign("h1"), forged), 2)


def test_one_holder_twice_is_one(room: Room) -> None:
    told(room.draw_up())
    file = room.sign("h1")
    again = room.file("again")
    again.write_bytes(file.read_bytes())
    assert "1 of 2" in told(room.gather(file, room.sign("h1"), again), 3)


def test_files_that_were_changed_mixed_or_cut_are_refused(room: Room) -> None:
    told(room.draw_up())
    first, second = room.sign("h1"), room.sign("h2")
    whole = second.read_bytes()
    second.write_bytes(whole[:-1])
    assert "no root-document" in told(room.gather(first, second), 2)
    second.write_bytes(whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])
    said = told(room.gather(first, second), 2)
    assert "does not hold" in said
    assert "h2.signature" in said
    told(room.draw_up("--days", 100))
    other = room.sign("h2")
    said = told(room.gather(first, other), 2)
    assert "another document" in said
    assert len(said.splitlines()) == 1
    assert not room.file("root.cbor").exists()


def test_a_document_with_another_usage_or_realm_counts_for_nothing(room: Room) -> None:
    told(room.draw_up())
    carrier = decode(room.file("document").read_bytes(), Signed)
    key = signing_key(SuiteId.S1, "holder")
    holder = key_file(room.public("h1"), "holder")
    told(room.draw_up(holders=("h1", "h2")))
    carrier = decode(room.file("document").read_bytes(), Signed)
    for usage, realm in ((Usage.DIR, Realm.KOERIER), (Usage.ROOT, Realm.DEMO)):
        signed = sign_document(carrier.document, [key], usage=usage, realm=realm)
        room.file("odd").write_bytes(encode(signed))
        assert "does not hold" in told(room.gather(room.file("odd")), 2)
    assert holder.exists()


def test_a_policy_of_its_own_stands_in_the_document(room: Room) -> None:
    rules = room.file("policy.toml")
    rules.write_text(
        'ceiling = "Stg.C"\ndeadlines = [0, 7200, 3600, 600]\nunconfirmed = 1\n'
        '[levels."Stg.C"]\nfreshness = 7200\n'
        "[[equivalences]]\n"
        'scheme = "EU"\nmarking = "RESTREINT UE/EU RESTRICTED"\nlevel = "Dep.V"\n'
    )
    told(room.draw_up("--policy", rules))
    policy = room.document().policy
    assert policy.ceiling is Level.STG_C
    assert policy.levels[Level.STG_C].freshness == 7200
    assert policy.levels[Level.STG_C].second_member == 1
    assert [row.marking for row in policy.equivalences] == [
        "RESTREINT UE/EU RESTRICTED"
    ]
    for text, status in (
        ("unconfirmde = 1\n", 2),
        ('ceiling = "Stg.X"\n', 2),
        ("epoch = 60\n", 2),  # the document would contradict itself
        ("published = 999\n", 2),
        ("ceiling =\n", 2),
        ("unconfirmed = 2\n", 0),
    ):
        rules.write_text(text)
        told(room.draw_up("--policy", rules), status)
