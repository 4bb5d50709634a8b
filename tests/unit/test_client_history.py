"""A post without its archive asks a peer; a member there decides on each request."""

from dataclasses import replace

import pytest

from client.core.resending import AT_ONCE, Resending
from client.core.rows import IN, OUT, ResendingRow
from client.core.sync import KEY_NOTE
from client.vault.history import HistoryStore
from protocol.codec import decode
from protocol.directory_entry import Action, ChangedRights, Rights
from protocol.label import Caveat, Clearance, Label, Level
from protocol.limits import MAX_RECORD
from protocol.record import Record
from protocol.record_type import RULES, RecordType
from tests.support.desk import Desk, cable, exchange
from tests.support.ending import revoke
from tests.support.fake_relay import FakeRelay
from tests.support.ministry import Ministry
from tests.support.pasts import Past, lost_past

END = 1_900_000_000  # of classifications


@pytest.fixture
def past(hague: Ministry, relay: FakeRelay, desks: tuple[Desk, Desk]) -> Past:
    return lost_past(hague, relay, desks)


def hexes(past: Past) -> list[str]:
    return [name.hex() for name in past.before]


def test_what_was_exchanged_comes_again_as_it_was_signed(past: Past) -> None:
    id_ = past.ask()
    assert past.old() == []  # nobody agreed
    past.agree(id_)
    assert past.names() == hexes(past)
    for line in past.old():
        assert (line["resent_by"], line["worth"]) in {
            ("tfc", "before"),  # Bern's own, under the key that is revoked
            ("tfc", "current"),
        }
        assert line["witnessed"] is not None
        assert (line["worth"] == "before") is (line["post"] == "bern")
    opened = past.new.run("history-read", id=hexes(past)[1][:12])
    assert "Aan Bern 0." in str(opened["parts"])
    assert opened["member"] is not None
    assert past.standing(past.new)["standing"] == "done"
    assert past.standing(past.new)["sent"] == len(past.before)
    assert past.standing(past.peer)["standing"] == "done"


def test_history_is_no_mail_and_owes_nothing(past: Past) -> None:
    tfc = past.peer.desk
    receipts = {name: tfc.store.receipts(name) for name in past.before}
    acts = past.new.desk.store.late_actions(1 << 40)
    past.agree(past.ask())
    assert past.new.desk.inbox() == []
    assert [m["type"] for m in past.new.run("inbox")] == ["history_answer"]
    assert {name: tfc.store.receipts(name) for name in past.before} == receipts
    assert past.new.desk.store.late_actions(1 << 40) == acts
    past.new.run("history-read", id=hexes(past)[1][:12])
    past.meet()
    assert {name: tfc.store.receipts(name) for name in past.before} == receipts


def test_nothing_is_sent_before_a_member_agrees(past: Past) -> None:
    id_ = past.ask()
    for _ in range(3):
        past.peer.desk.tick(600)
        past.meet()
    assert past.peer.desk.store.history.of_type(RecordType.HISTORY) == []
    shown = past.peer.run("history-show", id=id_)
    assert (shown["post"], shown["terminal"]) == ("bern", 2)
    assert shown["offer"]["records"] == len(past.before)
    assert shown["offer"]["highest"] == "Dep.V"
    assert shown["offer"]["first"] < shown["offer"]["last"]
    assert shown["reason"] == "kluis verloren"


def test_a_refusal_is_said_and_ends_it(past: Past) -> None:
    id_ = past.ask()
    past.peer.run("history-refuse", id=id_, reason="niemand neemt op")
    past.meet()
    mine = past.standing(past.new)
    assert (mine["standing"], mine["refusal"]) == ("refused", "niemand neemt op")
    assert past.standing(past.peer)["standing"] == "refused"
    for method in ("history-agree", "history-refuse"):
        refusal = past.peer.refused(method, id=id_, reason="toch")
        assert refusal.code == "past.answered"
    past.meet()
    assert past.old() == []


def test_who_agreed_agrees_once(past: Past) -> None:
    id_ = past.ask()
    past.agree(id_)
    assert past.peer.refused("history-agree", id=id_).code == "past.answered"
    assert len(past.peer.desk.store.history.of_type(RecordType.HISTORY)) == len(
        past.before
    )


def test_the_consent_is_of_a_member_and_of_nobody_else(past: Past) -> None:
    id_ = past.ask()
    past.peer.desk.machine.take_seat(None, past.peer.desk.now)
    assert past.peer.refused("history-agree", id=id_).code == "refused.release-missing"
    past.meet()
    assert past.old() == []
    assert past.peer.desk.store.history.open_resendings() == []


def test_only_the_days_that_were_asked_for(past: Past) -> None:
    id_ = past.ask(since="2000-01-01", until="2000-12-31")
    assert past.peer.run("history-show", id=id_)["offer"]["records"] == 0
    past.agree(id_)
    assert past.old() == []
    assert past.standing(past.new)["standing"] == "done"


