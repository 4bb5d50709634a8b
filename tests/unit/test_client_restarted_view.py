"""A terminal that was restarted believes what it believed, and doubts no more."""

import pytest

from crypto.sign import Usage
from crypto.types import KeyId
from protocol.directory_entry import Action, Revocation
from protocol.directory_view import Ended
from protocol.key_log_entry import LeafKind, signed_leaf
from protocol.proposal import propose
from protocol.root import DAY
from protocol.signed import sign_document
from tests.support.desk import Desk
from tests.support.fake_relay import FakeRelay
from tests.support.ministry import Ministry


@pytest.mark.usefixtures("desks")
def test_two_adoptions_at_one_witnessed_time_stay_two(
    hague: Ministry, relay: FakeRelay
) -> None:
    key = KeyId(hague.posts["tfc"].terminal.key.id)
    place = hague.place("tfc", Action.REVOKE)
    change = Revocation(keys=(key,))
    entry = propose(place, change, expires=hague.now + DAY, reason="lost")
    signed = sign_document(entry, hague.pair, usage=Usage.DIR, realm=hague.realm)
    fresh = Desk(hague, hague.posts["bern"], relay)
    fresh.connect()  # adopts the whole log now
    leaf = signed_leaf(LeafKind.DIRECTORY, signed)
    hague.log(leaf)
    relay.log(leaf)
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
