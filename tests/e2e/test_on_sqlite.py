"""A whole ministry of real processes; its relay keeps everything in SQLite."""

from collections.abc import Iterator

import pytest

from tests.e2e import adversity, exchange
from tests.support import town as towns


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[towns.Town]:
    with towns.town(tmp_path_factory.mktemp("s")) as found:
        yield found


class TestExchange(exchange.Exchange):
    """Messages."""


class TestAdversity(adversity.Adversity):
    """What goes wrong."""


class TestDays(exchange.Days):
    """Days, last."""
