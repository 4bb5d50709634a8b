"""The lattice of labels, by tables: what each part of a label decides."""

import pytest
from msgspec import structs

from protocol.codec import decode, encode
from protocol.errors import MalformedError, Reason
from protocol.label import (
    CAVEATS,
    FULL,
    MAX_EVENTS,
    MAX_FOREIGN,
    SHORT,
    Caveat,
    Clearance,
    Foreign,
    Label,
    Level,
    Precedence,
    dominates,
    flaws,
    has_ended,
    join,
    meet,
    refusals,
)

UNTIL = 1_800_000_000
EU = Foreign(scheme="EU", marking="RESTREINT UE/EU RESTRICTED")
NATO = Foreign(scheme="NATO", marking="NATO SECRET")
EYES, ORCON = Caveat.NLD_EYES_ONLY, Caveat.ORCON
PLAIN = Label(level=Level.ONGERUBRICEERD)
DEP_V = Label(level=Level.DEP_V, until=UNTIL)
CLEARED = Clearance(level=Level.STG_C, caveats=(EYES,), schemes=("EU",))


def label(**changes: object) -> Label:
    return structs.replace(DEP_V, **changes)


def test_the_levels_ascend_and_have_the_short_forms_of_the_regulation() -> None:
    assert [SHORT[level] for level in sorted(Level)] == [
        "Ongerubriceerd",
        "Dep.V",
        "Stg.C",
        "Stg.G",
        "Stg.ZG",
    ]
    assert list(FULL) == list(SHORT) == list(Level)
    assert list(CAVEATS) == list(Caveat)


def test_lanes_go_from_flash_to_routine() -> None:
    assert [p.lane for p in Precedence] == [3, 2, 1, 0]


@pytest.mark.parametrize(
    ("held", "wanted", "expected"),
    [
        (CLEARED, PLAIN, ()),
        (CLEARED, label(level=Level.STG_C), ()),
        (CLEARED, label(level=Level.STG_G), (Reason.LEVEL_ABOVE_CLEARANCE,)),
        (CLEARED, label(caveats=(EYES,)), ()),
        (CLEARED, label(caveats=(ORCON,)), ()),
        (Clearance(level=Level.DEP_V), label(caveats=(ORCON,)), ()),
        (
            Clearance(level=Level.DEP_V, caveats=(ORCON,)),
            label(caveats=(ORCON, EYES)),
            (Reason.CAVEAT_NOT_HELD,),
        ),
        (CLEARED, label(foreign=(EU,)), ()),
        (CLEARED, label(foreign=(EU, NATO)), (Reason.SCHEME_NOT_HELD,)),
        (CLEARED, label(releasable=("bern", "oslo")), ()),
        (CLEARED, label(releasable=("oslo",)), (Reason.NOT_RELEASABLE,)),
        (CLEARED, label(releasable=()), (Reason.NOT_RELEASABLE,)),
        (
            Clearance(level=Level.ONGERUBRICEERD),
            label(caveats=(EYES,), foreign=(EU,), releasable=()),
            (
                Reason.LEVEL_ABOVE_CLEARANCE,
                Reason.CAVEAT_NOT_HELD,
                Reason.SCHEME_NOT_HELD,
                Reason.NOT_RELEASABLE,
            ),
        ),
    ],
)
def test_who_may_read(
    held: Clearance, wanted: Label, expected: tuple[Reason, ...]
) -> None:
    assert refusals(held, "bern", wanted) == expected


