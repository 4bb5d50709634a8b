"""W, the clock that a quorum of witnesses keeps."""

import pytest

from protocol.errors import FreshnessError
from protocol.witnessed_time import WitnessedTime, require_fresh

NOW, HOUR = 1_790_000_000, 3600


def test_between_checkpoints_the_time_goes_on_with_the_monotonic_clock() -> None:
    time = WitnessedTime().learned(NOW, 100.0)
    assert time.at(100.0) == NOW
    assert time.at(100.0 + HOUR) == NOW + HOUR
    assert time.attested == NOW  # what is stored is what was attested


def test_after_a_restart_the_stored_time_stands_still_until_the_next() -> None:
    stored = WitnessedTime(attested=NOW)
    assert stored.at(5.0) == stored.at(10**9) == NOW
    assert stored.learned(NOW + HOUR, 7.0).at(8.0) == NOW + HOUR + 1


def test_it_never_falls() -> None:
    time = WitnessedTime(attested=NOW).learned(NOW - HOUR, 100.0)
    assert (time.attested, time.at(101.0)) == (NOW, NOW)
    later = time.learned(NOW + HOUR, 200.0)
    # A checkpoint that was cosigned before the time that has passed since.
    assert later.learned(NOW + HOUR + 1, 300.0).at(300.0) == NOW + HOUR + 100
    assert later.learned(NOW + HOUR + 1, 300.0).attested == NOW + HOUR + 1
    # A monotonic clock that went back is a machine's fault, not a way back in time.
    assert later.at(0.0) == NOW + HOUR


@pytest.mark.parametrize("wall", [NOW - HOUR, NOW, NOW + HOUR])
def test_sealing_wants_clock_and_witnesses_to_agree(wall: int) -> None:
    require_fresh(wall=wall, shown=NOW, limit=HOUR)


@pytest.mark.parametrize("wall", [NOW - HOUR - 1, NOW + HOUR + 1, 0])
def test_a_frozen_view_or_a_wrong_clock_is_noticed(wall: int) -> None:
    with pytest.raises(FreshnessError):
        require_fresh(wall=wall, shown=NOW, limit=HOUR)