def test_asked_twice_it_stands_there_once(past: Past) -> None:
    for _ in range(2):
        past.agree(past.ask())
    assert past.names() == hexes(past)
    assert past.new.desk.alarms() == set()


def test_what_is_in_the_archive_is_no_history(past: Past) -> None:
    """Sent again while it was still on its way: it is a message, and stays one."""
    late = past.peer.desk.write("bern", "Voor de nieuwe.")
    past.meet()
    past.agree(past.ask())
    assert [row.name for row in past.new.desk.inbox()] == [late.name]
    assert past.names() == hexes(past)


def test_a_message_that_comes_after_its_copy_is_still_a_message(
    hague: Ministry, relay: FakeRelay, desks: tuple[Desk, Desk]
) -> None:
    bern, tfc = desks
    sent = tfc.write("bern", "Nog onderweg.")
    tfc.run()  # sealed to the terminal that is lost, and never fetched
    past = lost_past(hague, relay, desks, letters=0)
    past.agree(past.ask())
    assert [row.name for row in past.new.desk.inbox()] == [sent.name]
    assert past.old() == []
    states = [t.delivery.released for t in tfc.store.targets(sent.name)]
    assert all(states)
    assert bern is past.lost


def test_a_few_at_a_time_and_on_after_crashes(
    hague: Ministry,
    relay: FakeRelay,
    desks: tuple[Desk, Desk],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    few = 3
    monkeypatch.setattr("client.core.resending.AT_ONCE", few)
    past = lost_past(hague, relay, desks, letters=4)
    id_ = past.ask()
    past.peer.run("history-agree", id=id_)
    tfc, new = past.peer.desk, past.new.desk
    most = 0
    for _ in range(6):
        tfc.restart()  # whatever was in memory is gone
        tfc.connect()
        on_the_way = tfc.store.history.on_the_way(new.post.terminal.key.id)
        most = max(most, on_the_way)
        new.restart()
        new.connect()
        past.meet()
        past.peer.commands = type(past.peer)(tfc).commands
        past.new.commands = type(past.new)(new).commands
    assert 0 < most <= few < AT_ONCE
    assert past.new.run("history-requests")[0]["standing"] == "done"
    names = [row.name for row in new.store.history.came(1000)]
    assert sorted(names) == sorted(past.before)
    assert len(tfc.store.history.of_type(RecordType.HISTORY)) == len(past.before)


def test_a_crash_between_two_writes_sends_nothing_twice(past: Past) -> None:
    id_, tfc = past.ask(), past.peer.desk
    keep = HistoryStore.set_resending

    class CrashedError(Exception):
        pass

    def crash(rows: HistoryStore, row: ResendingRow) -> None:
        if row.cursor:
            raise CrashedError
        keep(rows, row)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(HistoryStore, "set_resending", crash)
        with pytest.raises(CrashedError):
            past.peer.run("history-agree", id=id_)
    (state,) = tfc.store.history.open_resendings()
    assert (state.cursor, state.sent) == (0, 0)
    assert tfc.store.history.of_type(RecordType.HISTORY) == []
    tfc.restart()
    tfc.connect()
    past.meet()
    assert past.names() == hexes(past)


# --- what it is worth


def test_what_nothing_shows_to_be_older_is_in_doubt(
    hague: Ministry, relay: FakeRelay, desks: tuple[Desk, Desk]
) -> None:
    """The peer had not looked at the key log between the letter and the end."""
    past = lost_past(hague, relay, desks, looked=False)
    past.agree(past.ask())
    worth = {line["post"]: line["worth"] for line in past.old()}
    assert worth == {"bern": "doubted", "tfc": "current"}


def test_a_record_without_its_proof_says_so(past: Past) -> None:
    tfc = past.peer.desk.store
    with tfc.transaction():
        tfc.set_proof(past.before[0], b"")
    past.agree(past.ask())
    (line,) = [one for one in past.old() if one["name"] == hexes(past)[0]]
    assert (line["witnessed"], line["worth"]) == (None, "doubted")


def test_notes_that_a_peer_makes_up_show_nothing(
    hague: Ministry,
    relay: FakeRelay,
    desks: tuple[Desk, Desk],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    past = lost_past(hague, relay, desks, looked=False)
    late = past.peer.desk.store.get(KEY_NOTE)
    assert late is not None
    made_up = (b"nonsense", late)  # and one that has the end in it
    monkeypatch.setattr(Resending, "_notes", lambda *_: made_up)
    past.agree(past.ask())
    worth = {line["post"]: line["worth"] for line in past.old()}
    assert worth == {"bern": "doubted", "tfc": "current"}


# --- what may go


def test_what_the_new_terminal_may_not_have_is_left_out_and_counted(
    hague: Ministry, relay: FakeRelay, desks: tuple[Desk, Desk]
) -> None:
    bern, tfc = desks
    eyes = Label(level=Level.DEP_V, until=END, caveats=(Caveat.NLD_EYES_ONLY,))
    secret = tfc.machine.compose(cable("bern", "Voor weinigen.", label=eyes), tfc.now)
    tfc.run()
    exchange(bern, tfc)
    past = lost_past(hague, relay, desks)
    less = ChangedRights(rights=(Rights(clearance=Clearance(level=Level.STG_G)),))
    leaf = hague.entry("bern", Action.SET_RIGHTS, less)
    hague.log(leaf)
    relay.log(leaf)
    past.meet()
    past.agree(past.ask())
    assert secret.name.hex() not in past.names()
    assert past.names() == hexes(past)
    assert past.standing(past.new)["left_out"] == 1
    assert past.standing(past.peer)["left_out"] == 1


def test_it_travels_under_the_label_of_what_it_holds(past: Past) -> None:
    past.agree(past.ask())
    for row in past.peer.desk.store.history.of_type(RecordType.HISTORY):
        carrier = decode(row.document, Record, limit=MAX_RECORD)
        assert carrier.label is not None
        assert (carrier.label.level, carrier.by) == (Level.DEP_V, ())
        assert [to.post for to in carrier.to] == ["bern"]


def test_a_terminal_that_is_revoked_gets_no_more(
    hague: Ministry, relay: FakeRelay, past: Past
) -> None:
    id_ = past.ask()
    new = past.new.desk.post
    hague.posts["bern"] = replace(hague.posts["bern"], terminals=new.terminals)
    revoke(hague, relay, "bern")
    exchange(past.peer.desk)
    assert past.peer.refused("history-agree", id=id_).code == "past.gone"
    assert past.peer.run("history-show", id=id_)["why"] == "past.gone"


def test_history_that_nobody_asked_for_is_refused(
    hague: Ministry, relay: FakeRelay, past: Past
) -> None:
    """The peer's own vault is made to believe that it was asked."""
    id_ = past.ask()
    store = past.new.desk.store
    with store.transaction():
        store._db.run("UPDATE record SET type = 1 WHERE type = 16")  # noqa: SLF001
    past.agree(id_)
    assert past.old() == []
    refused = past.peer.desk.store.history.of_type(RecordType.HISTORY)
    states = {
        target.delivery.state.name
        for row in refused
        for target in past.peer.desk.store.targets(row.name)
    }
    assert states == {"REFUSED"}
    assert hague.posts["bern"].post == "bern"
    assert relay is past.peer.desk.relay


def test_only_what_people_write_between_the_two_is_offered(past: Past) -> None:
    tfc = past.peer.desk.store
    rows = tfc.history.exchanged("bern", (0, 1 << 40), (0, 1 << 40), 1000)
    assert [row.name for _, row in rows] == past.before
    assert {RULES[RecordType(row.type)].written for _, row in rows} == {True}
    assert {row.way for _, row in rows} == {IN, OUT}


def test_what_a_terminal_got_as_history_is_exposed_with_it(past: Past) -> None:
    """It is lost too, later: what was sent again to it counts as readable."""
    past.agree(past.ask())
    report = past.peer.run("exposure", post="bern", terminal=2)
    lines = [*report["sent"], *report["held"]]
    old = {line["name"]: line["readable"] for line in lines}
    assert {name: old.get(name) for name in hexes(past)} == dict.fromkeys(
        hexes(past), "has"
    )


def test_who_may_not_be_shown_it_sees_no_subject_and_no_text(past: Past) -> None:
    past.agree(past.ask())
    past.new.desk.machine.take_seat(None, past.new.desk.now)
    assert {line["subject"] for line in past.old()} == {""}
    refusal = past.new.refused("history-read", id=hexes(past)[0])
    assert refusal.code == "refused.member-not-active"


# --- what is typed


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ({"post": "bern"}, "past.own-post"),
        ({"post": "nergens"}, "operator.no-post"),
        ({"since": "2026-02-01", "until": "2026-01-01"}, "past.no-span"),
        ({"since": "gisteren"}, "send.no-day"),
    ],
)
def test_a_request_that_makes_no_sense_is_not_sent(
    past: Past, typed: dict[str, str], code: str
) -> None:
    asked = {"post": "tfc", "reason": "x", **typed}
    assert past.new.refused("history-ask", **asked).code == code
    assert past.new.run("history-requests") == []


@pytest.mark.parametrize("id_", ["", "00", "zz" * 6, "0" * 12])
def test_a_name_that_is_none_finds_nothing(past: Past, id_: str) -> None:
    past.ask()
    for method in ("history-show", "history-agree", "history-refuse"):
        refusal = past.peer.refused(method, id=id_, reason="x")
        assert refusal.code == "past.no-request"
    assert past.new.refused("history-read", id=id_).code == "past.no-record"
