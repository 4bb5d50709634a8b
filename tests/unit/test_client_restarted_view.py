"""A terminal that was restarted believes what it believed, and doubts no more."""

import pytest

from crypto.types import KeyId
from protocol.directory_view import Ended
from protocol.root import DAY
from tests.support.desk import Desk
from tests.support.ending import revoke
from tests.support.fake_relay import FakeRelay
from tests.support.ministry import Ministry


@pytest.mark.usefixtures("desks")
def test_two_adoptions_at_one_witnessed_time_stay_two(
    hague: Ministry, relay: FakeRelay
) -> None:
    key = KeyId(hague.posts["tfc"].terminal.key.id)
    fresh = Desk(hague, hague.posts["bern"], relay)
    fresh.connect()  # adopts the whole log now
    revoke(hague, relay, "tfc")
    fresh.notice()  # and the entry, in the same second

    def ended() -> Ended | None:
        found = fresh.machine.beliefs.view().terminal(key)
        assert found is not None
        return found.ended

    before = ended()
    assert before is not None
    assert before.witnessed > 0
    fresh.restart()
    assert ended() == before


@pytest.mark.usefixtures("desks")
def test_time_does_not_fall_though_a_quorum_cosigned_earlier(
    hague: Ministry, relay: FakeRelay
) -> None:
    """Else no checkpoint would be taken until their clocks had come that far again."""
    fresh = Desk(hague, hague.posts["bern"], relay)
    fresh.connect()
    times = [relay.now, relay.now - 100 * DAY]
    for number, relay.now in enumerate(times):
        for log in relay.logs.values():
            log.append(b"a leaf, number %d" % number)
        fresh.notice()

    def believed() -> list[tuple[int, int]]:
        beliefs = fresh.machine.beliefs
        logs = (beliefs.key_log, beliefs.message_log)
        return [(log.size, log.witnessed) for log in logs]

    before = believed()
    assert [witnessed for _, witnessed in before] == [times[0]] * 2
    fresh.restart()
    assert believed() == before
    for log in relay.logs.values():
        log.append(b"a leaf after the restart")
    fresh.connect()
    assert [size for size, _ in believed()] == [*relay.sizes]
    assert fresh.alarms() & {"relay-odd", "split-view"} == set()
