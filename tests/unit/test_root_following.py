"""What follows a founding: the next root, the extension, and reading what is there."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import structs

from client.operator.fingerprint import bytes_of, short_words
from client.operator.rootfile import read_chain, read_root
from crypto.types import Digest
from protocol.codec import encode
from protocol.key_log_entry import LeafKind, read_leaf, read_signed
from protocol.root import EXTENSION
from protocol.signed import Signed
from protocol.trusted_root import extend, follow
from tests.support.ceremony import (
    HOLDERS,
    WORD,
    Room,
    key_file,
    on_board,
    relay_file,
    witness_file,
)
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


# --- what follows


def test_holders_and_operators_change_by_the_old_and_the_new(founded: Room) -> None:
    root = read_root(founded.file("root.cbor"))
    told(founded.as_holder("h4", "holder", "--name", "h4", word=WORD))
    going = root.document.root_keys[0].parsed().id
    anna = root.document.operators[0].parsed().id
    dirk = key_file(founded.file("dirk.json"), "operator/dirk")
    said = told(
        founded.draw_up_next(
            *("--drop-holder", " ".join(short_words(going).split()[:3])),
            *("--add-holder", founded.public("h4")),
            *("--drop-operator", anna.hex()[:12], "--add-operator", dirk),
        )
    )
    assert f"- holder {short_words(going)}" in said
    assert f"- operator {short_words(anna)}" in said
    short = told(founded.succeed("h2", "h4"), 3)  # of the old only one
    assert "1 of 2" in short
    told(founded.succeed("h1", "h2", "h4"))
    leaves, roots = read_chain(founded.file("root-next.cbor"))
    assert [one.document.version for one in roots] == [1, 2]
    assert roots[1].past == {root.digest, roots[1].digest}
    assert founded.file("leaf").read_bytes() == leaves[1]
    entry = read_leaf(leaves[1])
    assert entry.kind is LeafKind.ROOT
    assert follow(root, read_signed(entry.body)).digest == roots[1].digest


def test_relay_witness_and_numbers_change(founded: Room) -> None:
    old = read_root(founded.file("root.cbor")).document
    moved = witness_file(founded.file("w1-new.json"), "w1", keys="w1/2")
    fourth = witness_file(founded.file("w4.json"), "w4")
    relay = relay_file(founded.file("relay-2.json"), "relay/2", tls=7)
    told(
        founded.draw_up_next(
            *("--relay", relay, "--address", "nieuw.example:8443"),
            *("--witness", moved, "--drop-witness", "w3"),
            *("--quorum", 2, "--emergency", 3, "--days", 300),
        )
    )
    new = founded.document()
    assert new.relay.tls_pin == bytes([7] * 32)
    assert new.relay.addresses == ("wss://nieuw.example:8443",)
    assert new.key_log == old.key_log
    first, second = new.witnesses.witnesses
    assert (first.name, first.address) == ("w1", "https://w1")
    assert first.mldsa44 != old.witnesses.witnesses[0].mldsa44
    assert second == old.witnesses.witnesses[1]
    assert new.emergency_threshold == 3
    told(founded.draw_up_next("--address", "ander.example:8443"))
    assert founded.document().relay.key == old.relay.key
    assert founded.document().relay.addresses == ("wss://ander.example:8443",)
    assert "--witness-url" in told(founded.draw_up_next("--witness", fourth), 2)
    one_url = ("--witness", fourth, "--witness-url", "https://w4")
    told(founded.draw_up_next(*one_url, "--organisation", "NCSC"))
    assert founded.document().witnesses.witnesses[-1].organisation == "NCSC"
    urls = ("--witness", moved, *one_url)
    assert "--witness-url" in told(founded.draw_up_next(*urls), 2)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (("--drop-holder", "lusab babad gutih"), "No key begins"),
        (("--drop-holder", "lusab"), "three words"),
        (("--drop-operator", "zzz"), "No key begins"),
        (("--drop-witness", "w9"), "no witness w9"),
        (("--drop-witness", "w1"), None),
        (("--quorum", "3"), None),
        (("--threshold", "1"), "2 in earnest"),
    ],
)
def test_what_cannot_change_is_said(
    founded: Room, change: tuple[str, str], why: str | None
) -> None:
    said = told(founded.draw_up_next(*change), 2 if why else 0)
    assert why is None or why in said


def test_a_next_document_is_not_signed_without_the_one_before(founded: Room) -> None:
    told(founded.draw_up_next())
    assert "in force now" in told(founded.try_sign("h1"), 2)
    root = ("--root", founded.file("root.cbor"))
    files = [founded.sign(holder, *root) for holder in HOLDERS[:2]]
    assert "in force now" in told(founded.gather(*files), 2)
    for more in (("--leaf", founded.file("leaf")), ("--out", founded.file("o"))):
        said = told(founded.as_holder("h1", "import", *files, *root, *more), 2)
        assert "--leaf" in said
    told(founded.succeed("h1", "h2"))
    founded.file("root.cbor").write_bytes(founded.file("root-next.cbor").read_bytes())
    assert "in force now" in told(founded.try_sign("h1", *root), 2)  # it is version 2


@pytest.mark.parametrize(
    "odd", [{"realm": "koerier-demo"}, {"prev": Digest(bytes(32))}, {"version": 3}]
)
def test_a_document_that_does_not_follow_is_not_signed(
    founded: Room, odd: dict[str, object]
) -> None:
    told(founded.draw_up_next())
    changed = structs.replace(founded.document(), **odd)
    carrier = Signed(document=encode(changed), signatures=())
    founded.file("document").write_bytes(encode(carrier))
    said = told(founded.try_sign("h1", "--root", founded.file("root.cbor")), 2)
    assert "does not follow" in said


def test_an_extension_is_made_ahead_and_gives_thirty_days_once(founded: Room) -> None:
    root = read_root(founded.file("root.cbor"))
    current = ("--root", founded.file("root.cbor"))
    said = told(
        founded.as_holder(
            "h1",
            *("extension", *current, "--reason", "houders niet bijeen"),
            *("--out", founded.file("document"), "--transcript", founded.minutes),
        )
    )
    assert "Emergency extension of version 1" in said
    assert "in force now" in told(founded.try_sign("h2"), 2)
    files = [founded.sign(holder, *current) for holder in ("h2", "h3")]
    line = ("import", *files, *current, "--leaf", founded.file("leaf"))
    assert "1 of 2" in told(
        founded.as_holder(
            "h1", *("import", files[0], *current, "--leaf", founded.file("leaf"))
        ),
        3,
    )
    refused = founded.as_holder("h1", *line, "--out", founded.file("o"))
    assert "alone" in told(refused, 2)
    facts = json.loads(told(founded.as_holder("h1", *line, "--json")))
    assert facts["extension"] is True
    assert facts["signatures"] == 2
    told(founded.as_holder("h1", *line))
    entry = read_leaf(founded.file("leaf").read_bytes())
    assert entry.kind is LeafKind.EXTENSION
    extended = extend(root, read_signed(entry.body))
    assert extended.expires == root.expires + EXTENSION


# --- reading


def test_the_file_is_compared_with_the_paper(founded: Room) -> None:
    file = founded.file("root.cbor")
    paper = on_board(file)
    line = ("verify", file, "--hash")
    assert "Version 1" in told(founded.as_holder("h1", *line, paper))
    digest = read_root(file).digest
    assert bytes_of(paper.upper().replace(" ", "-")) == digest
    assert json.loads(told(founded.as_holder("h1", *line, digest.hex(), "--json"))) == {
        "version": 1,
        "newest": 1,
    }
    for wrong in (paper[:-1] + ("b" if paper[-1] != "b" else "d"), "xx", ""):
        assert "not the root" in told(founded.as_holder("h1", *line, wrong), 6)
    told(founded.draw_up_next())
    told(founded.succeed("h1", "h3"))
    both = ("verify", founded.file("root-next.cbor"), "--hash", paper)
    assert "newest in this file is 2" in told(founded.as_holder("h1", *both))


def test_a_file_shows_its_versions_and_how_long_they_last(founded: Room) -> None:
    told(founded.draw_up_next("--days", 80))
    told(founded.succeed("h1", "h3"))
    file = founded.file("root-next.cbor")
    said = told(founded.as_holder("h1", "show", file))
    assert re.search("(79|80) more days", said)  # the clock may tick
    assert on_board(file) in said
    assert on_board(founded.file("root.cbor")) in said
    first, second = json.loads(told(founded.as_holder("h1", "show", file, "--json")))
    assert (first["version"], first["ending"]) == (1, "far")
    assert (second["version"], second["ending"]) == (2, "quarter")
    assert second["words"] == on_board(file)
    founded.file("x").write_bytes(b"x")
    assert "no root" in told(founded.as_holder("h1", "show", founded.file("x")), 2)


@pytest.mark.parametrize("lang", ["nl", "en"])
@pytest.mark.parametrize("ceremony", ["founding", "rotation", "extension"])
def test_a_checklist_has_a_box_for_every_step(
    room: Room, lang: str, ceremony: str
) -> None:
    line = ("checklist", ceremony, "--holders", 4, "--threshold", 3)
    said = told(room.as_holder("h1", *line, lang=lang)).splitlines()
    boxes = [row for row in said if row.startswith("[ ]")]
    found = json.loads(told(room.as_holder("h1", *line, "--json", lang=lang)))
    assert [row[8:] for row in boxes] == found["steps"]
    assert len(boxes) > 6
    assert "koerier root" in " ".join(boxes)
