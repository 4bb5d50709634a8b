"""Campaigns replay from their seed, and go on where they were interrupted."""

from pathlib import Path

import pytest

from tests.support.campaign import Campaign, Volume

SIZES = {"quick": 2, "ci": 3, "deep": 5}


def made(folder: Path, volume: Volume, seed: int = 7, name: str = "kills") -> Campaign:
    return Campaign(name, volume, seed, folder)


@pytest.mark.parametrize("volume", Volume)
def test_a_volume_has_its_rounds_and_leaves_nothing(
    tmp_path: Path, volume: Volume
) -> None:
    rounds = [number for number, _ in made(tmp_path, volume).rounds(**SIZES)]
    assert rounds == list(range(SIZES[volume]))
    assert list(tmp_path.iterdir()) == []


def test_a_round_depends_on_seed_test_and_number_alone(tmp_path: Path) -> None:
    def drawn(campaign: Campaign) -> list[float]:
        return [chance.random() for _, chance in campaign.rounds(**SIZES)]

    first = drawn(made(tmp_path, Volume.CI))
    assert drawn(made(tmp_path, Volume.CI)) == first
    assert drawn(made(tmp_path, Volume.QUICK)) == first[:2]
    assert drawn(made(tmp_path, Volume.CI, seed=8)) != first
    assert drawn(made(tmp_path, Volume.CI, name="cuts")) != first


def test_a_deep_campaign_goes_on_with_its_own_seed(tmp_path: Path) -> None:
    whole = [c.random() for _, c in made(tmp_path, Volume.DEEP).rounds(**SIZES)]
    seen = []
    for number, chance in made(tmp_path, Volume.DEEP).rounds(**SIZES):
        seen.append(chance.random())
        if number == 2:
            break  # interrupted in the third round: it is run again
    again = made(tmp_path, Volume.DEEP, seed=99)
    rest = [(number, c.random()) for number, c in again.rounds(**SIZES)]
    assert [number for number, _ in rest] == [2, 3, 4]
    assert seen[:2] + [value for _, value in rest] == whole
    assert list(tmp_path.iterdir()) == []


def test_a_campaign_that_was_longer_begins_anew(tmp_path: Path) -> None:
    longer = made(tmp_path, Volume.DEEP).rounds(quick=0, ci=0, deep=50)
    for number, _ in longer:
        if number == 10:
            break
    shorter = made(tmp_path, Volume.DEEP, seed=8).rounds(**SIZES)
    assert [number for number, _ in shorter] == [0, 1, 2, 3, 4]
