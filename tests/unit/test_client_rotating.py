"""`terminal rotate`: keys that wait in the home, the request, and taking them up."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from client.home import HomeError
from client.operator.documents import RotationRequest, read_document
from client.operator.rotation import MEMBER_LIFE, OPEN, TERMINAL_LIFE
from client.operator.showing import sentences
from client.vault.locked import Unlocked
from client.vault.making import keep_terminal
from client.vault.next_keys import TERMINAL_NEXT
from client.vault.opening import TERMINAL_KEY, terminal_seed
from crypto.sign import SigningKey, Usage
from crypto.types import KeyId
from protocol.codec import decode
from protocol.directory_entry import (
    Action,
    AddedMembers,
    DirectoryEntry,
    Revocation,
    Rotation,
    Rotations,
    change_of,
)
from protocol.key_log_entry import LeafKind, signed_leaf
from protocol.requests import LogName
from protocol.signed import Signed, gather, sign_document
from tests.support import typed
from tests.support.desk import Desk, exchange
from tests.support.fake_relay import FakeRelay
from tests.support.home_desk import HomeDesk, beside, home_desk, locked_desk
from tests.support.homes import ANNA, BRAM, WORDS
from tests.support.keys import drawn
from tests.support.light import make_light
from tests.support.ministry import Ministry
from tests.support.typed import told


@pytest.fixture(autouse=True)
def _light(monkeypatch: pytest.MonkeyPatch) -> None:
    make_light(monkeypatch)


@pytest.fixture
def bern(hague: Ministry, relay: FakeRelay, tmp_path: Path) -> Iterator[HomeDesk]:
    with home_desk(hague, relay, tmp_path / "bern") as desk:
        desk.connect()
        yield desk


@pytest.fixture
def tfc(hague: Ministry, bern: HomeDesk) -> Desk:
    return beside(bern, hague)


def asked(desk: HomeDesk, *, terminal: bool = True, member: str = "") -> Signed:
    own = desk.people[member].own.reveal().hex() if member else ""
    answer = desk.ask("rotate", terminal=terminal, name=member, own=own)
    return decode(bytes.fromhex(answer["document"]), RotationRequest).proposal


def rotations(request: Signed) -> tuple[Rotation, ...]:
    change = change_of(decode(request.document, DirectoryEntry))
    assert isinstance(change, Rotations)
    return change.rotations


def new_keys(request: Signed) -> list[KeyId]:
    return [one.key.parsed().id for one in rotations(request)]


def approved(desk: HomeDesk, request: Signed) -> None:
    """Two operators add their signatures; the relay logs it."""
    hague = desk.ministry
    two = sign_document(
        request.document, hague.pair, usage=Usage.DIR, realm=hague.realm
    )
    leaf = signed_leaf(LeafKind.DIRECTORY, gather([request, two]))
    hague.log(leaf)
    desk.relay.logs[LogName.KEY].append(leaf)
    desk.relay.now += 60


def in_file(desk: HomeDesk) -> KeyId:
    """The terminal key that the next start finds."""
    seed = terminal_seed(desk.home, desk.terminal.vault.key)
    return SigningKey.from_seed(desk.ministry.suite, seed).id


def waits(desk: HomeDesk) -> bool:
    return (desk.home.keys / TERMINAL_NEXT).exists()


def talk(bern: HomeDesk, tfc: Desk) -> None:
    """One message each way arrives."""
    ours, theirs = bern.write("tfc").name, tfc.write("bern").name
    exchange(bern, tfc)
    assert ours in {row.name for row in tfc.inbox()}
    assert theirs in {row.name for row in bern.inbox()}
    assert bern.alarms() == tfc.alarms() == set()


# --- the terminal's key


def test_the_new_key_is_asked_for_taken_up_and_kept(bern: HomeDesk, tfc: Desk) -> None:
    old, request = bern.machine.identity.terminal.id, asked(bern)
    (rotation,), (new,) = rotations(request), new_keys(request)
    assert rotation.old == old
    assert rotation.until == bern.machine.beliefs.time(bern.now) + TERMINAL_LIFE
    entry = decode(request.document, DirectoryEntry)
    assert entry.expires == bern.machine.beliefs.time(bern.now) + OPEN
    assert [line.key for line in request.signatures] == [old]
    assert [code for code, _ in sentences(request.document)]
    assert waits(bern)
    assert in_file(bern) == old
    approved(bern, request)
    exchange(bern, tfc)
    assert bern.machine.identity.terminal.id == new
    bern.terminal.settle_keys()
    assert not waits(bern)
    assert in_file(bern) == new
    talk(bern, tfc)
    bern.reopen()
    assert bern.machine.identity.terminal.id == new
    bern.connect()
    talk(bern, tfc)


def test_asked_again_it_is_the_same_key_at_the_next_place(
    bern: HomeDesk, tfc: Desk
) -> None:
    first = asked(bern)
    hague = bern.ministry
    place = hague.place("bern", Action.ADD_MEMBER)
    change = AddedMembers(members=(hague.new_member(place, "bern/m9"),))
    leaf = hague.entry("bern", Action.ADD_MEMBER, change)
    hague.log(leaf)
    bern.relay.logs[LogName.KEY].append(leaf)
    bern.relay.now += 60
    exchange(bern, tfc)
    bern.reopen()  # the key that waits is there after a restart
    bern.connect()
    second = asked(bern)
    assert new_keys(second) == new_keys(first)
    assert second.digest != first.digest
    approved(bern, second)
    exchange(bern, tfc)
    assert [bern.machine.identity.terminal.id] == new_keys(second)


def test_a_stop_before_the_directory_has_it(bern: HomeDesk, tfc: Desk) -> None:
    old, request = bern.machine.identity.terminal.id, asked(bern)
    approved(bern, request)
    bern.reopen()
    assert bern.machine.identity.terminal.id == old
    identity = bern.machine.identity
    (new,) = new_keys(request)
    # The relay has the entry and we do not: every second attempt takes the new key.
    tried = [identity.shaking_hands(failures).id for failures in range(5)]
    assert tried == [old, old, new, old, new]
    bern.connect()
    exchange(bern, tfc)
    assert identity.shaking_hands(2).id == new
    talk(bern, tfc)


def test_a_stop_when_it_was_adopted_and_the_file_is_the_old_one(
    bern: HomeDesk, tfc: Desk
) -> None:
    request = asked(bern)
    approved(bern, request)
    exchange(bern, tfc)
    (new,) = new_keys(request)
    assert waits(bern)
    bern.reopen()
    assert (bern.machine.identity.terminal.id, waits(bern)) == (new, False)
    assert in_file(bern) == new


def test_a_stop_between_the_two_files(bern: HomeDesk, tfc: Desk) -> None:
    request = asked(bern)
    approved(bern, request)
    exchange(bern, tfc)
    (new,) = new_keys(request)
    seed = bern.terminal._next.terminal()  # noqa: SLF001 -- a crash between two writes
    assert seed is not None
    keep_terminal(bern.home, bern.terminal.vault.key, seed, drawn("crash"))
    assert waits(bern)
    bern.reopen()
    assert (bern.machine.identity.terminal.id, waits(bern)) == (new, False)
    bern.connect()
    talk(bern, tfc)


def test_a_damaged_key_that_waits_is_said_to_be_damaged(bern: HomeDesk) -> None:
    asked(bern)
    (bern.home.keys / TERMINAL_NEXT).write_bytes(b"?")
    with pytest.raises(HomeError) as hurt:
        bern.terminal._next.terminal()  # noqa: SLF001 -- what an opening asks first
    assert hurt.value.code == "vault.hurt"


# --- a member's key


def test_the_member_who_sits_signs_with_the_new_key(bern: HomeDesk, tfc: Desk) -> None:
    person = bern.machine.identity.member
    assert person is not None
    request = asked(bern, terminal=False, member=ANNA)
    (rotation,), (new,) = rotations(request), new_keys(request)
    assert rotation.old == person.id
    assert rotation.until == bern.machine.beliefs.time(bern.now) + MEMBER_LIFE
    assert not waits(bern)
    approved(bern, request)
    exchange(bern, tfc)
    for _ in range(2):
        assert bern.machine.identity.signer == new
        talk(bern, tfc)
        bern.reopen()
        bern.connect()
    (line,) = bern.ask("members")
    assert (line["enrolled"], line["seated"]) == (True, True)


def test_the_key_of_a_member_who_does_not_sit_waits_for_them(
    bern: HomeDesk, tfc: Desk
) -> None:
    request = asked(bern, member=ANNA)  # both keys in one entry
    terminal, member = new_keys(request)
    bern.give_place(BRAM)
    bern.reopen(BRAM)
    approved(bern, request)
    bern.connect()
    exchange(bern, tfc)
    bern.terminal.settle_keys()
    assert bern.machine.identity.terminal.id == terminal
    assert bern.machine.identity.signer != member
    bern.sit(ANNA)
    assert bern.machine.identity.signer == member
    talk(bern, tfc)


def test_a_member_who_sits_down_before_the_entry_is_there_goes_over(
    bern: HomeDesk, tfc: Desk
) -> None:
    request = asked(bern, terminal=False, member=ANNA)
    again = asked(bern, terminal=False, member=ANNA)
    assert new_keys(again) == new_keys(request)
    bern.give_place(BRAM)
    bern.sit(BRAM)
    bern.sit(ANNA)
    approved(bern, again)
    exchange(bern, tfc)
    assert [bern.machine.identity.signer] == new_keys(request)
    talk(bern, tfc)


def test_nobody_draws_a_key_for_another_member(bern: HomeDesk) -> None:
    asked(bern, terminal=False, member=ANNA)
    keys = bern.terminal._next  # noqa: SLF001 -- what a wrong passphrase would reach
    vault = bern.terminal.vault
    other = Unlocked(vault.key, ANNA, bern.give_place(BRAM).own)
    with pytest.raises(HomeError):
        keys.member(other)
    nobody = Unlocked(vault.key, BRAM, None)
    assert keys.member(nobody) is None
    with pytest.raises(HomeError):
        keys.draw_member(bern.ministry.suite, nobody)


# --- as it is typed


def test_the_command_writes_the_request(hague: Ministry, tmp_path: Path) -> None:
    desk = locked_desk(hague, tmp_path / "bern")
    out = tmp_path / "bern.rotation"
    for options, count in (
        (("--terminal", "--member"), 2),
        ((), 1),
        (("--member",), 1),
    ):
        words = {"passphrase_fd": WORDS[ANNA]} if "--member" in options else {}
        said = typed.alone(
            desk.home,
            *("terminal", "rotate", *options, "--out", out),
            *(x for w in words.values() for x in ("--passphrase-fd", typed.brought(w))),
        )
        assert str(out) in told(said)
        found = read_document(out, RotationRequest, "rotation request").proposal
        assert len(rotations(found)) == count
        assert len(found.signatures) == count
    assert (desk.home.keys / TERMINAL_KEY).exists()


def test_a_key_that_the_directory_has_no_more_is_not_followed(
    bern: HomeDesk, tfc: Desk
) -> None:
    hague = bern.ministry
    gone = Revocation(keys=(bern.machine.identity.terminal.id,))
    leaf = hague.entry("bern", Action.REVOKE, gone)
    hague.log(leaf)
    bern.relay.logs[LogName.KEY].append(leaf)
    exchange(bern, tfc)
    refusal = bern.refused("rotate", terminal=True, name="", own="")
    assert refusal.code == "terminal.not-rotating"


def test_a_terminal_that_saw_no_directory_asks_for_nothing(
    hague: Ministry, relay: FakeRelay, tmp_path: Path
) -> None:
    with home_desk(hague, relay, tmp_path / "new") as desk:
        refusal = desk.refused("rotate", terminal=True, name="", own="")
    assert refusal.code == "refused.directory-stale"
