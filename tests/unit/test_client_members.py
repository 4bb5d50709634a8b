"""Two members at one terminal, and a second terminal at a post, over the real core."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import structs

from client.home import HomeError
from client.operator.addition import (
    Addition,
    AdditionRequest,
    Position,
    addition_proposal,
    consented,
    invite_addition,
    position_of,
    read_invitation,
    read_request,
    request_member,
    request_terminal,
)
from client.operator.documents import write_document
from client.operator.enrolment import invite
from client.operator.showing import action_code, sentences
from client.vault.making import draw_member
from crypto.sign import SigningKey, Usage
from crypto.suite import SuiteId
from protocol.codec import decode, encode
from protocol.directory_entry import Action
from protocol.errors import BindingError, ChainError, MalformedError
from protocol.key_log_entry import LeafKind, signed_leaf
from protocol.label import Clearance, Level
from protocol.receipt import Kind
from protocol.requests import LogName
from protocol.signed import Signed, gather, sign_document
from tests.support.desk import Desk, exchange
from tests.support.fake_relay import FakeRelay
from tests.support.home_desk import HomeDesk, home_desk
from tests.support.homes import ANNA, BRAM
from tests.support.keys import drawn
from tests.support.light import make_light
from tests.support.ministry import HIGH, Ministry, OwnPost, OwnTerminal

DAY = 86_400


@pytest.fixture(autouse=True)
def _light(monkeypatch: pytest.MonkeyPatch) -> None:
    make_light(monkeypatch)


@pytest.fixture
def bern(hague: Ministry, relay: FakeRelay, tmp_path: Path) -> Iterator[HomeDesk]:
    with home_desk(hague, relay, tmp_path / "bern") as desk:
        desk.connect()
        yield desk


@pytest.fixture
def tfc(hague: Ministry, relay: FakeRelay, bern: HomeDesk) -> Desk:
    desk = Desk(hague, hague.posts["tfc"], relay)
    desk.connect()
    exchange(bern, desk)
    return desk


def signed_by_two(hague: Ministry, document: bytes) -> Signed:
    return sign_document(document, hague.pair, usage=Usage.DIR, realm=hague.realm)


def log(hague: Ministry, relay: FakeRelay, signed: Signed) -> None:
    """Log an entry that must count, also at the relay."""
    leaf = signed_leaf(LeafKind.DIRECTORY, signed)
    hague.log(leaf)
    relay.logs[LogName.KEY].append(leaf)


def invited(desk: HomeDesk, action: Action) -> Addition:
    found = bytes.fromhex(desk.ask("position")["document"])
    where = decode(found, Position)
    until = desk.relay.now + 7 * DAY
    return invite_addition(
        where, action, until=until, entropy=drawn(f"invite/{action}")
    )


def asked(desk: HomeDesk, addition: Addition, name: str = BRAM) -> AdditionRequest:
    own = desk.people[name].own.reveal().hex()
    answer = desk.ask(
        "member-request", addition=encode(addition).hex(), name=name, own=own
    )
    return decode(bytes.fromhex(answer["document"]), AdditionRequest)


def enrol_bram(hague: Ministry, relay: FakeRelay, bern: HomeDesk) -> None:
    if BRAM not in bern.people:
        bern.give_place(BRAM)
    request = asked(bern, invited(bern, Action.ADD_MEMBER))
    entry = addition_proposal(request, HIGH, Level.DEP_V, expires=hague.now + DAY)
    log(hague, relay, signed_by_two(hague, entry))
    exchange(bern)


# --- members


def test_a_second_member_is_enrolled_and_sits_down(
    hague: Ministry, relay: FakeRelay, bern: HomeDesk
) -> None:
    bern.give_place(BRAM)
    before = bern.ask("members")
    assert [(m["name"], m["enrolled"], m["seated"]) for m in before] == [
        (ANNA, True, True),
        (BRAM, False, False),
    ]
    enrol_bram(hague, relay, bern)
    bern.sit(BRAM)
    after = bern.ask("members")
    assert [(m["enrolled"], m["seated"]) for m in after] == [
        (True, False),
        (True, True),
    ]
    bern.reopen(BRAM)
    assert bern.ask("members")[1]["seated"]


def test_each_act_is_signed_by_who_sat_there(
    hague: Ministry, relay: FakeRelay, bern: HomeDesk, tfc: Desk
) -> None:
    enrol_bram(hague, relay, bern)
    sent = [tfc.write("bern", f"Bericht {number}.") for number in range(2)]
    exchange(bern, tfc)
    first, second = (row for row in bern.inbox()[::-1])
    bern.ask("read", id=first.name.hex())
    bern.sit(BRAM)
    bern.ask("read", id=second.name.hex())
    bern.ask("acknowledge", id=first.name.hex())
    exchange(bern, tfc)
    anna, bram = (bern.people[name].public for name in (ANNA, BRAM))
    signers = {
        (receipt.name, receipt.kind): receipt.signer
        for record in sent
        for receipt in tfc.store.receipts(record.name)
        if receipt.kind in {Kind.READ, Kind.ACKNOWLEDGED}
    }
    key = {
        public: SigningKey.from_seed(hague.suite, bern.people[name].seed).id
        for name, public in ((ANNA, anna), (BRAM, bram))
    }
    assert signers == {
        (first.name, Kind.READ): key[anna],
        (first.name, Kind.ACKNOWLEDGED): key[bram],
        (second.name, Kind.READ): key[bram],
    }


def test_what_a_member_said_offline_waits_for_their_own_signature(
    hague: Ministry, relay: FakeRelay, bern: HomeDesk, tfc: Desk
) -> None:
    """Read while the post to tell was not there: nobody else signs it meanwhile."""
    enrol_bram(hague, relay, bern)
    sent = tfc.write("bern")
    exchange(bern, tfc)
    (row,) = bern.inbox()
    gone = hague.restricted(tfc.post.terminal.key.id, by=[hague.operators["anna"]])
    leaf = signed_leaf(LeafKind.RESTRICTION, gone)
    hague.log(leaf)
    relay.logs[LogName.KEY].append(leaf)
    exchange(bern)
    bern.ask("read", id=row.name.hex())
    bern.sit(BRAM)
    bern.machine.pump(bern.now)
    anna, bram = (
        SigningKey.from_seed(hague.suite, bern.people[name].seed).id
        for name in (ANNA, BRAM)
    )
    assert len(bern.store.owed_receipts("tfc", 9, anna)) == 1
    assert bern.store.owed_receipts("tfc", 9, bram) == []
    assert bern.store.owed_posts(bram) == []
    assert tfc.store.receipts(sent.name)[-1].kind == Kind.DELIVERED


def test_nobody_at_the_desk_reads_nothing(bern: HomeDesk, tfc: Desk) -> None:
    tfc.write("bern")
    exchange(bern, tfc)
    bern.machine.take_seat(None, bern.now)
    assert bern.refused("read", id=bern.inbox()[0].name.hex()).code.startswith(
        "refused"
    )
    assert bern.machine.identity.signer == b""


def test_a_member_without_the_right_key_does_not_sit(bern: HomeDesk) -> None:
    bern.give_place(BRAM)
    own = bern.people[ANNA].own.reveal().hex()
    assert bern.refused("seat", name=BRAM, own=own).code == "vault.no-member"
    assert bern.refused("seat", name="Chris", own=own).code == "vault.no-member"
    assert bern.ask("members")[0]["seated"]


def test_a_member_who_has_a_way_in_is_not_replaced(bern: HomeDesk) -> None:
    bern.give_place(BRAM)
    before = bern.ask("members")
    for name in (ANNA, BRAM):
        refusal = bern.refused("member-add", name=name, public="00", box="00")
        assert refusal.code == "member.there"
    assert bern.ask("members") == before


@pytest.mark.parametrize("name", ["", "x" * 201])
def test_a_name_that_the_directory_cannot_hold_gets_no_place(name: str) -> None:
    with pytest.raises(HomeError, match="bad-name"):
        draw_member(SuiteId.S1, name, "een lange zin", drawn("x"))


@pytest.mark.parametrize("what", ["nonsense", "", "zz"])
def test_an_invitation_that_is_none_makes_no_request(bern: HomeDesk, what: str) -> None:
    own = bern.people[ANNA].own.reveal().hex()
    refusal = bern.refused("member-request", addition=what, name=ANNA, own=own)
    assert refusal.code == "terminal.no-addition"
    terminal = encode(invited(bern, Action.ADD_TERMINAL)).hex()
    refusal = bern.refused("member-request", addition=terminal, name=ANNA, own=own)
    assert refusal.code == "terminal.no-addition"


def test_a_terminal_that_never_synchronised_has_no_position(
    hague: Ministry, relay: FakeRelay, tmp_path: Path
) -> None:
    with home_desk(hague, relay, tmp_path / "new") as desk:
        assert desk.refused("position").code == "refused.directory-stale"


# --- a second terminal


def second_request(
    hague: Ministry, addition: Addition, name: str = "bern/t2"
) -> tuple[AdditionRequest, OwnTerminal]:
    key = hague.key(name)
    request = request_terminal(
        addition,
        key,
        realm=hague.realm,
        until=hague.now + DAY * 300,
        entropy=drawn(name),
    )
    assert request.terminal is not None
    number, mailbox = request.terminal.number, request.terminal.mailbox
    return request, OwnTerminal("bern", number, key, mailbox)


def test_a_second_terminal_gets_what_comes_in_after_consent(
    hague: Ministry, relay: FakeRelay, bern: HomeDesk, tfc: Desk
) -> None:
    request, own = second_request(hague, invited(bern, Action.ADD_TERMINAL))
    assert own.number == 2
    entry = addition_proposal(request, HIGH, None, expires=hague.now + DAY)
    shown = dict(sentences(entry))
    assert shown[action_code(Action.ADD_TERMINAL)] == {"post": "bern"}
    assert shown["operator.show-terminal"]["number"] == 2
    proposed = sign_document(entry, hague.pair[:1], usage=Usage.DIR, realm=hague.realm)
    answer = bern.ask("consent", proposal=encode(proposed).hex())
    agreed = decode(bytes.fromhex(answer["document"]), Signed)
    log(hague, relay, gather([agreed, signed_by_two(hague, entry)]))
    post = OwnPost("bern", hague.posts["bern"].recovery, [own], [hague.key("bern/m1")])
    second = Desk(hague, post, relay)
    second.connect()
    exchange(bern, second, tfc)
    sent = tfc.write("bern")
    exchange(bern, second, tfc)
    assert [row.name for row in bern.inbox()] == [sent.name]
    assert [row.name for row in second.inbox()] == [sent.name]
    assert len(tfc.store.targets(sent.name)) == 2


def test_without_consent_a_second_terminal_waits(
    hague: Ministry, relay: FakeRelay, bern: HomeDesk, tfc: Desk
) -> None:
    request, own = second_request(hague, invited(bern, Action.ADD_TERMINAL))
    entry = addition_proposal(request, HIGH, None, expires=hague.now + DAY)
    log(hague, relay, signed_by_two(hague, entry))
    exchange(bern, tfc)
    sent = tfc.write("bern")
    assert [t.terminal for t in tfc.store.targets(sent.name)] != [own.key.id]
    assert len(tfc.store.targets(sent.name)) == 1


def test_the_paper_key_consents_for_its_own_post(
    hague: Ministry, bern: HomeDesk
) -> None:
    request, _ = second_request(hague, invited(bern, Action.ADD_TERMINAL))
    entry = addition_proposal(request, HIGH, None, expires=hague.now + DAY)
    paper = hague.posts["bern"].recovery
    agreed = consented(signed_by_two(hague, entry), paper, "bern", realm=hague.realm)
    assert paper.id in {line.key for line in agreed.signatures}
    with pytest.raises(BindingError):
        consented(agreed, paper, "tfc", realm=hague.realm)


def test_only_another_terminal_of_this_post_is_consented_to(
    hague: Ministry, bern: HomeDesk
) -> None:
    bern.give_place(BRAM)
    request = asked(bern, invited(bern, Action.ADD_MEMBER))
    entry = addition_proposal(request, HIGH, None, expires=hague.now + DAY)
    shown = dict(sentences(entry))
    assert shown["operator.show-member"]["name"] == BRAM
    for proposal in (encode(signed_by_two(hague, entry)).hex(), "00", "zz"):
        assert bern.refused("consent", proposal=proposal).code == "terminal.no-consent"


# --- documents


def test_a_request_is_for_what_its_invitation_was_for(
    hague: Ministry, bern: HomeDesk
) -> None:
    wanted = invited(bern, Action.ADD_TERMINAL)
    request, _ = second_request(hague, wanted)
    member = request_member(
        wanted, hague.key("x"), "X", realm=hague.realm, until=hague.now + DAY
    )
    for odd in (
        member,
        structs.replace(request, terminal=None),
        structs.replace(request, member=member.member),
    ):
        with pytest.raises(BindingError):
            addition_proposal(odd, Clearance(level=Level.DEP_V), None, expires=1)
    with pytest.raises(ValueError, match="not an addition"):
        invite_addition(wanted.position, Action.REVOKE, until=1, entropy=drawn("x"))


def test_a_post_that_is_not_there_has_no_position(hague: Ministry) -> None:
    with pytest.raises(ChainError):
        position_of(hague.directory.state, "nergens")
    full = hague.directory.state
    post = full.posts["bern"]
    from dataclasses import replace

    holders = tuple(replace(holder, number=255) for holder in post.holders)
    odd = replace(full, posts={**full.posts, "bern": replace(post, holders=holders)})
    with pytest.raises(ChainError):
        position_of(odd, "bern")


def test_both_kinds_of_invitation_and_request_are_told_apart(
    hague: Ministry, bern: HomeDesk, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    wanted = invited(bern, Action.ADD_TERMINAL)
    write_document(file, wanted)
    assert read_invitation(file) == wanted
    names = ("Post X", "Post X")
    first = invite(wanted.position.root, "x", names, until=1, entropy=drawn("x"))
    write_document(file, first)
    assert read_invitation(file) == first
    request, _ = second_request(hague, wanted)
    write_document(file, request)
    assert read_request(file) == request
    file.write_bytes(b"x")
    for read in (read_invitation, read_request):
        with pytest.raises(HomeError):
            read(file)
    with pytest.raises(MalformedError):
        decode(b"x", Addition)
