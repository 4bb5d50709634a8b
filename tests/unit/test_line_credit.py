import pytest

from protocol.line.credit import CEILING, Credit
from protocol.line.effects import AUTO, FAST, POOR

CELL = 1024


def run(credit: Credit, rate: float, rtt: float, seconds: float) -> float:
    """Send all that is allowed over a line of ``rate`` and ``rtt``; return the end."""
    now, free, arrivals = 0.0, 0.0, []
    cells = 0
    while now < seconds:
        while credit.allows(now):
            credit.sent(CELL, now)
            cells += 1
            free = max(free, now) + CELL / rate
            arrivals.append((free + rtt, cells))
        now, seen = arrivals.pop(0)
        credit.seen(seen, now)
    return now


@pytest.mark.parametrize(
    ("rate", "rtt"), [(8_000.0, 2.0), (1_200.0, 2.0), (20_000.0, 0.5)]
)
def test_the_window_settles_at_what_the_line_holds(rate: float, rtt: float) -> None:
    credit = Credit(POOR, 0.0)
    now = run(credit, rate, rtt, 300.0)
    held = rate * (rtt + CELL / rate)
    assert held <= credit.window(now) <= 1.25 * held + 4 * CELL + 1


def test_the_window_stays_between_four_cells_and_256_kib() -> None:
    credit = Credit(POOR, 0.0)
    assert credit.window(0.0) == 4 * CELL
    now = run(credit, 1e7, 2.0, 60.0)
    assert credit.window(now) == CEILING == 256 * 1024
    credit.loss(now)
    assert credit.window(now) == CEILING


def test_the_window_is_doubled_while_loss_is_seen() -> None:
    credit = Credit(POOR, 0.0)
    credit.loss(5.0)
    assert credit.window(14.9) == 8 * CELL
    assert credit.window(15.0) == 4 * CELL


def test_four_cells_leave_without_a_word_and_no_more() -> None:
    credit = Credit(POOR, 0.0)
    for _ in range(4):
        assert credit.allows(0.0)
        credit.sent(CELL, 0.0)
    assert not credit.allows(0.0)
    assert credit.in_flight == 4 * CELL


def test_lane_0_has_16_kib_beyond_the_window_and_no_more() -> None:
    credit = Credit(POOR, 0.0)
    cells = 0
    while credit.allows(0.0, urgent=True):
        credit.sent(CELL, 0.0)
        cells += 1
    assert cells == 4 + 16
    assert not credit.allows(0.0)


def test_control_cells_count_by_number_and_cost_nothing() -> None:
    credit = Credit(POOR, 0.0)
    credit.sent(CELL, 0.0)
    credit.sent(0, 0.0)
    credit.sent(CELL, 0.0)
    credit.seen(2, 1.0)
    assert credit.in_flight == CELL
    credit.seen(2, 2.0)
    assert credit.progress == 1.0
    credit.seen(3, 3.0)
    assert (credit.in_flight, credit.cells) == (0, 3)


def test_an_idle_line_is_not_taken_for_a_slow_one() -> None:
    credit = Credit(POOR, 0.0)
    now = run(credit, 8_000.0, 2.0, 100.0)
    credit.seen(credit.cells, now + 5.0)
    before = credit.window(now)
    credit.sent(CELL, now + 3600.0)
    assert credit.progress == now + 3600.0
    credit.seen(credit.cells, now + 3602.1)
    # The old rate is too old to count; one cell in 2.1 s says little of the line.
    assert 4 * CELL <= credit.window(now + 3602.1) < before


@pytest.mark.parametrize(
    ("rate", "k"), [(1_200.0, 1), (8_000.0, 1), (20_000.0, 4), (1e6, 16)]
)
def test_a_cell_takes_at_most_a_quarter_of_a_second(rate: float, k: int) -> None:
    credit = Credit(AUTO, 0.0)
    assert credit.k == 1
    run(credit, rate, 0.5, 60.0)
    assert credit.k == k


def test_a_fast_profile_begins_with_large_cells_and_learns_that_it_is_wrong() -> None:
    credit = Credit(FAST, 0.0)
    assert credit.k == 16
    run(credit, 8_000.0, 2.0, 60.0)
    assert credit.k == 1
