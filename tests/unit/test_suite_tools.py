"""What people type when a ministry goes over to another suite, and what they read."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import structs

from client.cli.dates import end_of
from client.home import HomeError
from client.operator.documents import RotationRequest, write_document
from client.operator.effects import require_next, require_suite
from client.operator.enrolment import paper_key, paper_keys
from client.operator.rootfile import read_root
from client.vault.next_keys import TERMINAL_NEXT
from client.words import LANGUAGES, Words
from crypto.errors import KeyFormatError
from crypto.sign import SigningKey, Usage, key_id_of
from crypto.suite import SuiteId
from crypto.types import PublicKey, Secret
from protocol.codec import decode, encode
from protocol.directory_entry import DirectoryEntry, Rotations, change_of
from protocol.key_log_entry import LeafKind, read_leaf, read_signed, signed_leaf
from protocol.root import OpenSuite
from protocol.signed import Signed, gather, sign_document
from tests.support.ceremony import Room
from tests.support.desk import Desk, exchange
from tests.support.fake_relay import FakeRelay
from tests.support.home_desk import HomeDesk, beside, home_desk
from tests.support.homes import ANNA
from tests.support.keys import secret
from tests.support.light import make_light
from tests.support.ministry import Ministry, cached_key
from tests.support.office import Office
from tests.support.retiring import SEALED, retiring
from tests.support.rotating import append, rotate
from tests.support.typed import koerier, told

DATES = ("--sealed-until", "2027-06-30", "--opened-until", "30-09-2027")
JUNE, SEPTEMBER = end_of("2027-06-30"), end_of("2027-09-30")


@pytest.fixture
def founded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Room:
    make_light(monkeypatch)
    room = Room(tmp_path)
    room.found()
    return room


@pytest.fixture
def bern(
    hague: Ministry, relay: FakeRelay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[HomeDesk]:
    make_light(monkeypatch)
    with home_desk(hague, relay, tmp_path / "bern") as desk:
        desk.connect()
        yield desk


@pytest.fixture
def tfc(hague: Ministry, bern: HomeDesk) -> Desk:
    return beside(bern, hague)


# --- the ceremony


def test_holders_move_a_ministry_to_another_suite(founded: Room) -> None:
    said = told(founded.draw_up_next("--suite", "2", *DATES))
    document = founded.document()
    assert document.suite is SuiteId.S2
    assert document.opens == (OpenSuite(SuiteId.S1, JUNE, SEPTEMBER),)
    assert "suite S1 goes: sealed to until 2027-07-01T00:00" in said


def test_dates_alone_are_of_the_suite_that_goes_already(founded: Room) -> None:
    told(founded.draw_up_next("--suite", "2", *DATES))
    told(founded.succeed("h1", "h2"))
    founded.file("root-next.cbor").replace(founded.file("root.cbor"))
    told(founded.draw_up_next("--sealed-until", "2027-07-31", *DATES[2:]))
    (other,) = founded.document().opens
    assert other == OpenSuite(SuiteId.S1, end_of("2027-07-31"), SEPTEMBER)
    told(founded.draw_up_next())  # what is not named stays
    assert founded.document().opens == (OpenSuite(SuiteId.S1, JUNE, SEPTEMBER),)
    told(founded.draw_up_next("--suite", "1", *DATES))
    assert founded.document().suite is SuiteId.S1
    assert founded.document().opens == (OpenSuite(SuiteId.S2, JUNE, SEPTEMBER),)


def test_a_suite_that_broke_ends_at_once_where_no_key_is_left_of_it(
    founded: Room,
) -> None:
    """Holders, operators and relay are of it still: the document contradicts itself."""
    told(founded.draw_up_next("--suite", "2"), 2)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        (("--suite", "2", *DATES[:2]), "both days"),
        (("--suite", "2", *DATES[2:]), "both days"),
        (DATES, "No suite goes"),
        (("--suite", "2", *DATES[:2], "--opened-until", "2027-07-15"), ""),
    ],
)
def test_dates_that_do_not_fit_are_refused(
    founded: Room, changes: tuple[str, ...], why: str
) -> None:
    assert why in told(founded.draw_up_next(*changes), 2)


# --- the terminal draws keys of the new suite


def asked(desk: HomeDesk, *, member: bool = False) -> Signed:
    own = desk.people[ANNA].own.reveal().hex() if member else ""
    answer = desk.ask("rotate", terminal=not member, name=ANNA, own=own)
    return decode(bytes.fromhex(answer["document"]), RotationRequest).proposal


def suites_of(request: Signed) -> list[SuiteId]:
    change = change_of(decode(request.document, DirectoryEntry))
    assert isinstance(change, Rotations)
    return [one.key.suite for one in change.rotations]


def approved(desk: HomeDesk, request: Signed) -> None:
    """Two operators add their signatures; the relay logs it."""
    hague = desk.ministry
    document, realm = request.document, hague.realm
    two = sign_document(document, hague.pair, usage=Usage.DIR, realm=realm)
    append(desk, signed_leaf(LeafKind.DIRECTORY, gather([request, two])))


@pytest.mark.parametrize("member", [False, True])
def test_a_home_goes_over_and_knows_it_after_a_restart(
    bern: HomeDesk, tfc: Desk, hague: Ministry, *, member: bool
) -> None:
    old = suites_of(asked(bern, member=member))  # drawn under the old root, and void
    append(bern, retiring(hague))
    exchange(bern, tfc)
    request = asked(bern, member=member)
    assert (old, suites_of(request)) == ([SuiteId.S1], [SuiteId.S2])
    assert suites_of(asked(bern, member=member)) == [SuiteId.S2]
    assert asked(bern, member=member).signatures[0].key  # the same again
    bern.reopen()  # it waits over a restart, beside the one in use
    bern.connect()
    approved(bern, request)
    exchange(bern, tfc)
    bern.terminal.settle_keys()
    bern.reopen()
    bern.connect()
    identity = bern.machine.identity
    assert identity.member is not None
    key = identity.member if member else identity.terminal
    assert key.suite is SuiteId.S2
    assert not (bern.home.keys / TERMINAL_NEXT).exists()
    (sitting,) = bern.ask("members")
    assert sitting["enrolled"]
    sent = bern.write("tfc").name, tfc.write("bern").name
    exchange(bern, tfc)
    assert sent[0] in {row.name for row in tfc.inbox()}
    assert sent[1] in {row.name for row in bern.inbox()}


def test_the_same_key_is_asked_for_while_its_suite_stands(bern: HomeDesk) -> None:
    keys = []
    for _ in range(2):
        change = change_of(decode(asked(bern).document, DirectoryEntry))
        assert isinstance(change, Rotations)
        keys.append(change.rotations[0].key)
    assert keys[0] == keys[1]


# --- refusals in words


def test_a_sender_reads_which_suite_and_which_date(
    desks: tuple[Desk, Desk], hague: Ministry
) -> None:
    bern, tfc = desks
    append(bern, retiring(hague))
    exchange(bern, tfc)
    bern.relay.now = hague.now + SEALED
    tfc.connect()
    send = {"to": ["bern"], "subject": "Toets", "text": "Een.", "level": "Dep.V"}
    refused = Office(tfc).refused(
        "send", **send, precedence="ROUTINE", event="Einde", until=None, files=[]
    )
    assert refused.code == "refused.suite-retired"
    for language in LANGUAGES:
        said = Words(language).say(refused.code, **refused.parts)
        assert all(part in said for part in ("bern", "S1", "2026-"))


def downgrade(hague: Ministry, suite: SuiteId) -> bytes:
    old = hague.posts["bern"].terminal.key
    new = cached_key(suite, "bern/other")
    leaf = rotate(hague, "bern", (old, new))
    return read_signed(read_leaf(leaf).body).document


def test_an_operator_reads_that_a_key_is_of_another_suite(hague: Ministry) -> None:
    """Before anything is signed, with a directory and by file alone."""
    hague.log(retiring(hague))
    document = downgrade(hague, SuiteId.S1)
    with pytest.raises(HomeError) as refused:
        require_next(hague.directory.state, document, hague.now)
    assert refused.value.code == "operator.other-suite"
    with pytest.raises(HomeError) as by_file:
        require_suite(document, SuiteId.S2)
    assert by_file.value.code == "operator.other-suite"
    for error in (refused.value, by_file.value):
        for language in LANGUAGES:
            said = Words(language).say(error.code, **error.parts)
            assert "S1" in said
            assert "S2" in said
    right = downgrade(hague, SuiteId.S2)
    require_suite(right, SuiteId.S2)
    assert require_next(hague.directory.state, right, hague.now).post == "bern"


def test_a_change_that_cannot_be_read_is_not_of_another_suite(hague: Ministry) -> None:
    """It is refused for what it is, by whoever would show it."""
    entry = decode(downgrade(hague, SuiteId.S1), DirectoryEntry)
    require_suite(encode(structs.replace(entry, change=b"\xa0")), SuiteId.S2)


def test_an_operator_without_a_terminal_signs_no_downgrade(
    hague: Ministry, bern: HomeDesk, tmp_path: Path
) -> None:
    old, new = hague.posts["bern"].terminal.key, cached_key(SuiteId.S2, "bern/other")
    leaf = rotate(hague, "bern", (old, new))
    signed = read_signed(read_leaf(leaf).body)
    file, out = tmp_path / "request", tmp_path / "out"
    write_document(file, RotationRequest(v=1, proposal=signed))
    line = ("operator", "rotate", file, "--root", bern.home.root_file, "--out", out)
    said = told(koerier(bern.home, *line), 2)
    assert "suite S2" in said
    assert "suite S1" in said
    assert not out.exists()
    assert read_root(bern.home.root_file).document.suite is SuiteId.S1


# --- papers and kept keys


def test_a_paper_stands_for_a_key_of_each_suite() -> None:
    paper = secret("paper")
    keys = paper_keys(paper)
    assert [key.suite for key in keys] == [*SuiteId]
    assert [key.id for key in keys] == [paper_key(one, paper).id for one in SuiteId]


def test_what_was_kept_of_a_key_says_its_suite() -> None:
    for suite in SuiteId:
        key = cached_key(suite, "kept")
        assert key_id_of(key.public) == key.id
    for length in (0, 63, 65, 88, 90):
        with pytest.raises(KeyFormatError):
            SigningKey.of_seed(Secret(bytes(length)))
    with pytest.raises(KeyFormatError):
        key_id_of(PublicKey(bytes(1985)))
