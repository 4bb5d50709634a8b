"""Why an entry cannot come next at its post: one reason for each rule."""

import pytest
from msgspec import structs

from client.core.proposals import hindrance
from crypto.types import ZERO_DIGEST
from protocol.codec import decode
from protocol.directory_entry import (
    Action,
    Change,
    ChangedDetails,
    Details,
    DirectoryEntry,
    Revocation,
)
from protocol.proposal import propose
from tests.support.ministry import Ministry

DETAILS = ChangedDetails(details=Details(name_nl="Bern", name_en="Berne"))


def entry_of(
    hague: Ministry, post: str, action: Action, change: Change = DETAILS
) -> DirectoryEntry:
    place = hague.place(post, action)
    document = propose(place, change, expires=hague.now + 60, reason="test")
    return decode(document, DirectoryEntry)


def why(hague: Ministry, entry: DirectoryEntry, later: int = 0) -> str | None:
    return hindrance(hague.directory.state, entry, hague.now + later)


def test_the_next_entry_of_a_post_may_come_until_it_expires(hague: Ministry) -> None:
    entry = entry_of(hague, "bern", Action.SET_DETAILS)
    assert why(hague, entry, 59) is None
    assert why(hague, entry, 60) == "expired"


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"root": ZERO_DIGEST}, "other-root"),
        ({"version": 9}, "stale"),
        ({"prev": ZERO_DIGEST}, "stale"),
    ],
)
def test_an_entry_of_another_root_or_place_may_not(
    hague: Ministry, other: dict[str, object], reason: str
) -> None:
    entry = entry_of(hague, "bern", Action.SET_DETAILS)
    assert why(hague, structs.replace(entry, **other)) == reason


def test_nobody_is_enrolled_twice_or_changed_before(hague: Ministry) -> None:
    change = hague.enrolment(hague.place("bern", Action.ENROL), "+")
    assert why(hague, entry_of(hague, "bern", Action.ENROL, change)) == "no-effect"
    assert why(hague, entry_of(hague, "nowhere", Action.SET_DETAILS)) == "no-effect"


def test_a_post_that_was_revoked_is_only_enrolled_again(hague: Ministry) -> None:
    hague.log(hague.entry("bern", Action.REVOKE, Revocation()))
    assert why(hague, entry_of(hague, "bern", Action.SET_DETAILS)) == "no-effect"
    change = hague.enrolment(hague.place("bern", Action.RE_ENROL), "+")
    assert why(hague, entry_of(hague, "bern", Action.RE_ENROL, change)) is None
