"""Holes, heartbeats, deadlines: what a relay holds back is missed, and comes again."""

from dataclasses import replace

import pytest

from client.core.compose import Wish
from client.core.deadlines import due_at
from client.core.rows import IN, OUT
from crypto.types import Digest
from protocol.delivery import State
from protocol.heartbeat import DAY
from protocol.label import Precedence
from protocol.policy import DEMO, HOUR
from protocol.record_type import RecordType
from protocol.stream_store import dump
from protocol.streams import Stream
from tests.support.desk import Desk, box_of, cable, exchange, pair
from tests.support.fake_relay import FakeRelay
from tests.support.ministry import ministry

GRACE, FLASH_GRACE = DEMO.reorder, DEMO.reorder_flash


@pytest.fixture
def desks() -> tuple[Desk, Desk]:
    hague = ministry()
    return pair(hague, FakeRelay(hague))


def state_of(desk: Desk, name: Digest) -> State:
    (target,) = desk.store.targets(name)
    return target.delivery.state


def types_in(desk: Desk) -> list[int]:
    return [row.type for row in desk.store.records(IN, 1_000)]


def dropped(bern: Desk, tfc: Desk, precedence: Precedence) -> Digest:
    """Return a message that the relay lost before TFC got it; the next one came."""
    lost = bern.write("tfc", "de eerste")
    bern.run()
    box_of(tfc).clear()
    bern.write("tfc", "de tweede", precedence)
    exchange(bern, tfc)
    return lost.name


# --- holes


@pytest.mark.parametrize(
    ("precedence", "grace"),
    [(Precedence.FLASH, FLASH_GRACE), (Precedence.ROUTINE, GRACE)],
)
def test_a_hole_is_asked_for_after_the_grace_of_its_lane(
    desks: tuple[Desk, Desk], precedence: Precedence, grace: int
) -> None:
    bern, tfc = desks
    lost = dropped(bern, tfc, precedence)
    bern.relay.seen.clear()  # it knows nothing of the first any more
    tfc.tick(grace - 30)
    exchange(bern, tfc)
    assert "resend-asked" not in tfc.happened()
    tfc.tick(30)
    exchange(bern, tfc)
    assert "resend-asked" in tfc.happened()
    assert len(tfc.inbox()) == 2
    assert state_of(bern, lost) is State.DELIVERED
    (target,) = bern.store.targets(lost)
    assert len(target.delivery.kids) == 1  # the same bytes
    assert tfc.alarms() == bern.alarms() == set()
    assert "late" in tfc.happened()


def test_a_relay_that_says_it_has_it_gets_another_seal(
    desks: tuple[Desk, Desk],
) -> None:
    """It answers the same bytes with *stored* and delivers nothing."""
    bern, tfc = desks
    lost = dropped(bern, tfc, Precedence.FLASH)
    tfc.tick(FLASH_GRACE)
    exchange(bern, tfc)
    assert len(tfc.inbox()) == 1
    tfc.tick(FLASH_GRACE)
    exchange(bern, tfc)
    assert len(tfc.inbox()) == 2
    (target,) = bern.store.targets(lost)
    assert len(set(target.delivery.kids)) == 2
    assert target.delivery.state is State.DELIVERED
    assert tfc.alarms() == bern.alarms() == set()


