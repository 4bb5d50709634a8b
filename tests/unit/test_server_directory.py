"""What the relay logs, as far as its clock decides."""

import pytest

from protocol.codec import decode
from protocol.directory_entry import (
    Action,
    ChangedDetails,
    Details,
    DirectoryEntry,
)
from protocol.errors import ExpiredError
from protocol.key_log_entry import LeafKind, read_leaf, read_signed, signed_leaf
from protocol.zeroising import OPEN
from server.services.directory import Directory
from tests.support.ministry import Ministry
from tests.support.restrictions import zeroise_order


def test_an_order_is_logged_within_a_week(hague: Ministry) -> None:
    relay = Directory.founded(hague.leaves, hague.now)
    leaf = signed_leaf(LeafKind.ZEROISE, zeroise_order(hague, "anna", "bram"))
    assert relay.check(leaf, hague.now + OPEN - 1).kind is LeafKind.ZEROISE
    with pytest.raises(ExpiredError):
        relay.check(leaf, hague.now + OPEN)


def test_an_entry_is_logged_until_its_end(hague: Ministry) -> None:
    relay = Directory.founded(hague.leaves, hague.now)
    change = ChangedDetails(details=Details(name_nl="Bern", name_en="Berne"))
    leaf = hague.entry("bern", Action.SET_DETAILS, change)
    entry = decode(read_signed(read_leaf(leaf).body).document, DirectoryEntry)
    assert relay.check(leaf, entry.expires - 1).post == "bern"
    with pytest.raises(ExpiredError):
        relay.check(leaf, entry.expires)


def test_what_was_logged_in_time_stays(hague: Ministry) -> None:
    leaf = signed_leaf(LeafKind.ZEROISE, zeroise_order(hague, "anna", "bram"))
    leaves = [*hague.leaves, leaf]
    relay = Directory.founded(leaves, hague.now + 2 * OPEN)
    assert hague.posts["bern"].terminal.key.id in relay.trusted.state.zeroised
