"""dominates is a partial order, join its least upper bound, and readers follow it."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from protocol.codec import decode, encode
from protocol.errors import Reason
from protocol.label import (
    Caveat,
    Clearance,
    Foreign,
    Label,
    Level,
    dominates,
    flaws,
    has_ended,
    join,
    meet,
    refusals,
)

POSTS = ("bern", "oslo", "rome")
SCHEMES = ("EU", "NATO")
levels = st.sampled_from(Level)
caveats = st.sets(st.sampled_from(Caveat)).map(sorted).map(tuple)
posts = st.sets(st.sampled_from(POSTS)).map(sorted).map(tuple)
schemes = st.sets(st.sampled_from(SCHEMES)).map(sorted).map(tuple)
markings = st.builds(
    lambda scheme, marking: Foreign(scheme=scheme, marking=marking),
    st.sampled_from(SCHEMES),
    st.sampled_from(["RESTRICTED", "SECRET"]),
)
foreign = st.lists(markings, max_size=4).map(
    lambda found: tuple(
        Foreign(scheme=s, marking=m)
        for s, m in sorted({(f.scheme, f.marking) for f in found})
    )
)
labels = st.builds(
    Label,
    level=levels,
    until=st.none() | st.integers(1, 9),
    events=st.sets(st.sampled_from(["a", "b"])).map(sorted).map(tuple),
    caveats=caveats,
    releasable=st.none() | posts,
    foreign=foreign,
)
clearances = st.builds(Clearance, level=levels, caveats=caveats, schemes=schemes)


def rights(label: Label) -> tuple[object, ...]:
    """Return what the order looks at: two labels with the same are one in it."""
    return (
        label.level,
        label.caveats,
        label.releasable,
        frozenset(m.scheme for m in label.foreign),
    )


def similar(label: Label) -> Label:
    """Return the same rights with another end and other words."""
    reworded = tuple(
        Foreign(scheme=scheme, marking="OTHER")
        for scheme in sorted({m.scheme for m in label.foreign})
    )
    return structs.replace(label, until=99, events=(), foreign=reworded)


@given(labels)
def test_every_label_dominates_itself(label: Label) -> None:
    assert dominates(label, label)
    assert dominates(label, similar(label))
    assert dominates(similar(label), label)


@given(labels, labels)
def test_labels_that_dominate_each_other_grant_the_same(one: Label, two: Label) -> None:
    if dominates(one, two) and dominates(two, one):
        assert rights(one) == rights(two)


@given(labels, labels, labels)
def test_the_order_is_transitive(one: Label, two: Label, three: Label) -> None:
    if dominates(one, two) and dominates(two, three):
        assert dominates(one, three)


@given(labels, labels)
def test_a_join_dominates_its_parts(one: Label, two: Label) -> None:
    both = join(one, two)
    assert dominates(both, one)
    assert dominates(both, two)


@given(labels, labels, labels)
def test_a_join_is_the_least_of_what_dominates_both(
    one: Label, two: Label, bound: Label
) -> None:
    over = dominates(bound, one) and dominates(bound, two)
    assert over is dominates(bound, join(one, two))


@given(labels, labels, labels)
def test_a_join_does_not_depend_on_order_or_grouping(
    one: Label, two: Label, three: Label
) -> None:
    assert join(one, two) == join(two, one)
    assert join(one, join(two, three)) == join(join(one, two), three)
    assert join(one, one) == one


@given(labels, labels, clearances, st.sampled_from(POSTS))
def test_who_may_read_the_higher_may_read_the_lower(
    high: Label, low: Label, clearance: Clearance, post: str
) -> None:
    if dominates(high, low) and not refusals(clearance, post, high):
        assert refusals(clearance, post, low) == ()


@given(labels, labels, clearances, st.sampled_from(POSTS))
def test_a_join_is_read_by_who_may_read_both(
    one: Label, two: Label, clearance: Clearance, post: str
) -> None:
    each = {*refusals(clearance, post, one), *refusals(clearance, post, two)}
    assert set(refusals(clearance, post, join(one, two))) == each


@given(clearances, clearances, labels, st.sampled_from(POSTS))
def test_a_meet_reads_what_both_read(
    one: Clearance, two: Clearance, label: Label, post: str
) -> None:
    each = {*refusals(one, post, label), *refusals(two, post, label)}
    assert set(refusals(meet(one, two), post, label)) == each


@given(labels, labels, st.integers(0, 10))
def test_a_join_ends_no_sooner_than_its_parts(one: Label, two: Label, now: int) -> None:
    if has_ended(join(one, two), now):
        assert all(has_ended(part, now) or part.until is None for part in (one, two))


@given(labels, labels)
def test_a_join_of_sound_labels_is_sound_and_has_one_encoding(
    one: Label, two: Label
) -> None:
    if not flaws(one) and not flaws(two):
        both = join(one, two)
        assert set(flaws(both)) <= {Reason.TOO_LARGE}
        assert decode(encode(both), Label) == both
