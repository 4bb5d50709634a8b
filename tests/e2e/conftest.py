"""What files of this tier have in common: ministries that were founded once."""

from collections.abc import Iterator

import pytest

from tests.support.live import Live, founded


@pytest.fixture(scope="session")
def _lent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with founded(tmp_path_factory.mktemp("live")) as ministry:
        yield ministry


@pytest.fixture
def live(_lent: Live) -> Live:
    """A small ministry that the files of a worker share, whole when a test begins."""
    _lent.mend()
    return _lent
