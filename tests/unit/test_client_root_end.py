"""The end of a root document at a terminal: told in time, read-only, and back again."""

import pytest
from msgspec import structs

from client.core.alarms import INTEGRITY, Alarm
from crypto.digest import H
from crypto.sign import Usage
from protocol.codec import encode
from protocol.key_log_entry import LeafKind, read_leaf, read_signed, signed_leaf
from protocol.requests import LogName
from protocol.root import DAY, Extension
from protocol.signed import sign_document
from tests.support.desk import Desk, exchange
from tests.support.fake_relay import FakeRelay
from tests.support.ministry import Ministry, sign_root

TOLD = [Alarm.ROOT_90_DAYS, Alarm.ROOT_30_DAYS, Alarm.ROOT_7_DAYS, Alarm.ROOT_ENDED]


def renew(hague: Ministry, relay: FakeRelay, days: int) -> int:
    """Log the next root document, and return when it ends."""
    log = relay.logs[LogName.KEY]
    bodies = [read_leaf(leaf) for leaf in log.leaves]
    last = [read_signed(one.body) for one in bodies if one.kind is LeafKind.ROOT][-1]
    old = hague.directory.root.document
    versions = sum(one.kind is LeafKind.ROOT for one in bodies)
    document = structs.replace(
        old,
        version=versions + 1,
        prev=last.digest,
        issued=relay.now,
        expires=relay.now + days * DAY,
    )
    signed = sign_root(encode(document), hague.holders[:2], hague.realm)
    log.append(signed_leaf(LeafKind.ROOT, signed))
    return document.expires


def extend(hague: Ministry, relay: FakeRelay) -> None:
    """Log the extension of the newest root document."""
    log = relay.logs[LogName.KEY]
    bodies = [read_leaf(leaf) for leaf in log.leaves]
    last = [read_signed(one.body) for one in bodies if one.kind is LeafKind.ROOT][-1]
    document = encode(Extension(v=1, extends=H(last.document), reason="nood"))
    signed = sign_document(
        document, hague.holders[:2], usage=Usage.ROOT, realm=hague.realm
    )
    log.append(signed_leaf(LeafKind.EXTENSION, signed))


def told(desk: Desk) -> list[str]:
    standing = desk.alarms()
    return [alarm for alarm in TOLD if alarm in standing]


def later(relay: FakeRelay, now: int, *desks: Desk) -> None:
    """Let the time come, and everybody see it."""
    relay.now = now
    for desk in desks:
        desk.connect()
        desk.tick()


def test_people_are_told_at_ninety_thirty_and_seven_days_and_at_the_end(
    hague: Ministry, relay: FakeRelay, desks: tuple[Desk, Desk]
) -> None:
    bern, _ = desks
    end = renew(hague, relay, 200)
    seen = []
    for days in (91, 90, 31, 30, 8, 7, 1, 0):
        later(relay, end - days * DAY, bern)
        seen.append(told(bern))
    ninety, thirty, seven, ended = ([alarm] for alarm in TOLD)
    assert seen == [[], ninety, ninety, thirty, thirty, seven, seven, ended]
    happened = bern.happened()
    assert all(happened.count(alarm) == 1 for alarm in TOLD)  # each once
    assert not INTEGRITY & {*TOLD}
    renew(hague, relay, 300)
    later(relay, relay.now + 60, bern)
    assert told(bern) == []
    bern.restart()
    later(relay, relay.now + 60, bern)
    assert told(bern) == []


def test_a_restart_tells_nothing_twice(
    hague: Ministry, relay: FakeRelay, desks: tuple[Desk, Desk]
) -> None:
    bern, _ = desks
    end = renew(hague, relay, 200)
    later(relay, end - 20 * DAY, bern)
    bern.restart()
    later(relay, end - 19 * DAY, bern)
    assert told(bern) == [Alarm.ROOT_30_DAYS]
    assert bern.happened().count(Alarm.ROOT_30_DAYS) == 1


def test_a_wrong_wall_clock_ends_nothing(
    relay: FakeRelay, desks: tuple[Desk, Desk]
) -> None:
    bern, tfc = desks
    bern.machine.tick(relay.now + 3_650 * DAY)
    assert told(bern) == [Alarm.ROOT_7_DAYS]  # the clock is to be looked at, too
    sent = bern.write("tfc")
    exchange(bern, tfc)
    assert [row.name for row in tfc.inbox()] == [sent.name]
    bern.tick()
    assert told(bern) == []


def test_after_the_end_a_terminal_is_read_only_until_the_extension(
    hague: Ministry, relay: FakeRelay, desks: tuple[Desk, Desk]
) -> None:
    bern, tfc = desks
    end = renew(hague, relay, 10)
    exchange(bern, tfc)
    before = bern.write("tfc", "Voor het einde.")
    bern.run()
    later(relay, end, bern, tfc)
    exchange(bern, tfc)
    assert [row.name for row in tfc.inbox()] == [before.name]  # what was sealed arrives
    (row,) = tfc.inbox()
    tfc.machine.read(row, tfc.now)  # and is read
    written = bern.write("tfc", "Na het einde.")  # composing and queueing work
    exchange(bern, tfc)
    assert len(tfc.inbox()) == 1
    assert not bern.store.deposits(written.name)
    assert told(bern) == [Alarm.ROOT_ENDED]
    extend(hague, relay)
    exchange(bern, tfc)
    assert written.name in {row.name for row in tfc.inbox()}
    bern.tick()
    assert told(bern) == [Alarm.ROOT_30_DAYS]
    later(relay, end + 30 * DAY, bern)
    assert told(bern) == [Alarm.ROOT_ENDED]


@pytest.mark.parametrize("connected", [False, True])
def test_a_terminal_that_knows_no_root_yet_says_nothing_of_its_end(
    hague: Ministry, relay: FakeRelay, *, connected: bool
) -> None:
    desk = Desk(hague, hague.posts["bern"], relay)
    if connected:
        desk.connect()
    desk.tick()
    assert told(desk) == []
