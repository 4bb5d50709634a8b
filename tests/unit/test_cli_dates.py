"""Dates as a diplomat writes them."""

import time
from collections.abc import Iterator

import click
import pytest

from client.cli.dates import Day, clock, dtg


@pytest.fixture(autouse=True)
def the_hague(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Amsterdam")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_a_time_is_this_places_and_a_group_is_utc() -> None:
    assert clock("2026-11-23T15:30:00Z") == "23-11-2026 16:30"
    assert dtg("2026-11-23T15:30:00Z") == "231530Z NOV 26"
    assert clock("2026-06-30T22:05:00Z") == "01-07-2026 00:05"
    assert dtg("2026-06-30T22:05:00Z") == "302205Z JUN 26"


@pytest.mark.parametrize("written", ["30-06-2027", "2027-06-30"])
def test_a_day_is_written_in_two_ways(written: str) -> None:
    assert Day()(written) == "2027-06-30"


@pytest.mark.parametrize(
    "written", ["", "31-02-2027", "30/06/2027", "morgen", "3-2027"]
)
def test_anything_else_is_no_day(written: str) -> None:
    with pytest.raises(click.BadParameter):
        Day()(written)
