"""The member at the desk sees what the member may see, not what the terminal may."""

from dataclasses import replace

import pytest
from msgspec import structs

from client.core.identity import Identity
from client.core.showing import require_shown
from crypto.sign import Realm
from crypto.suite import SuiteId
from protocol.directory_view import Ended
from protocol.errors import PolicyError, Reason
from protocol.label import Clearance, Level
from tests.support.posts import NOW, Cast, cast_of, record_of


@pytest.fixture
def cast() -> Cast:
    return cast_of(SuiteId.S1)


def identity(cast: Cast, *, member: bool = True) -> Identity:
    bern = cast.bern
    key = bern.member_key if member else None
    return Identity(terminal=bern.key, member=key, post="bern", realm=Realm.DEMO)


def change(cast: Cast, **changes: object) -> None:
    name = cast.bern.member_key.id
    members = cast.directory.members
    members[name] = replace(members[name], **changes)  # type: ignore[arg-type]


def shown(cast: Cast, *, member: bool = True) -> tuple[Reason, str | None] | None:
    record = record_of(cast.tfc, "bern")
    who = identity(cast, member=member)
    try:
        require_shown(record, who, cast.directory, now=NOW)
    except PolicyError as error:
        return error.reason, error.post
    return None


def test_a_cleared_member_is_shown_it(cast: Cast) -> None:
    assert shown(cast) is None


def test_nobody_at_the_desk_is_shown_nothing(cast: Cast) -> None:
    assert shown(cast, member=False) == (Reason.MEMBER_NOT_ACTIVE, "bern")


def test_a_member_that_the_directory_does_not_have_is_shown_nothing(
    cast: Cast,
) -> None:
    cast.directory.members.clear()
    assert shown(cast) == (Reason.MEMBER_NOT_ACTIVE, "bern")


def test_a_revoked_member_is_shown_nothing(cast: Cast) -> None:
    change(cast, ended=Ended("revoked", 1, NOW))
    assert shown(cast) == (Reason.MEMBER_NOT_ACTIVE, "bern")


def test_a_member_below_the_terminals_clearance_is_refused(cast: Cast) -> None:
    change(cast, clearance=Clearance(level=Level.ONGERUBRICEERD))
    assert shown(cast) == (Reason.LEVEL_ABOVE_CLEARANCE, "bern")


def test_the_ceiling_of_today_holds_for_what_came_before(cast: Cast) -> None:
    cast.directory.policy = structs.replace(
        cast.directory.policy, ceiling=Level.ONGERUBRICEERD
    )
    assert shown(cast) == (Reason.LEVEL_ABOVE_CEILING, None)
