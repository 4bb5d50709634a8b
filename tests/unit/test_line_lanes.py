import pytest

from protocol.line.lanes import Lanes, promoted


def served(lanes: Lanes, now: float, count: int) -> list[bytes]:
    """Return who gets the next ``count`` cells if nobody ever ends."""
    order = []
    for _ in range(count):
        chosen = lanes.choose(now)
        assert chosen is not None
        lanes.sent(chosen, now)
        order.append(chosen)
    return order


def test_flash_goes_first_and_to_its_end() -> None:
    lanes = Lanes()
    lanes.add(b"routine", 3, 0.0, 0.0)
    lanes.add(b"bulk", 4, 0.0, 0.0)
    lanes.add(b"flash 1", 0, 5.0, 5.0)
    lanes.add(b"flash 2", 0, 6.0, 6.0)
    assert served(lanes, 6.0, 3) == [b"flash 1"] * 3
    lanes.discard(b"flash 1")
    assert served(lanes, 6.0, 2) == [b"flash 2"] * 2
    lanes.discard(b"flash 2")
    assert lanes.choose(6.0) == b"routine"


def test_lower_lanes_go_by_lane_and_then_oldest_first_and_whole() -> None:
    lanes = Lanes()
    lanes.add(b"routine", 3, 0.0, 0.0)
    lanes.add(b"priority 1", 2, 1.0, 1.0)
    lanes.add(b"priority 2", 2, 2.0, 2.0)
    assert served(lanes, 3.0, 4) == [b"priority 1"] * 4


def test_bulk_takes_turns_by_cell() -> None:
    lanes = Lanes()
    for name in (b"a", b"b", b"c"):
        lanes.add(name, 4, 0.0, 0.0)
    assert served(lanes, 0.0, 6) == [b"a", b"b", b"c", b"a", b"b", b"c"]


def test_nobody_is_chosen_where_nobody_waits() -> None:
    lanes = Lanes()
    assert lanes.choose(0.0) is None
    assert not len(lanes)
    lanes.discard(b"never there")
    lanes.add(b"one", 2, 0.0, 0.0)
    assert b"one" in lanes
    lanes.discard(b"one")
    assert lanes.choose(0.0) is None


@pytest.mark.parametrize(
    ("lane", "waited", "counts"),
    [
        (3, 59.9, 3),
        (3, 60.0, 2),
        (3, 180.0, 1),
        (3, 600.0, 1),
        (2, 180.0, 1),
        (1, 86_400.0, 1),
    ],
)
def test_what_waited_counts_as_a_lane_higher_but_never_as_flash(
    lane: int, waited: float, counts: int
) -> None:
    assert promoted(lane, waited) == counts


def test_an_old_routine_object_passes_a_young_immediate_one() -> None:
    lanes = Lanes()
    lanes.add(b"routine", 3, 0.0, 0.0)
    lanes.add(b"immediate", 1, 179.0, 179.0)
    assert lanes.choose(179.0) == b"immediate"
    assert lanes.choose(180.0) == b"routine"
    lanes.add(b"flash", 0, 180.0, 180.0)
    assert lanes.choose(10_000.0) == b"flash"


def test_starved_bulk_gets_one_cell_in_32() -> None:
    lanes = Lanes()
    lanes.add(b"bulk", 4, 0.0, 0.0)
    lanes.add(b"routine", 3, 0.0, 0.0)
    assert b"bulk" not in served(lanes, 59.0, 100)
    order = served(lanes, 61.0, 320)
    assert order.count(b"bulk") == 10
    lanes.add(b"flash", 0, 61.0, 61.0)
    assert b"bulk" not in served(lanes, 62.0, 100)


def test_bulk_that_was_served_again_must_starve_again() -> None:
    lanes = Lanes()
    lanes.add(b"bulk", 4, 0.0, 0.0)
    lanes.add(b"routine", 3, 0.0, 0.0)
    served(lanes, 61.0, 64)
    lanes.discard(b"routine")
    assert served(lanes, 70.0, 3) == [b"bulk"] * 3
    lanes.add(b"routine", 3, 70.0, 70.0)
    assert b"bulk" not in served(lanes, 100.0, 100)
