"""What many tests of cores begin with: a ministry, a relay in memory, two desks.

A test file that needs another one makes its own, under the same name.
"""

import pytest

from tests.support.desk import Desk, pair
from tests.support.fake_relay import FakeRelay
from tests.support.ministry import Ministry, ministry


@pytest.fixture
def hague() -> Ministry:
    return ministry()


@pytest.fixture
def relay(hague: Ministry) -> FakeRelay:
    return FakeRelay(hague)


@pytest.fixture
def desks(hague: Ministry, relay: FakeRelay) -> tuple[Desk, Desk]:
    return pair(hague, relay)
