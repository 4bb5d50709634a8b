"""Taking back, expiry, refusals and alarms, as the agent answers about them."""

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from client.cli.main import main
from client.core.alarms import Alarm
from client.core.rows import IN, OUT
from client.core.withdrawals import note_withdrawal, withdrawn
from client.door import asking
from protocol.codec import decode
from protocol.delivery import State
from protocol.errors import PolicyError, Reason
from protocol.limits import MAX_RECORD
from protocol.receipt import Kind
from protocol.record import Record
from protocol.record_type import RecordType
from tests.support.desk import Desk, box_of, cable, exchange, pair
from tests.support.fake_relay import FakeRelay
from tests.support.ministry import ministry
from tests.support.office import Office

WHY = "verkeerde bijlage"


@pytest.fixture
def desks() -> tuple[Desk, Desk]:
    hague = ministry()
    return pair(hague, FakeRelay(hague))


def test_what_is_not_sealed_leaves_the_outbox_and_nobody_sees_it(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    office = Office(bern)
    bern.machine.disconnected()
    sent = bern.write("tfc", "toch niet")
    answer = office.run("withdraw", id=sent.name.hex()[:12], reason=WHY)
    assert answer == {"id": sent.name.hex()[:12], "withdrawal": None}
    bern.connect()
    exchange(bern, tfc)
    assert tfc.store.records(IN, 9) == []
    assert bern.store.targets(sent.name) == []
    (line,) = office.run("outbox")
    assert line["withdrawn"] is True
    bern.tick(9 * 86_400)
    assert bern.alarms() & {"undelivered", "overdue"} == set()


def test_what_was_sealed_gets_a_word_beside_it_at_both_ends(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    here, there = Office(bern), Office(tfc)
    sent = bern.write("tfc", "met de verkeerde bijlage")
    exchange(bern, tfc)
    better = bern.write("tfc", "met de goede")
    names = [record.name.hex()[:12] for record in (sent, better)]
    answer = here.run("withdraw", id=names[0], reason=WHY, instead=names[1])
    assert answer["withdrawal"] is not None
    exchange(bern, tfc)
    lines = {line["name"]: line for line in there.run("inbox")}
    assert lines[sent.name.hex()]["withdrawn"] == WHY
    assert lines[better.name.hex()]["withdrawn"] is None
    assert there.run("read", id=names[0])["parts"]  # shown all the same
    assert "withdrawn" in tfc.happened()
    lines = {line["name"]: line for line in here.run("outbox")}
    assert lines[sent.name.hex()]["withdrawn"] is True
    for desk in desks:  # nobody has to act on it any more
        desk.tick(3 * 86_400)
        overdue = {a.name for a in desk.store.alarms(9, ended=False)}
        assert sent.name not in overdue
        assert better.name in overdue


def test_a_withdrawal_says_what_it_is_and_asks_nothing(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    here, there = Office(bern), Office(tfc)
    sent, better = bern.write("tfc", "fout"), bern.write("tfc", "goed")
    exchange(bern, tfc)
    first, second = (record.name.hex()[:12] for record in (sent, better))
    answer = here.run("withdraw", id=first, reason=WHY, instead=second)
    own = answer["withdrawal"]
    exchange(bern, tfc)
    types = {line["name"]: line["type"] for line in there.run("inbox")}
    assert types == {
        sent.name.hex(): "cable",
        better.name.hex(): "cable",
        own: "withdrawal",
    }
    opened = there.run("read", id=own)
    assert opened["withdraws"] == first
    assert opened["parts"] == [
        ("withdraws", first),
        ("reason", WHY),
        ("instead", second),
    ]
    assert there.run("read", id=first)["withdraws"] is None
    assert there.refused("acknowledge", id=own).code == "agent.not-acted-on"
    for arguments, code in (
        ({"id": own}, "withdraw.of-withdrawal"),
        ({"id": first}, "withdraw.again"),
        ({"id": second, "instead": second}, "withdraw.itself"),
    ):
        assert here.refused("withdraw", reason=WHY, **arguments).code == code
    assert here.refused("export", id=first).code == "courier.withdrawn"


def test_a_withdrawn_message_is_marked_in_the_lists(
    desks: tuple[Desk, Desk], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bern, tfc = desks
    here, there = Office(bern), Office(tfc)
    sent = bern.write("tfc", "fout")
    exchange(bern, tfc)
    bern.machine.disconnected()
    kept = bern.write("tfc", "nooit weg")
    here.run("withdraw", id=kept.name.hex(), reason=WHY)
    here.run("withdraw", id=sent.name.hex(), reason=WHY)
    bern.connect()
    exchange(bern, tfc)

    def listed(office: Office, command: str) -> str:
        monkeypatch.setattr(asking, "ask", lambda _, name, **a: office.run(name, **a))
        line = ["--lang", "en", "--home", str(tmp_path), command]
        return CliRunner().invoke(main, line).stdout

    inbox = listed(there, "inbox")
    assert f"WITHDRAWAL of {sent.name.hex()[:12]}" in inbox
    assert inbox.count("    WITHDRAWN by the sender\n") == 1
    outbox = listed(here, "outbox")
    assert (
        f"{kept.name.hex()[:12]}  tfc  withdrawn, never sent\n    WITHDRAWN" in outbox
    )
    assert outbox.count("    WITHDRAWN\n") == 2


def test_a_withdrawal_that_comes_first_is_shown_when_its_message_comes(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    sent = bern.write("tfc")
    bern.run()
    first = list(box_of(tfc))
    box_of(tfc).clear()
    (row,) = bern.store.records(OUT, 9)
    bern.effects.extend(bern.machine.connected(bern.now))
    bern.machine.withdraw(row, WHY, None, bern.now)
    bern.effects.extend(bern.machine.pump(bern.now))
    exchange(bern, tfc)
    box_of(tfc).extend(first)
    exchange(bern, tfc)
    (row,) = tfc.inbox()
    assert row.name == sent.name
    gone, by = withdrawn(tfc.store, row)
    assert gone
    assert by is not None
    assert by.type == RecordType.WITHDRAWAL


def test_only_the_post_that_wrote_a_message_withdraws_it(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    sent = bern.write("tfc")
    exchange(bern, tfc)
    note_withdrawal(tfc.store, sent.name, sent.name, "lima", tfc.now)
    (row,) = tfc.inbox()
    assert withdrawn(tfc.store, row) == (False, None)
    assert "withdrawn" not in tfc.happened()


def test_what_machines_say_is_not_withdrawn(desks: tuple[Desk, Desk]) -> None:
    bern, tfc = desks
    bern.write("tfc")
    exchange(bern, tfc)
    (row,) = tfc.store.records(OUT, 9)
    with pytest.raises(PolicyError) as refused:
        tfc.machine.withdraw(row, WHY, None, tfc.now)
    assert refused.value.reason is Reason.INCONSISTENT
    assert tfc.store.targets(row.name)


def test_an_expired_message_is_delivered_and_shown_as_expired(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    wish = replace(cable("tfc"), expires=bern.now + 600)
    sent = bern.machine.compose(wish, bern.now)
    bern.effects.extend(bern.machine.pump(bern.now))
    exchange(bern, tfc)
    office = Office(tfc)
    (line,) = office.run("inbox")
    assert line["expired"] is False
    bern.relay.now += 600
    (line,) = office.run("inbox")
    assert line["expired"] is True
    (target,) = bern.store.targets(sent.name)
    assert target.delivery.state is State.DELIVERED


def test_every_refusal_is_shown_with_its_reason_and_its_post(
    desks: tuple[Desk, Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    bern, tfc = desks
    sent = bern.write("tfc")
    bern.run()

    def refused(*_: object) -> None:
        raise PolicyError(Reason.CAVEAT_NOT_HELD)

    monkeypatch.setattr("protocol.admit.accept", refused)
    tfc.fetch()
    monkeypatch.undo()
    exchange(bern, tfc)
    office = Office(bern)
    (found,) = office.run("outbox")
    (line,) = found["refused"]
    assert (line["post"], line["reason"]) == ("tfc", "caveat-not-held")
    (alarm,) = office.run("alarms")
    assert alarm["what"] == Alarm.REFUSED
    assert (alarm["post"], alarm["id"]) == ("tfc", sent.name.hex()[:12])
    assert alarm["integrity"] is False
    kinds = [receipt.kind for receipt in bern.store.receipts(sent.name)]
    assert kinds == [Kind.REFUSED]
    record = decode(sent.document, Record, limit=MAX_RECORD)
    assert record.to[0].post == "tfc"


def test_alarms_are_listed_until_their_cause_goes_away(
    desks: tuple[Desk, Desk],
) -> None:
    bern, _ = desks
    office = Office(bern)
    assert office.run("alarms") == []
    for _ in range(3):
        bern.machine.alarm(Alarm.RELAY_NOT_OURS, bern.now)
    (alarm,) = office.run("alarms")
    assert (alarm["what"], alarm["times"]) == ("relay-not-ours", 3)
    assert alarm["integrity"] is True
    with bern.store.transaction():
        assert bern.store.end_alarm(bern.now, "relay-not-ours", None, "")
    assert office.run("alarms") == []
    (alarm,) = office.run("alarms", ended=True)
    assert alarm["ended"] is not None
