"""Which label holds, whatever arrived first (docs/spec/receipts.md section 5)."""

import itertools

import pytest

from crypto.digest import H
from crypto.types import Digest
from protocol.bodies import RegradeBody
from protocol.label import Label, Level
from protocol.regrade import Graded, Step, current

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
