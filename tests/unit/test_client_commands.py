"""What the agent answers, over the real core in memory."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from client.answers import names as names_module
from client.answers import writing
from client.core.alarms import Alarm
from client.exits import AgentRefusal, Exit
from client.present import parts_of, subject_of
from crypto.types import MessageId
from protocol.codec import decode
from protocol.fields import Line
from protocol.label import Clearance, Level
from protocol.limits import MAX_RECORD
from protocol.record import Record
from protocol.record_type import RecordType
from tests.support.desk import Desk, exchange
from tests.support.fake_relay import FakeRelay
from tests.support.keys import signing_key
from tests.support.ministry import ministry
from tests.support.office import Office

SAMPLE = Path(__file__).parents[2] / "docs/samples/alert-opcw-2018.json"
WISH = {
    "to": ["tfc"],
    "subject": "Overleg",
    "precedence": "ROUTINE",
    "level": "Dep.V",
    "until": "2031-01-31",
    "text": "Een.\n\nTwee.",
}


@pytest.fixture
def offices() -> tuple[Office, Office]:
    hague = ministry()
    relay = FakeRelay(hague)
    bern, tfc = (Desk(hague, hague.posts[name], relay) for name in ("bern", "tfc"))
    for desk in (bern, tfc):
        desk.connect()
    exchange(bern, tfc)
    return Office(bern), Office(tfc)


def test_a_message_is_followed_from_outbox_to_acknowledgement(
    offices: tuple[Office, Office],
) -> None:
    bern, tfc = offices
    sent = bern.run("send", **WISH, info=[])["id"]
    (before,) = bern.run("outbox")
    assert before["proof"] is None
    assert not any(before["to"][0]["states"].values())
    exchange(bern.desk, tfc.desk)
    (line,) = tfc.run("inbox")
    assert (line["post"], line["subject"], line["logged"]) == ("bern", "Overleg", True)
    opened = tfc.run("read", id=line["id"].upper())
    assert [text for _, text in opened["parts"]] == ["Overleg", "Een.", "Twee."]
    tfc.run("acknowledge", id=line["id"])
    exchange(bern.desk, tfc.desk)
    after = bern.run("receipts", id=sent)
    assert all(after["to"][0]["states"].values())
    # Of the checkpoint under which it was proven, and by two of three witnesses.
    assert after["proof"] == {
        "verified": True,
        "leaf": 0,
        "checkpoint": after["proof"]["checkpoint"],
        "witnesses": 2,
    }
    grown = bern.desk.machine.beliefs.message_log.size
    assert after["proof"]["checkpoint"] < grown


def test_all_witnesses_that_cosigned_are_counted(
    offices: tuple[Office, Office],
) -> None:
    bern, tfc = offices
    bern.desk.relay.witnesses = ("w1", "w2", "w3")
    sent = bern.run("send", **WISH)["id"]
    exchange(bern.desk, tfc.desk)
    assert bern.run("receipts", id=sent)["proof"]["witnesses"] == 3


def test_a_report_goes_as_flash_and_a_bad_one_not_at_all(
    offices: tuple[Office, Office],
) -> None:
    bern, tfc = offices
    sent = bern.run("incident", report=SAMPLE.read_text(), to=["tfc"])
    exchange(bern.desk, tfc.desk)
    (line,) = tfc.run("inbox")
    assert (line["id"], line["precedence"]) == (sent["id"], "FLASH")
    codes = [code for code, _ in tfc.run("read", id=line["id"])["parts"]]
    assert {"subject", "facts", "aware-at"} <= set(codes)
    refused = bern.refused("incident", report="{}", to=["tfc"])
    assert (refused.code, refused.exit_code) == ("agent.bad-input", Exit.BAD_INPUT)
    assert len(bern.run("outbox")) == 1


@pytest.mark.parametrize(
    ("changes", "code", "status"),
    [
        ({"until": "gisteren"}, "send.no-day", 2),
        ({"subject": "x" * 5_000}, "send.subject", 2),
        ({"text": ""}, "send.no-text", 2),
        ({"level": "Stg.ZG"}, None, 3),
        ({"until": None}, "refused.label-incomplete", 3),
        ({"to": ["nergens"]}, "refused.not-active", 3),
        ({"text": " \n\n \n"}, "send.no-text", 2),
        ({"text": "x" * 200_000}, "send.too-long", 2),
        ({"text": "x\n\n" * 2_000}, "send.too-long", 2),
        ({"subject": " "}, "send.subject", 2),
        ({"to": ["TFC"]}, "send.no-post", 2),
        ({"to": [""]}, "send.no-post", 2),
        ({"to": ["tfc", "tfc"]}, "send.post-twice", 2),
        ({"info": ["tfc"]}, "send.post-twice", 2),
        ({"to": ["bern"]}, "send.own-post", 2),
        ({"until": "9999-12-31"}, "send.no-day", 2),
        ({"until": "2020-01-01"}, "send.until-past", 2),
    ],
)
def test_what_may_not_be_sent_is_refused_with_its_reason(
    offices: tuple[Office, Office],
    changes: dict[str, object],
    code: str | None,
    status: int,
) -> None:
    bern, _ = offices
    refused = bern.refused("send", **{**WISH, **changes})
    assert refused.exit_code == status
    assert code in {None, refused.code}
    assert bern.run("outbox") == []


def test_a_name_must_be_long_enough_and_of_the_right_side(
    offices: tuple[Office, Office], monkeypatch: pytest.MonkeyPatch
) -> None:
    bern, tfc = offices
    for _ in range(2):
        bern.run("send", **{**WISH, "until": None, "event": "einde oefening"})
    exchange(bern.desk, tfc.desk)
    names = [bytes.fromhex(line["name"]) for line in tfc.run("inbox")]
    whole = names[0].hex()
    for way in ("read", "acknowledge", "attachments"):
        for few in ("", " ", "  ", whole[:5]):
            assert tfc.refused(way, id=few).code == "agent.id-too-short"
        assert tfc.refused(way, id=" " * 64).code == "agent.not-found"
        assert tfc.refused(way, id="zzzzzz").code == "agent.not-found"
    for way in ("withdraw", "receipts", "export"):
        assert bern.refused(way, id="").code == "agent.id-too-short"
    assert tfc.refused("inbox", older="").code == "agent.id-too-short"
    monkeypatch.setattr(names_module, "LEAST", 0)
    assert tfc.refused("read", id="").code == "agent.ambiguous"
    assert bern.refused("read", id=whole).code == "agent.not-found"
    assert bern.refused("dance").exit_code == Exit.BAD_INPUT


def test_a_member_who_may_not_see_it_gets_no_subject_and_no_text(
    offices: tuple[Office, Office], monkeypatch: pytest.MonkeyPatch
) -> None:
    bern, tfc = offices
    bern.run("send", **WISH)
    exchange(bern.desk, tfc.desk)
    view = type(tfc.desk.machine.beliefs.view())
    real = view.member

    def lower(self: Any, key: Any) -> Any:  # noqa: ANN401 -- stands in for another
        found = real(self, key)
        assert found is not None
        return replace(found, clearance=Clearance(level=Level.ONGERUBRICEERD))

    monkeypatch.setattr(view, "member", lower)
    (line,) = tfc.run("inbox")
    assert line["subject"] == ""
    for method in ("read", "acknowledge", "attachments", "attach-open"):
        refused = tfc.refused(method, id=line["id"])
        assert refused.exit_code == Exit.REFUSED
    assert tfc.desk.store.owed_posts() == []
    monkeypatch.setattr(view, "member", lambda *_: None)
    assert tfc.refused("read", id=line["id"]).code == "refused.member-not-active"


def test_a_member_who_is_not_enrolled_is_told_so_and_sends_nothing(
    offices: tuple[Office, Office],
) -> None:
    """LBL-14: the post is enrolled, and is not what is wrong."""
    bern, tfc = offices
    tfc.run("send", **WISH | {"to": ["bern"]})
    exchange(bern.desk, tfc.desk)
    (line,) = bern.run("inbox")
    here, stranger = bern.desk, signing_key(bern.desk.ministry.suite, "a stranger")
    seated = here.machine.identity.member
    here.machine.take_seat(stranger, here.now)
    for method, wish in (
        ("send", WISH),
        ("incident", {"report": SAMPLE.read_text(), "to": ["tfc"]}),
        ("read", {"id": line["id"]}),
        ("acknowledge", {"id": line["id"]}),
    ):
        refused = bern.refused(method, **wish)
        assert (refused.code, refused.exit_code, refused.parts) == (
            *("refused.member-not-active", Exit.REFUSED, {"post": "bern"}),
        )
    # What the others at this desk write goes on.
    here.machine.take_seat(seated, here.now)
    bern.run("send", **WISH)
    exchange(bern.desk, tfc.desk)
    assert (len(bern.run("outbox")), len(tfc.run("inbox"))) == (1, 1)


def test_before_the_first_synchronisation_nothing_is_written() -> None:
    hague = ministry()
    desk = Desk(hague, hague.posts["bern"], FakeRelay(hague))
    office = Office(desk)
    assert office.refused("send", **WISH).code == "refused.directory-stale"
    status = office.run("status")
    assert (status["enrolled"], status["reachable"], status["online"]) == (
        *(False, False, False),
    )
    desk.machine.alarm(Alarm.RELAY_NOT_OURS, desk.now)
    assert desk.happened() == ["relay-not-ours"]


def test_a_terminal_that_is_reachable_says_so(offices: tuple[Office, Office]) -> None:
    bern, _ = offices
    status = bern.run("status")
    assert status["enrolled"] is True
    assert status["reachable"] is True
    assert status["post"] == "bern"
    assert status["waiting"] == 0


@pytest.mark.parametrize(
    "kind", [RecordType.CABLE, RecordType.INCIDENT, RecordType.RECEIPT]
)
def test_a_body_that_is_not_of_its_type_is_shown_without_text(
    offices: tuple[Office, Office], kind: RecordType
) -> None:
    bern, _ = offices
    bern.run("send", **WISH)
    (row,) = bern.desk.store.records(1, 1)
    record = decode(row.document, Record, limit=MAX_RECORD)
    from msgspec import structs

    odd = structs.replace(record, type=kind, body=b"\xff", id=MessageId(bytes(16)))
    assert subject_of(odd) == ""
    assert parts_of(odd) == []


def test_lists_go_on_behind_a_message(offices: tuple[Office, Office]) -> None:
    bern, tfc = offices
    for subject in ("Een", "Twee"):
        bern.run("send", **{**WISH, "subject": subject}, info=[])
    exchange(bern.desk, tfc.desk)
    for office, method in ((bern, "outbox"), (tfc, "inbox")):
        new, old = office.run(method)
        assert office.run(method, older=new["id"]) == [old]
        assert office.run(method, older=old["name"]) == []
        with pytest.raises(AgentRefusal) as refused:
            office.run(method, older="00")
        assert refused.value.exit_code == Exit.BAD_INPUT


def test_a_look_at_the_spool_takes_away_what_a_killed_command_left(
    offices: tuple[Office, Office],
) -> None:
    bern, _ = offices
    bern.desk.spool.write("of-the-dead", 0, b"sealed")
    bern.run("spool")
    assert bern.desk.spool.size("of-the-dead") == 0


def test_the_bound_of_a_subject_is_the_protocols() -> None:
    (bound,) = get_args(Line)[1:]
    assert bound.max_length == writing.MAX_LINE


def test_a_report_of_long_ago_is_sent_all_the_same(
    offices: tuple[Office, Office], monkeypatch: pytest.MonkeyPatch
) -> None:
    bern, _ = offices
    monkeypatch.setattr(Office, "wall", lambda _: 4_000_000_000)
    report = json.loads(SAMPLE.read_text())
    report["label"] = {"level": "Dep.V", "until": "2031-01-31"}
    assert bern.run("incident", report=json.dumps(report), to=["tfc"])["id"]
