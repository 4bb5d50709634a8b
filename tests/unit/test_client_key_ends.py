"""People hear that a key of theirs ends, while it can still sign for its successor."""

import pytest

from client.answers.checkup import checkup
from protocol.directory_entry import Action, Revocation
from protocol.root import DAY
from tests.support.desk import Desk, exchange
from tests.support.fake_relay import FakeRelay
from tests.support.ministry import Ministry
from tests.support.office import Office
from tests.support.rotating import member_rotated, terminal_rotated
from tests.support.seats import Seat

KEY = {"key-ends-90", "key-ends-30", "key-ends-7"}


@pytest.fixture
def bern(desks: tuple[Desk, Desk]) -> Desk:
    return desks[0]


def first_end(desk: Desk, hague: Ministry) -> int:
    record = hague.directory.state.posts["bern"]
    assert desk.post.post == "bern"
    return min(holder.keys[-1].until for holder in record.live())


@pytest.mark.parametrize(
    ("days", "told"),
    [
        (91, set()),
        (90, {"key-ends-90"}),
        (30, {"key-ends-30"}),
        (7, {"key-ends-7"}),
        (-1, {"key-ends-7"}),
    ],
)
def test_the_end_of_a_key_is_told_in_time(
    bern: Desk, hague: Ministry, days: int, told: set[str]
) -> None:
    bern.machine.disconnected()
    bern.machine.tick(first_end(bern, hague) - days * DAY)
    assert bern.alarms() & KEY == told
    before = len(bern.happened())
    bern.machine.tick(first_end(bern, hague) - days * DAY)
    assert len(bern.happened()) == before  # once


def test_the_nearer_one_takes_the_place_of_the_one_before(
    bern: Desk, hague: Ministry
) -> None:
    bern.machine.disconnected()
    end = first_end(bern, hague)
    for days in (60, 20, 3):
        bern.machine.tick(end - days * DAY)
    assert bern.alarms() & KEY == {"key-ends-7"}


def test_a_key_that_is_gone_warns_no_more(
    bern: Desk, hague: Ministry, relay: FakeRelay
) -> None:
    seat = Seat(bern, hague.operators["anna"])
    end = first_end(bern, hague)
    member = hague.posts["bern"].member.id
    relay.log(hague.entry("bern", Action.REVOKE, Revocation(keys=(member,))))
    exchange(bern)
    found = seat.run("operator-expiring", days=4_000)
    assert member.hex()[:12] not in {line["key"] for line in found}
    bern.machine.disconnected()
    bern.machine.tick(end - 3 * DAY)
    assert "key-ends-7" in bern.alarms()  # the terminal's own ends that day too


def test_who_is_not_in_the_directory_is_told_nothing(
    hague: Ministry, relay: FakeRelay
) -> None:
    desk = Desk(hague, hague.posts["bern"], relay)
    desk.machine.tick(first_end(desk, hague))
    assert not desk.alarms() & KEY


def test_a_rotation_of_both_keys_ends_what_was_told(
    desks: tuple[Desk, Desk], hague: Ministry, relay: FakeRelay
) -> None:
    bern = desks[0]
    hague.now = relay.now = first_end(bern, hague) - 29 * DAY
    bern.connect()
    bern.tick()
    assert bern.alarms() & KEY == {"key-ends-30"}
    terminal_rotated(bern)
    exchange(*desks)
    bern.tick()
    assert bern.alarms() & KEY == {"key-ends-30"}  # the member's
    member_rotated(bern)
    exchange(*desks)
    bern.tick()
    assert not bern.alarms() & KEY
    assert "key-ends-30-over" in bern.happened()


def test_status_and_doctor_say_when(
    bern: Desk, hague: Ministry, relay: FakeRelay
) -> None:
    office = Office(bern)
    relay.now = first_end(bern, hague) - 6 * DAY
    bern.connect()
    status = office.run("status")
    assert (status["keys"]["days"], status["keys"]["ending"]) == (6, "week")
    assert checkup(bern.machine, bern.store, office)["keys"] == status["keys"]
    fresh = Desk(hague, hague.posts["bern"], relay)
    assert Office(fresh).run("status")["keys"] is None
