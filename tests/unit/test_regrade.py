"""Which label holds, whatever arrived first (docs/spec/receipts.md section 5)."""

import itertools
from dataclasses import replace

import pytest
from msgspec import structs

from crypto.digest import H
from crypto.suite import SuiteId
from crypto.types import Digest
from protocol.bodies import RegradeBody
from protocol.codec import encode
from protocol.directory_view import Member
from protocol.errors import BindingError, PolicyError, Reason
from protocol.label import Label, Level
from protocol.policy import DEMO
from protocol.regrade import Graded, Step, current, step
from tests.support.posts import Cast, Station, cast_of, record_of, station

HIGH = structs.replace(DEMO, ceiling=Level.STG_ZG)
TARGET = H(b"the record")
OWN = Label(level=Level.STG_C, events=("end of the mission",))
DEP_V = Label(level=Level.DEP_V, until=1_900_000_000)
OPEN = Label(level=Level.ONGERUBRICEERD)
GEHEIM = Label(level=Level.STG_G, events=("declassified by the post",))


def regrade(name: str, label: Label, after: Digest) -> Step:
    body = RegradeBody(target=TARGET, label=label, prev=after, reason="because")
    return Step(H(name.encode()), body)


FIRST = regrade("first", DEP_V, TARGET)
SECOND = regrade("second", OPEN, FIRST.name)


def test_without_regrades_the_own_label_holds() -> None:
    assert current(TARGET, OWN, ()) == Graded(OWN, complete=True, forked=False)


@pytest.mark.parametrize("steps", [*itertools.permutations([FIRST, SECOND])])
def test_a_complete_chain_lowers_in_any_order_of_arrival(
    steps: tuple[Step, ...],
) -> None:
    assert current(TARGET, OWN, steps) == Graded(OPEN, complete=True, forked=False)


def test_a_regrade_that_came_twice_counts_once() -> None:
    assert current(TARGET, OWN, (FIRST, FIRST)) == Graded(
        DEP_V, complete=True, forked=False
    )


def test_lowering_with_a_step_missing_does_nothing() -> None:
    found = current(TARGET, OWN, (SECOND,))
    assert found == Graded(OWN, complete=False, forked=False)


def test_raising_applies_at_once_though_a_step_is_missing() -> None:
    late = regrade("late", GEHEIM, H(b"not here"))
    found = current(TARGET, OWN, (late,))
    assert found.label.level is Level.STG_G
    assert not found.complete


def test_a_fork_gives_the_join_and_says_so() -> None:
    other = regrade("other", GEHEIM, TARGET)
    found = current(TARGET, OWN, (FIRST, SECOND, other))
    assert found.forked
    assert found.complete
    assert found.label.level is Level.STG_G


def test_a_fork_further_on_gives_the_join_of_its_ends() -> None:
    left, right = (regrade(n, g, FIRST.name) for n, g in [("l", OPEN), ("r", DEP_V)])
    found = current(TARGET, OWN, (FIRST, left, right))
    assert found == Graded(DEP_V, complete=True, forked=True)


# --- who may


@pytest.fixture
def cast() -> Cast:
    return cast_of(SuiteId.S1)


def member_of(cast: Cast, who: Station, may_release: int) -> Member:
    return replace(cast.directory.members[who.member_key.id], may_release=may_release)


@pytest.mark.parametrize(
    ("post", "may_release", "label", "allowed"),
    [
        ("tfc", -1, DEP_V, True),  # released the target
        ("second", Level.DEP_V, OPEN, True),  # holds the office now
        ("second", Level.ONGERUBRICEERD, OPEN, False),  # not of the target's level
        ("second", Level.DEP_V, OWN, False),  # not of the new level
        ("bern", Level.STG_ZG, OPEN, False),  # another post
    ],
)
def test_only_the_releaser_or_the_successor_in_office_regrades(
    post: str, may_release: int, label: Label, *, allowed: bool, cast: Cast
) -> None:
    second = station(cast.directory, "tfc", number=2)
    who = {"tfc": cast.tfc, "bern": cast.bern, "second": second}[post]
    target = record_of(cast.tfc, "bern")
    name = H(encode(target))
    body = RegradeBody(target=name, label=label, prev=name, reason="because")
    member = member_of(cast, who, may_release)
    if allowed:
        found = step(
            H(b"regrade"), body, member, target=target, named=name, policy=HIGH
        )
        assert found == Step(H(b"regrade"), body)
        return
    with pytest.raises(PolicyError, match=Reason.RELEASE_NOT_PERMITTED):
        step(H(b"regrade"), body, member, target=target, named=name, policy=HIGH)


def test_a_regrade_is_of_its_own_target(cast: Cast) -> None:
    target = record_of(cast.tfc, "bern")
    with pytest.raises(BindingError, match="B5"):
        step(
            H(b"regrade"),
            FIRST.body,
            member_of(cast, cast.tfc, Level.STG_G),
            target=target,
            named=H(encode(target)),
            policy=HIGH,
        )


def test_an_unlabelled_record_is_regraded_by_the_new_level_alone(cast: Cast) -> None:
    target = structs.replace(record_of(cast.tfc, "bern"), label=None, by=())
    name = H(encode(target))
    body = RegradeBody(target=name, label=DEP_V, prev=name, reason="because")
    member = member_of(cast, cast.tfc, Level.DEP_V)
    assert (
        step(H(b"r"), body, member, target=target, named=name, policy=HIGH).body == body
    )


def test_who_sent_an_alert_alone_under_a_standing_release_does_not_lower_it(
    cast: Cast,
) -> None:
    """The drafter stands in ``by``, and is nobody's second member for all that."""
    drafter = cast.tfc.member_key.id
    alert = structs.replace(record_of(cast.tfc, "bern"), label=OWN, drafter=drafter)
    name = H(encode(alert))
    body = RegradeBody(target=name, label=OPEN, prev=name, reason="because")
    member = member_of(cast, cast.tfc, Level.DEP_V)
    with pytest.raises(PolicyError, match=Reason.RELEASE_NOT_PERMITTED):
        step(H(b"r"), body, member, target=alert, named=name, policy=HIGH)
    own = structs.replace(alert, label=DEP_V)
    name = H(encode(own))
    body = structs.replace(body, target=name, prev=name)
    step(H(b"r"), body, member, target=own, named=name, policy=HIGH)
