"""A terminal that was restarted believes what it believed, and doubts no more."""

import pytest

from crypto.types import KeyId
from protocol.directory_view import Ended
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
