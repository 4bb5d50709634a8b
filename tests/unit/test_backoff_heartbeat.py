import pytest

from protocol.backoff import FIRST, LONGEST, URGENT, delay
from protocol.heartbeat import DAY, Pair, due, minute
from tests.support.keys import drawn


def lowest(size: int) -> bytes:
    return bytes(size)


def highest(size: int) -> bytes:
    return b"\xff" * size


def test_the_bound_doubles_up_to_five_minutes() -> None:
    bounds = [delay(n, highest, urgent=False) for n in (1, 2, 3, 9, 10, 1000)]
    assert bounds == pytest.approx([FIRST, 2, 4, 256, LONGEST, LONGEST])


def test_a_waiting_flash_keeps_the_bound_low() -> None:
    assert delay(1000, highest, urgent=True) == pytest.approx(URGENT)
    assert delay(1, highest, urgent=True) == pytest.approx(FIRST)


def test_a_thousand_posts_do_not_come_back_at_once() -> None:
    times = sorted(delay(9, drawn(str(post)), urgent=False) for post in range(1000))
    in_each_tenth = [
        sum(25.6 * n <= time < 25.6 * (n + 1) for time in times) for n in range(10)
    ]
    assert min(in_each_tenth) > 50
    assert delay(9, lowest, urgent=False) == 0


def test_without_a_failure_there_is_nothing_to_wait_for() -> None:
    with pytest.raises(ValueError, match="failure"):
        delay(0, lowest, urgent=False)


NOON = 20_000 * DAY + DAY // 2
QUIET = Pair(unconfirmed=True, exchanged=NOON - DAY, beaten=NOON - DAY)


@pytest.mark.parametrize(
    ("pair", "at", "expected"),
    [
        (QUIET, 720, True),
        (QUIET, 0, True),
        (QUIET, 721, False),  # not yet its minute
        (Pair(unconfirmed=False, exchanged=0, beaten=0), 720, False),
        (Pair(unconfirmed=True, exchanged=NOON - DAY + 1, beaten=0), 720, False),
        (Pair(unconfirmed=True, exchanged=0, beaten=NOON - 60), 720, False),
    ],
)
def test_a_heartbeat_goes_once_a_day_where_something_is_unconfirmed_and_quiet(
    pair: Pair,
    at: int,
    expected: bool,  # noqa: FBT001 -- the parameter of an example
) -> None:
    assert due(pair, at, NOON) is expected


def test_the_minute_is_one_of_the_days() -> None:
    minutes = {minute(drawn(str(number))) for number in range(500)}
    assert min(minutes) >= 0
    assert max(minutes) < 1440
    assert len(minutes) > 300
