"""The signed policy: what it says, and when it contradicts itself."""

import pytest
from msgspec import structs

from protocol.codec import decode, encode
from protocol.label import Foreign, Label, Level, Precedence
from protocol.manifest import MAX_EPOCHS
from protocol.policy import (
    DAY,
    DEMO,
    HOUR,
    WEEK,
    Equivalence,
    Policy,
    contradictions,
    deadline,
    grace,
    least_level,
    national_level,
    rule_for,
)


def test_the_policy_of_demonstrations_is_whole_and_has_one_encoding() -> None:
    assert contradictions(DEMO) == ()
    assert decode(encode(DEMO), Policy) == DEMO


def test_the_policy_of_demonstrations_stops_at_dep_v() -> None:
    assert DEMO.ceiling is DEMO.standing is Level.DEP_V


@pytest.mark.parametrize("level", Level)
def test_each_level_has_its_rule(level: Level) -> None:
    rule = rule_for(DEMO, level)
    assert rule.level is level
    assert bool(rule.second_member) is bool(rule.archive) is (level > Level.DEP_V)


@pytest.mark.parametrize(
    ("precedence", "seconds"),
    [
        (Precedence.ROUTINE, None),
        (Precedence.PRIORITY, 3 * HOUR),
        (Precedence.IMMEDIATE, HOUR),
        (Precedence.FLASH, 15 * 60),
    ],
)
def test_deadlines(precedence: Precedence, seconds: int | None) -> None:
    assert deadline(DEMO, precedence) == seconds


def test_a_hole_in_the_flash_lane_is_asked_for_within_a_minute() -> None:
    assert [grace(DEMO, lane) for lane in range(5)] == [60, 1800, 1800, 1800, 1800]


ROW = DEMO.equivalences[0]
LEVELS = DEMO.levels


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"levels": (LEVELS[0],) * 5}, "one rule per level, ascending"),
        ({"levels": LEVELS[::-1]}, "one rule per level, ascending"),
        (
            {"levels": (structs.replace(LEVELS[0], freshness=1), *LEVELS[1:])},
            "a higher level is never less fresh",
        ),
        ({"equivalences": (ROW, ROW)}, "one row per foreign marking, ascending"),
        (
            {"equivalences": (ROW, structs.replace(ROW, level=Level.STG_ZG))},
            "one row per foreign marking, ascending",
        ),
        ({"standing": Level.STG_C}, "a standing release is within the ceiling"),
        ({"epoch": 6 * HOUR - 1}, "an epoch lasts 6 hours to 7 days"),
        ({"epoch": WEEK + 1}, "an epoch lasts 6 hours to 7 days"),
        ({"floor": 4096, "floor_poor": 6144}, "a poor line has the smaller floor"),
        ({"floor": 5000}, "a floor is a bucket"),
        ({"floor_poor": 4097}, "a floor is a bucket"),
        ({"published": 0}, "1 to 60 epoch keys are published"),
        ({"published": 61}, "1 to 60 epoch keys are published"),
        ({"unconfirmed": 0}, "one signer alone can restrict"),
    ],
)
def test_a_policy_that_contradicts_itself_says_where(
    changes: dict[str, object], expected: str
) -> None:
    assert expected in contradictions(structs.replace(DEMO, **changes))


@pytest.mark.parametrize("published", [1, MAX_EPOCHS])
def test_a_manifest_holds_what_a_policy_publishes(published: int) -> None:
    """A sound policy never makes a terminal unreachable by itself."""
    assert contradictions(structs.replace(DEMO, published=published)) == ()


@pytest.mark.parametrize("epoch", [6 * HOUR, DAY, WEEK])
def test_epochs_within_their_bounds(epoch: int) -> None:
    assert contradictions(structs.replace(DEMO, epoch=epoch)) == ()


@pytest.mark.parametrize(
    ("scheme", "marking", "level"),
    [
        ("EU", "RESTREINT UE/EU RESTRICTED", Level.DEP_V),
        ("EU", "CONFIDENTIEL UE/EU CONFIDENTIAL", Level.STG_C),
        ("EU", "SECRET UE/EU SECRET", Level.STG_G),
        ("EU", "TRÈS SECRET UE/EU TOP SECRET", Level.STG_ZG),
        ("NATO", "NATO RESTRICTED", Level.DEP_V),
        ("NATO", "NATO CONFIDENTIAL", Level.STG_C),
        ("NATO", "NATO SECRET", Level.STG_G),
        ("NATO", "COSMIC TOP SECRET", Level.STG_ZG),
        ("EU", "NATO SECRET", None),
        ("EU", "restreint ue/eu restricted", None),
        ("UK", "OFFICIAL-SENSITIVE", None),
        ("UK", "SECRET", None),
    ],
)
def test_foreign_markings_are_mapped_by_the_table_or_not_at_all(
    scheme: str, marking: str, level: Level | None
) -> None:
    assert national_level(DEMO, scheme, marking) is level


def test_no_policy_of_ours_maps_a_british_level() -> None:
    assert all(row.scheme != "UK" for row in DEMO.equivalences)


def test_the_highest_known_marking_sets_the_least_level() -> None:
    eu = Foreign(scheme="EU", marking="SECRET UE/EU SECRET")
    nato = Foreign(scheme="NATO", marking="NATO RESTRICTED")
    uk = Foreign(scheme="UK", marking="TOP SECRET")

    def least(*foreign: Foreign) -> Level:
        return least_level(DEMO, Label(level=Level.ONGERUBRICEERD, foreign=foreign))

    assert least() is least(uk) is Level.ONGERUBRICEERD
    assert least(nato, uk) is Level.DEP_V
    assert least(eu, nato) is Level.STG_G


def test_a_row_names_scheme_marking_and_level() -> None:
    row = Equivalence(scheme="UK", marking="SECRET", level=Level.STG_G)
    assert national_level(structs.replace(DEMO, equivalences=(row,)), "UK", "SECRET")
