"""The signed policy: part of the root document, so only root holders change it.

Numbers that people may argue about stand here and not in code; each has the unit in
its name or comment.  :data:`DEMO` is the policy of demonstrations and tests.  A
root document whose policy contradicts itself is refused (:func:`contradictions`).

Source: docs/spec/labels.md section 6.
"""

from typing import Annotated, Final

from msgspec import Meta

from crypto.padding import BUCKETS
from protocol.codec import Message
from protocol.fields import UInt8, UInt32
from protocol.label import Label, Level, Marking, Precedence, Scheme

HOUR: Final = 3_600
DAY: Final = 24 * HOUR
WEEK: Final = 7 * DAY
NEXT_WORKING_DAY: Final = 0  # as a deadline: counted by the post's working days


class LevelRule(Message):
    """What holds for one level."""

    level: Level
    freshness: UInt32  # seconds that the directory may be old when sealing
    second_member: UInt8 = 0  # 1: the releaser is another person than the drafter
    archive: UInt8 = 0  # 1: a copy for the archive is mandatory where there is one


class Equivalence(Message):
    """A foreign marking and the national level it is handled as."""

    scheme: Scheme
    marking: Marking
    level: Level


class Policy(Message):
    """What this installation may carry, and how long things take."""

    ceiling: Level  # no message above it leaves or is shown
    levels: Annotated[tuple[LevelRule, ...], Meta(min_length=5, max_length=5)]
    equivalences: Annotated[tuple[Equivalence, ...], Meta(max_length=64)] = ()
    # seconds to acknowledge: ROUTINE, PRIORITY, IMMEDIATE, FLASH
    deadlines: Annotated[tuple[UInt32, ...], Meta(min_length=4, max_length=4)]
    floor: Annotated[int, Meta(ge=4096, le=8192)]  # bytes, smallest padded body
    floor_poor: Annotated[int, Meta(ge=4096, le=8192)]  # on lines marked poor
    reorder_flash: UInt32  # seconds before a hole in a FLASH lane is asked for
    reorder: UInt32  # the same in the other lanes
    clock: UInt32  # seconds that wall clock and witnessed time may differ
    epoch: UInt32  # seconds of one epoch prekey, 6 h to 7 days
    published: UInt8  # epoch prekeys published ahead
    retention: UInt32  # seconds that the outbox waits for every terminal
    cosignature: UInt32  # seconds that an ML-DSA cosignature serves
    unconfirmed: UInt8  # restrictions per operator without a second signature
    consent: UInt32  # seconds before a terminal without the post's consent works
    standing: Level  # highest level of a standing release
    review: UInt32  # seconds to review what went under a standing release


DEMO: Final = Policy(
    ceiling=Level.DEP_V,
    levels=(
        LevelRule(level=Level.ONGERUBRICEERD, freshness=7 * DAY),
        LevelRule(level=Level.DEP_V, freshness=DAY),
        LevelRule(level=Level.STG_C, freshness=4 * HOUR, second_member=1, archive=1),
        LevelRule(level=Level.STG_G, freshness=HOUR, second_member=1, archive=1),
        LevelRule(level=Level.STG_ZG, freshness=HOUR, second_member=1, archive=1),
    ),
    equivalences=tuple(
        Equivalence(scheme=scheme, marking=marking, level=level)
        for scheme, marking, level in (
            ("EU", "CONFIDENTIEL UE/EU CONFIDENTIAL", Level.STG_C),
            ("EU", "RESTREINT UE/EU RESTRICTED", Level.DEP_V),
            ("EU", "SECRET UE/EU SECRET", Level.STG_G),
            ("EU", "TRÈS SECRET UE/EU TOP SECRET", Level.STG_ZG),
            ("NATO", "COSMIC TOP SECRET", Level.STG_ZG),
            ("NATO", "NATO CONFIDENTIAL", Level.STG_C),
            ("NATO", "NATO RESTRICTED", Level.DEP_V),
            ("NATO", "NATO SECRET", Level.STG_G),
        )
    ),
    deadlines=(NEXT_WORKING_DAY, 3 * HOUR, HOUR, 15 * 60),
    floor=6144,
    floor_poor=4096,
    reorder_flash=60,
    reorder=30 * 60,
    clock=15 * 60,
    epoch=DAY,
    published=30,
    retention=30 * DAY,
    cosignature=6 * HOUR,
    unconfirmed=3,
    consent=DAY,
    standing=Level.DEP_V,
    review=DAY,
)


def contradictions(policy: Policy) -> tuple[str, ...]:
    """Return where the policy contradicts itself; a root with such a one is refused."""
    levels = tuple(rule.level for rule in policy.levels)
    fresh = [rule.freshness for rule in policy.levels]
    named = [(row.scheme, row.marking) for row in policy.equivalences]
    rules = {
        "one rule per level, ascending": levels == tuple(Level),
        "a higher level is never less fresh": fresh == sorted(fresh, reverse=True),
        "one row per foreign marking, ascending": named == sorted(set(named)),
        "a standing release is within the ceiling": policy.standing <= policy.ceiling,
        "an epoch lasts 6 hours to 7 days": policy.epoch in range(6 * HOUR, WEEK + 1),
        "a poor line has the smaller floor": policy.floor_poor <= policy.floor,
        "a floor is a bucket": {policy.floor, policy.floor_poor} <= {*BUCKETS},
        "1 to 60 epoch keys are published": policy.published in range(1, 61),
        "one signer alone can restrict": policy.unconfirmed > 0,
    }
    return tuple(rule for rule, holds in rules.items() if not holds)


def rule_for(policy: Policy, level: Level) -> LevelRule:
    """Return the rule of ``level``; :func:`contradictions` shows that each has one."""
    return policy.levels[level]


def deadline(policy: Policy, precedence: Precedence) -> int | None:
    """Return the seconds to acknowledge; None: until the next working day ends."""
    seconds = policy.deadlines[precedence]
    return None if seconds == NEXT_WORKING_DAY else seconds


def grace(policy: Policy, lane: int) -> int:
    """Return the seconds before a hole in a lane is asked for again."""
    return policy.reorder_flash if lane == Precedence.FLASH.lane else policy.reorder


def national_level(policy: Policy, scheme: str, marking: str) -> Level | None:
    """Return the level that a foreign marking is handled as; None: nobody decided.

    A marking that the table does not name is never guessed (British levels are
    left out on purpose: a person decides).
    """
    for row in policy.equivalences:
        if (row.scheme, row.marking) == (scheme, marking):
            return row.level
    return None


def least_level(policy: Policy, label: Label) -> Level:
    """Return the lowest level that the foreign markings of ``label`` allow."""
    levels = (national_level(policy, m.scheme, m.marking) for m in label.foreign)
    known = (level for level in levels if level is not None)
    return max(known, default=Level.ONGERUBRICEERD)
