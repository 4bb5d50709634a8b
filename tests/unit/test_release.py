"""Who must sign what, and when an alert goes with its drafter alone."""

from dataclasses import replace

import pytest
from msgspec import structs

from crypto.suite import SuiteId
from crypto.types import KeyId
from protocol.bodies import StandingReleaseBody
from protocol.decision import Release, covers, may_sign, release_needed
from protocol.directory_view import Member
from protocol.incident.taxonomy import Stage
from protocol.label import Label, Level
from protocol.policy import DEMO
from protocol.record_type import RULES, Hand, RecordType
from tests.support.posts import DEP_V, NOW, cast_of

STRICT = structs.replace(DEMO, ceiling=Level.STG_G, standing=Level.STG_C)
STANDING = StandingReleaseBody(
    stage=Stage.ALERT, highest=Level.DEP_V, start=NOW - 10, until=NOW + 10
)
OTHER = KeyId(b"o" * 32)


@pytest.fixture
def member() -> Member:
    cast = cast_of(SuiteId.S1)
    return cast.directory.members[cast.bern.member_key.id]


@pytest.mark.parametrize("kind", RecordType)
@pytest.mark.parametrize("level", Level)
def test_each_type_and_level_has_its_signer(kind: RecordType, level: Level) -> None:
    hand = RULES[kind].hand
    if hand in {Hand.MACHINE, Hand.EITHER}:
        expected = Release.NOBODY
    elif hand is Hand.RELEASER and level > Level.DEP_V:
        expected = Release.SECOND
    else:
        expected = Release.MEMBER
    assert release_needed(DEMO, kind, level) is expected


def test_without_a_label_a_member_is_enough() -> None:
    assert release_needed(DEMO, RecordType.CABLE, None) is Release.MEMBER


@pytest.mark.parametrize(
    ("level", "right", "drafter", "expected"),
    [
        (None, -1, None, True),
        (Level.DEP_V, -1, None, True),
        (Level.STG_C, Level.STG_C, "other", True),
        (Level.STG_C, Level.STG_G, "other", True),
        (Level.STG_C, Level.DEP_V, "other", False),
        (Level.STG_C, -1, "other", False),
        (Level.STG_C, Level.STG_C, None, False),
        (Level.STG_C, Level.STG_C, "self", False),
        (Level.STG_C, Level.STG_C, "old key", False),
    ],
)
def test_the_second_member_holds_the_right_and_is_not_the_drafter(
    level: Level | None,
    right: int,
    drafter: str | None,
    expected: bool,  # noqa: FBT001 -- a case of the test
    member: Member,
) -> None:
    other = replace(member, key_id=OTHER, person=OTHER)
    who = {"other": other, "self": member, "old key": replace(member, key_id=OTHER)}
    signs = may_sign(
        replace(member, may_release=right),
        drafter=None if drafter is None else who[drafter],
        type_=RecordType.CABLE,
        level=level,
        policy=DEMO,
    )
    assert signs is expected


@pytest.mark.parametrize(
    ("changes", "stage", "level", "written", "expected"),
    [
        ({}, Stage.ALERT, Level.DEP_V, NOW, True),
        ({}, Stage.ALERT, Level.DEP_V, NOW - 10, True),
        ({}, Stage.ALERT, Level.DEP_V, NOW - 11, False),
        ({}, Stage.ALERT, Level.DEP_V, NOW + 10, False),
        ({}, Stage.ALERT, Level.STG_C, NOW, False),
        ({"highest": Level.STG_G}, Stage.ALERT, Level.STG_C, NOW, True),
        ({"highest": Level.STG_G}, Stage.ALERT, Level.STG_G, NOW, False),
        ({}, Stage.FINAL, Level.DEP_V, NOW, False),
        ({"stage": Stage.FINAL}, Stage.FINAL, Level.DEP_V, NOW, False),
        ({"stage": Stage.FINAL}, Stage.ALERT, Level.DEP_V, NOW, False),
    ],
)
def test_a_standing_release_covers_alerts_up_to_its_level_and_time(
    changes: dict[str, object],
    stage: Stage,
    level: Level,
    written: int,
    expected: bool,  # noqa: FBT001 -- a case of the test
) -> None:
    standing = structs.replace(STANDING, **changes)
    label: Label = structs.replace(DEP_V, level=level)
    assert covers(standing, stage, label, STRICT, written=written) is expected