def test_people_are_told_of_a_hole_after_a_day_and_again_when_it_is_closed(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    bern.machine.disconnected()
    bern.machine.connected(bern.now)
    dropped(bern, tfc, Precedence.ROUTINE)
    tfc.tick(DAY)
    assert "hole" in tfc.alarms()
    tfc.run()
    for _ in range(3):
        exchange(bern, tfc)
        tfc.tick(DAY)
    assert len(tfc.inbox()) == 2
    assert "hole" not in tfc.alarms()
    assert "hole-over" in tfc.happened()


def test_what_was_confirmed_is_not_sent_again(desks: tuple[Desk, Desk]) -> None:
    """A terminal that asks for it lost its vault, and people speak first."""
    bern, tfc = desks
    bern.write("tfc")
    exchange(bern, tfc)
    with tfc.store.transaction():  # as a vault of yesterday
        ((terminal, stream, _),) = tfc.store.streams_in()
        tfc.store.set_stream_in(terminal, stream, dump(Stream(stream)))
    bern.write("tfc", "de tweede")
    exchange(bern, tfc)
    before = [len(d.sealed or b"") for d in bern.store.unstored()]
    for _ in range(3):
        tfc.tick(GRACE)
        exchange(bern, tfc)
    assert "resend-asked" in tfc.happened()
    assert "asked-again" not in bern.happened()
    assert before == []


def test_more_holes_than_a_stream_has_room_for_block_nothing(
    desks: tuple[Desk, Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("protocol.streams.MAX_STREAM_HOLES", 3)
    bern, tfc = desks
    lost = bern.write("tfc", "de eerste")
    bern.run()
    box_of(tfc).clear()
    for number in range(6):
        bern.write("tfc", f"bericht {number}")
    bern.run()
    tfc.fetch()
    assert box_of(tfc) == []  # nothing waits at the relay, whatever came
    assert len(tfc.inbox()) == 3
    bern.relay.seen.clear()
    for _ in range(8):
        tfc.tick(GRACE)
        exchange(bern, tfc)
    assert len(tfc.inbox()) == 7
    assert state_of(bern, lost.name) is State.DELIVERED
    assert "fork" not in tfc.happened()
    (target,) = bern.store.targets(lost.name)
    assert target.delivery.released


# --- heartbeats


def days(count: int, *desks: Desk) -> None:
    """Let so many days pass, with everybody online."""
    for _ in range(count * 24):
        for desk in desks:
            desk.tick(HOUR // len(desks))
        exchange(*desks)


def test_receipts_are_let_go_when_a_heartbeat_covers_them(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    bern.write("tfc")
    exchange(bern, tfc)
    assert [t.post for t in tfc.store.open_targets()] == ["bern"]  # its receipt
    days(3, bern, tfc)
    beats = [d for d in (bern, tfc) if RecordType.HEARTBEAT in types_in(d)]
    assert beats == [bern, tfc]  # one that has something open, and its answer
    for desk in desks:
        kinds = {
            row.type
            for target in desk.store.open_targets()
            if (row := desk.store.record(target.name)) is not None
        }
        assert kinds <= {RecordType.HEARTBEAT}
        assert desk.alarms() == {"overdue"}  # nobody acknowledged
        for row in desk.store.records(OUT, 9):
            if row.type != RecordType.HEARTBEAT:
                (deposit,) = desk.store.deposits(row.name)
                assert deposit.sealed is None
                assert deposit.size > 0


def test_two_terminals_do_not_keep_each_other_talking(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    bern.write("tfc")
    exchange(bern, tfc)
    days(3, bern, tfc)
    before = len(types_in(bern)), len(types_in(tfc))
    days(4, bern, tfc)
    assert (len(types_in(bern)), len(types_in(tfc))) == before


def test_the_last_message_that_is_held_back_is_missed_by_the_next_heartbeat(
    desks: tuple[Desk, Desk],
) -> None:
    """Nothing comes behind it, so only the heartbeat's claim shows the hole."""
    bern, tfc = desks
    lost = bern.write("tfc")
    bern.run()
    box_of(tfc).clear()
    exchange(bern, tfc)
    assert tfc.inbox() == []
    bern.relay.seen.clear()
    days(2, bern, tfc)
    assert len(tfc.inbox()) == 1
    assert state_of(bern, lost.name) is State.DELIVERED


@pytest.mark.parametrize("lie", ["place", "record"])
def test_a_peer_that_has_in_our_stream_what_we_did_not_put_there_is_an_alarm(
    desks: tuple[Desk, Desk], lie: str
) -> None:
    bern, tfc = desks
    sent = bern.write("tfc")
    exchange(bern, tfc)
    box_of(bern).clear()
    tfc.fetch()
    other = bern.machine.compose(cable_now(), bern.now)
    out = bern.store.stream_out(tfc.post.terminal.key.id)
    assert out is not None
    with bern.store.transaction():  # as a vault that was rolled back
        if lie == "place":
            bern.store.set_stream_out(tfc.post.terminal.key.id, out._replace(seq=0))
        else:
            for name, instead in ((other.name, None), (sent.name, other.name)):
                (target,) = bern.store.targets(name)
                bern.store.drop_target(target)
                if instead is not None:
                    bern.store.add_target(replace(target, name=instead))
    tfc.write("bern")  # so that there is a heartbeat of TFC
    tfc.run()
    box_of(bern).clear()
    days(2, tfc)
    bern.fetch()
    assert "stream-odd" in bern.alarms()


# --- deadlines


@pytest.mark.parametrize(
    ("precedence", "since", "due"),
    [
        (Precedence.FLASH, 1_790_000_000, 1_790_000_000 + 900),
        (Precedence.IMMEDIATE, 1_790_000_000, 1_790_000_000 + HOUR),
        # Monday 21 September 2026, 14:13 UTC: until the end of Tuesday
        (Precedence.ROUTINE, 1_790_000_000, 1_790_121_600),
        # Friday and Saturday: until the end of Monday
        (Precedence.ROUTINE, 1_790_000_000 + 4 * DAY, 1_790_121_600 + 6 * DAY),
        (Precedence.ROUTINE, 1_790_000_000 + 5 * DAY, 1_790_121_600 + 6 * DAY),
    ],
)
def test_deadlines_are_the_policys(
    precedence: Precedence, since: int, due: int
) -> None:
    assert due_at(DEMO, precedence, since) == due


def test_both_ends_are_told_when_nobody_acknowledges_in_time(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    bern.write("tfc", "Nu.", Precedence.FLASH)
    exchange(bern, tfc)
    for desk in desks:
        desk.tick(400)
        assert desk.alarms() == set()
    exchange(bern, tfc)
    for desk in desks:
        desk.tick(200)
        assert desk.alarms() == {"overdue"}
    (row,) = tfc.inbox()
    tfc.machine.acknowledge(row, tfc.now)
    assert tfc.alarms() == set()
    exchange(bern, tfc)
    bern.tick()
    assert bern.alarms() == set()
    assert "overdue-over" in bern.happened()


def test_a_message_that_does_not_arrive_in_time_is_told_to_its_sender(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    sent = bern.write("tfc", "Nu.", Precedence.FLASH)
    bern.run()
    bern.tick(900)
    assert bern.alarms() == {"undelivered", "overdue"}
    exchange(bern, tfc)
    assert bern.alarms() == {"overdue"}
    assert state_of(bern, sent.name) is State.DELIVERED


def test_what_people_are_told_offline_is_told_too(desks: tuple[Desk, Desk]) -> None:
    bern, _ = desks
    bern.machine.disconnected()
    bern.write("tfc", "Nu.", Precedence.FLASH)
    bern.relay.now += 900
    assert bern.machine.tick(bern.now) == []
    assert bern.alarms() == {"undelivered", "overdue"}


def test_a_clock_that_is_years_ahead_makes_nothing_overdue(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    wrong = 10 * 365 * DAY
    witnessed = bern.machine.beliefs.witnessed
    sent = bern.machine.compose(cable_now(), bern.now)
    bern.machine.beliefs.anchor = (witnessed, bern.now + wrong)  # then it jumps
    late = {"undelivered", "overdue"}
    bern.machine.tick(bern.now + wrong + 600)
    assert bern.alarms() & late == set()
    bern.machine.tick(bern.now + wrong + 900 + bern.now - witnessed)
    assert bern.alarms() & late == late
    assert bern.store.targets(sent.name)
    assert tfc.alarms() == set()


def cable_now() -> Wish:
    return cable("tfc", precedence=Precedence.FLASH)


def test_the_relay_is_tried_more_often_for_a_flash_and_before_the_first_session(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    assert not bern.machine.urgent()
    bern.machine.disconnected()
    bern.write("tfc", "kan wachten")
    assert not bern.machine.urgent()
    bern.write("tfc", "Nu.", Precedence.FLASH)
    assert bern.machine.urgent()
    bern.connect()
    assert not bern.machine.urgent()
    fresh = Desk(bern.ministry, bern.ministry.posts["tfc"], bern.relay)
    assert fresh.machine.urgent()
    assert not tfc.machine.urgent()
