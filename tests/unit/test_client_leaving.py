"""A member leaves a terminal: no way in is left to them, and nothing else is lost."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from client.home import HomeError
from client.operator.addition import (
    AdditionRequest,
    Position,
    addition_proposal,
    invite_addition,
)
from client.vault.locked import (
    LastError,
    WrongPassphraseError,
    of_sheet,
    unlock,
    without,
)
from client.vault.opening import VAULT_KEY
from crypto.sign import SigningKey, Usage
from crypto.types import KeyId
from protocol.codec import decode, encode
from protocol.directory_entry import Action, Revocation
from protocol.key_log_entry import LeafKind, signed_leaf
from protocol.label import Level
from protocol.receipt import Kind
from protocol.requests import LogName
from protocol.signed import sign_document
from tests.support.desk import Desk, exchange
from tests.support.fake_relay import FakeRelay
from tests.support.home_desk import HomeDesk, beside, home_desk
from tests.support.homes import ANNA, BRAM, WORDS
from tests.support.keys import drawn
from tests.support.light import LIGHT, make_light
from tests.support.ministry import HIGH, Ministry
from tests.support.typed import alone, koerier, told

DAY = 86_400


@pytest.fixture(autouse=True)
def _light(monkeypatch: pytest.MonkeyPatch) -> None:
    make_light(monkeypatch)


@pytest.fixture
def bern(hague: Ministry, relay: FakeRelay, tmp_path: Path) -> Iterator[HomeDesk]:
    """Anna and Bram, both enrolled; Bram sits."""
    with home_desk(hague, relay, tmp_path / "bern") as desk:
        desk.connect()
        desk.give_place(BRAM)
        where = decode(bytes.fromhex(desk.ask("position")["document"]), Position)
        place = invite_addition(
            where,
            Action.ADD_MEMBER,
            until=relay.now + DAY,
            entropy=drawn("invite"),
        )
        own = desk.people[BRAM].own.reveal().hex()
        asked = desk.ask(
            "member-request", addition=encode(place).hex(), name=BRAM, own=own
        )
        request = decode(bytes.fromhex(asked["document"]), AdditionRequest)
        entry = addition_proposal(request, HIGH, Level.DEP_V, expires=hague.now + DAY)
        signed = sign_document(entry, hague.pair, usage=Usage.DIR, realm=hague.realm)
        log(hague, relay, signed_leaf(LeafKind.DIRECTORY, signed))
        exchange(desk)
        desk.sit(BRAM)
        yield desk


@pytest.fixture
def tfc(hague: Ministry, bern: HomeDesk) -> Desk:
    return beside(bern, hague)


def log(hague: Ministry, relay: FakeRelay, leaf: bytes) -> None:
    hague.log(leaf)
    relay.logs[LogName.KEY].append(leaf)


def key_of(hague: Ministry, bern: HomeDesk, name: str) -> KeyId:
    return SigningKey.from_seed(hague.suite, bern.people[name].seed).id


def revoke(hague: Ministry, bern: HomeDesk, name: str) -> None:
    gone = Revocation(keys=(key_of(hague, bern, name),))
    log(hague, bern.relay, hague.entry("bern", Action.REVOKE, gone))
    exchange(bern)


def asking(bern: HomeDesk, name: str, by: str) -> dict[str, str]:
    return {"name": name, "by": by, "own": bern.people[by].own.reveal().hex()}


def state_of(bern: HomeDesk) -> tuple[bytes, list[str]]:
    """Return what must not change by a refusal."""
    rows = bern.terminal.vault.database.rows("SELECT name FROM member ORDER BY name")
    return (bern.home.keys / VAULT_KEY).read_bytes(), [name for (name,) in rows]


def waiting(bern: HomeDesk) -> dict[str, int]:
    return {one["name"]: one["waiting"] for one in bern.ask("members")}


def test_who_left_gets_in_by_nothing_and_the_archive_stays(
    hague: Ministry, bern: HomeDesk, tfc: Desk
) -> None:
    bern.sit(ANNA)
    old = tfc.write("bern", "Voor het vertrek.")
    exchange(bern, tfc)
    bern.ask("read", id=old.name.hex())
    written = bern.write("tfc", "Van Anna.")
    exchange(bern, tfc)
    bern.sit(BRAM)
    revoke(hague, bern, ANNA)
    whole = (bern.home.keys / VAULT_KEY).read_bytes()
    assert bern.ask("member-remove", **asking(bern, ANNA, BRAM)) == {
        "name": ANNA,
        "unsigned": 0,
    }
    locked = (bern.home.keys / VAULT_KEY).read_bytes()
    sheet = of_sheet(bern.people[ANNA].sheet)
    for word, is_sheet in ((WORDS[ANNA], False), (sheet, True)):
        for who in (None, ANNA):
            before = unlock(whole, word, who=who, sheet=is_sheet, floor=LIGHT)
            assert before.who == ANNA
            with pytest.raises(WrongPassphraseError):
                unlock(locked, word, who=who, sheet=is_sheet, floor=LIGHT)
    assert [one["name"] for one in bern.ask("members")] == [BRAM]
    bern.reopen(BRAM)  # the vault still opens for who stays, and holds it all
    bern.connect()
    assert "Voor het vertrek." in str(bern.ask("read", id=old.name.hex()))
    assert bern.store.record(written.name) is not None
    new = tfc.write("bern", "Na het vertrek.")
    exchange(bern, tfc)
    bern.ask("acknowledge", id=new.name.hex())
    exchange(bern, tfc)
    (said,) = [
        receipt
        for receipt in tfc.store.receipts(new.name)
        if receipt.kind == Kind.ACKNOWLEDGED
    ]
    assert said.signer == key_of(hague, bern, BRAM)
    assert bern.happened().count("member-left") == 1


def test_what_is_on_its_way_under_a_key_is_counted(bern: HomeDesk, tfc: Desk) -> None:
    bern.sit(ANNA)
    assert waiting(bern) == {ANNA: 0, BRAM: 0}
    bern.write("tfc", "Van Anna.")
    bern.write("tfc", "Nog een.")
    assert waiting(bern) == {ANNA: 2, BRAM: 0}
    exchange(bern)
    assert waiting(bern) == {ANNA: 2, BRAM: 0}  # logged, and not delivered
    exchange(bern, tfc)
    assert waiting(bern) == {ANNA: 0, BRAM: 0}
    sent = tfc.write("bern")
    exchange(bern, tfc)
    bern.machine.disconnected()
    bern.ask("acknowledge", id=sent.name.hex())
    assert waiting(bern)[ANNA] >= 1  # a receipt that nobody has yet
    bern.connect()
    exchange(bern, tfc)
    assert waiting(bern) == {ANNA: 0, BRAM: 0}


def test_a_member_whom_the_directory_has_is_not_removed(bern: HomeDesk) -> None:
    before = state_of(bern)
    refusal = bern.refused("member-remove", **asking(bern, ANNA, BRAM))
    assert refusal.code == "member.still-enrolled"
    assert state_of(bern) == before


def test_who_sits_or_types_is_not_removed(hague: Ministry, bern: HomeDesk) -> None:
    revoke(hague, bern, ANNA)
    before = state_of(bern)
    assert (
        bern.refused("member-remove", **asking(bern, BRAM, ANNA)).code
        == "member.sits-here"
    )
    bern.sit(ANNA)
    assert (
        bern.refused("member-remove", **asking(bern, BRAM, BRAM)).code
        == "member.own-place"
    )
    assert state_of(bern) == before


def test_only_an_enrolled_member_who_stays_removes_another(
    hague: Ministry, bern: HomeDesk
) -> None:
    """Else the post would be left with nobody who signs for it."""
    for name in (ANNA, BRAM):
        revoke(hague, bern, name)
    before = state_of(bern)
    refusal = bern.refused("member-remove", **asking(bern, ANNA, BRAM))
    assert refusal.code == "member.not-enrolled"
    stranger = {**asking(bern, ANNA, BRAM), "own": "00" * 32}
    assert bern.refused("member-remove", **stranger).code == "vault.no-member"
    nobody = asking(bern, "Niemand", BRAM) | {"name": "Niemand"}
    assert bern.refused("member-remove", **nobody).code == "member.nobody"
    assert state_of(bern) == before


def test_a_crash_in_between_is_finished_by_the_same_command(
    hague: Ministry, bern: HomeDesk
) -> None:
    revoke(hague, bern, ANNA)
    file = bern.home.keys / VAULT_KEY
    whole = file.read_bytes()
    file.write_bytes(without(whole, ANNA))  # the power went after this write
    assert [one["name"] for one in bern.ask("members")] == [ANNA, BRAM]
    bern.ask("member-remove", **asking(bern, ANNA, BRAM))
    assert [one["name"] for one in bern.ask("members")] == [BRAM]
    file.write_bytes(whole)  # or the row went, and an old file came back
    bern.ask("member-remove", **asking(bern, ANNA, BRAM))
    with pytest.raises(HomeError, match=r"passphrase\.wrong"):
        bern.opened(ANNA)
    refusal = bern.refused("member-remove", **asking(bern, ANNA, BRAM))
    assert refusal.code == "member.nobody"


def test_a_file_that_nobody_would_open_is_not_written(bern: HomeDesk) -> None:
    data = without((bern.home.keys / VAULT_KEY).read_bytes(), ANNA)
    with pytest.raises(LastError):
        without(data, BRAM)
    with pytest.raises(WrongPassphraseError):
        without(b"nonsense", BRAM)


def test_the_last_way_in_stays(hague: Ministry, bern: HomeDesk) -> None:
    """Somebody who sits was removed from the file by hand: it is not emptied."""
    revoke(hague, bern, ANNA)
    file = bern.home.keys / VAULT_KEY
    file.write_bytes(without(file.read_bytes(), BRAM))
    before = state_of(bern)
    refusal = bern.refused("member-remove", **asking(bern, ANNA, BRAM))
    assert refusal.code == "member.last"
    assert state_of(bern) == before


def test_receipts_that_nobody_may_sign_any_more_are_told(
    hague: Ministry, bern: HomeDesk, tfc: Desk
) -> None:
    bern.sit(ANNA)
    sent = tfc.write("bern")
    exchange(bern, tfc)
    gone = hague.restricted(tfc.post.terminal.key.id, by=[hague.operators["anna"]])
    log(hague, bern.relay, signed_leaf(LeafKind.RESTRICTION, gone))
    exchange(bern)
    bern.ask("read", id=sent.name.hex())
    bern.sit(BRAM)
    revoke(hague, bern, ANNA)
    assert waiting(bern)[ANNA] == 1
    assert bern.ask("member-remove", **asking(bern, ANNA, BRAM))["unsigned"] == 1
    owed = bern.store.owed_receipts("tfc", 9, key_of(hague, bern, ANNA))
    assert owed == []


def test_a_next_key_that_was_drawn_goes_too(hague: Ministry, bern: HomeDesk) -> None:
    own = bern.people[ANNA].own.reveal().hex()
    bern.ask("rotate", terminal=False, name=ANNA, own=own)
    revoke(hague, bern, ANNA)
    bern.ask("member-remove", **asking(bern, ANNA, BRAM))
    query = "SELECT name FROM meta WHERE name LIKE 'member.next.%'"
    assert bern.terminal.vault.database.rows(query) == []


def test_it_is_typed_by_who_stays(hague: Ministry, bern: HomeDesk) -> None:
    revoke(hague, bern, ANNA)
    bern.lock()
    line = ("terminal", "member", "remove", ANNA)
    said = told(koerier(bern.home, *line, passphrase_fd=WORDS[BRAM]))
    assert ANNA in said
    assert "backup" in said
    listed = told(alone(bern.home, "terminal", "member", "list", word=WORDS[BRAM]))
    assert ANNA not in listed
    bern.take(bern.unlocked(BRAM))
