"""A whole ministry of real processes; its relay keeps everything in PostgreSQL."""

from collections.abc import Iterator

import pytest

from tests.e2e import adversity, exchange
from tests.support import town as towns
from tests.support.postgres import Server

pytestmark = pytest.mark.pg


@pytest.fixture(scope="module")
def town(
    tmp_path_factory: pytest.TempPathFactory, pg_server: Server
) -> Iterator[towns.Town]:
    folder = tmp_path_factory.mktemp("p")
    with towns.town(folder, pg_server.url("town")) as found:
        yield found


class TestExchange(exchange.Exchange):
    """Messages."""


class TestAdversity(adversity.Adversity):
    """What goes wrong."""


class TestDays(exchange.Days):
    """Days, last."""