@pytest.mark.parametrize(
    ("high", "low", "expected"),
    [
        (DEP_V, PLAIN, True),
        (PLAIN, DEP_V, False),
        (label(caveats=(ORCON,)), DEP_V, True),
        (DEP_V, label(caveats=(ORCON,)), False),
        (label(caveats=(EYES,)), label(caveats=(ORCON,)), False),
        (label(foreign=(EU,)), DEP_V, True),
        (DEP_V, label(foreign=(EU,)), False),
        (label(releasable=("bern",)), DEP_V, True),
        (DEP_V, label(releasable=("bern",)), False),
        (label(releasable=("bern",)), label(releasable=("bern", "oslo")), True),
        (label(releasable=("bern", "oslo")), label(releasable=("bern",)), False),
        (label(releasable=()), label(releasable=("bern",)), True),
        (DEP_V, label(until=None, events=("later",)), True),
    ],
)
def test_dominates(high: Label, low: Label, expected: bool) -> None:  # noqa: FBT001 -- a case of the test
    assert dominates(high, low) is expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (PLAIN, DEP_V, DEP_V),
        (label(until=UNTIL + 1), DEP_V, label(until=UNTIL + 1)),
        (label(events=("b",)), label(events=("a",)), label(events=("a", "b"))),
        (label(caveats=(EYES,)), label(caveats=(ORCON,)), label(caveats=(ORCON, EYES))),
        (label(foreign=(NATO,)), label(foreign=(EU,)), label(foreign=(EU, NATO))),
        (label(releasable=("bern",)), DEP_V, label(releasable=("bern",))),
        (
            label(releasable=("bern", "oslo")),
            label(releasable=("bern", "rome")),
            label(releasable=("bern",)),
        ),
        (
            label(releasable=("oslo",)),
            label(releasable=("bern",)),
            label(releasable=()),
        ),
    ],
)
def test_join_takes_the_stricter_of_each_part(
    one: Label, other: Label, expected: Label
) -> None:
    assert join(one, other) == join(other, one) == expected


def test_meet_takes_the_weaker_of_each_right() -> None:
    other = Clearance(level=Level.STG_G, caveats=(ORCON, EYES), schemes=("NATO",))
    assert meet(CLEARED, other) == Clearance(level=Level.STG_C, caveats=(EYES,))


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        (PLAIN, ()),
        (DEP_V, ()),
        (label(until=None, events=("na de verklaring",)), ()),
        (label(until=None), (Reason.LABEL_INCOMPLETE,)),
        (label(until=0), (Reason.LABEL_INCOMPLETE, Reason.LABEL_NOT_CANONICAL)),
        (
            label(until=None, events=(" ",)),
            (Reason.LABEL_INCOMPLETE, Reason.LABEL_NOT_CANONICAL),
        ),
        (label(events=("\t",)), (Reason.LABEL_NOT_CANONICAL,)),
        (label(events=("b", "a")), (Reason.LABEL_NOT_CANONICAL,)),
        (label(events=("a", "a")), (Reason.LABEL_NOT_CANONICAL,)),
        (label(caveats=(EYES, ORCON)), (Reason.LABEL_NOT_CANONICAL,)),
        (label(releasable=("oslo", "bern")), (Reason.LABEL_NOT_CANONICAL,)),
        (label(foreign=(NATO, EU)), (Reason.LABEL_NOT_CANONICAL,)),
        (label(foreign=(EU, EU)), (Reason.LABEL_NOT_CANONICAL,)),
        (
            label(events=tuple(f"{n:02}" for n in range(MAX_EVENTS + 1))),
            (Reason.TOO_LARGE,),
        ),
        (
            label(
                foreign=tuple(
                    Foreign(scheme="EU", marking=f"{n:02}")
                    for n in range(MAX_FOREIGN + 1)
                )
            ),
            (Reason.TOO_LARGE,),
        ),
    ],
)
def test_flaws_of_a_label_by_itself(bad: Label, expected: tuple[Reason, ...]) -> None:
    assert flaws(bad) == expected


@pytest.mark.parametrize(
    ("ending", "now", "expected"),
    [
        (DEP_V, UNTIL - 1, False),
        (DEP_V, UNTIL, True),
        (label(events=("later",)), UNTIL, False),
        (label(until=None, events=("later",)), UNTIL, False),
    ],
)
def test_time_alone_ends_a_label_only_without_an_event(
    ending: Label,
    now: int,
    expected: bool,  # noqa: FBT001 -- a case of the test
) -> None:
    assert has_ended(ending, now) is expected


def test_released_to_nobody_is_not_released_to_all() -> None:
    nobody = label(releasable=())
    assert decode(encode(nobody), Label) == nobody != DEP_V


@pytest.mark.parametrize(
    "bad",
    [
        label(events=("",)),
        label(foreign=(Foreign(scheme="EU", marking=""),)),
        label(foreign=(Foreign(scheme="eu", marking="X"),)),
        label(releasable=("Bern",)),
        label(caveats=(ORCON, EYES, EYES)),
    ],
)
def test_what_is_no_label_does_not_parse(bad: Label) -> None:
    with pytest.raises(MalformedError):
        decode(encode(bad), Label)
