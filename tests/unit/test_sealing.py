"""What is sealed is opened: both suites, every addressee, nobody else."""

import pytest

from crypto.suite import SuiteId
from protocol.admit import Admitted, ViewCheck
from tests.support.posts import CABLE, Directory, record_of, seal_to, station


@pytest.fixture(params=list(SuiteId), ids=lambda suite: suite.name)
def directory(request: pytest.FixtureRequest) -> Directory:
    return Directory(request.param)


def test_what_is_sealed_is_opened(directory: Directory) -> None:
    tfc, bern = station(directory, "tfc"), station(directory, "bern")
    record = record_of(tfc, "bern")
    outcome = bern.open(seal_to(tfc, record, bern))
    assert isinstance(outcome, Admitted)
    assert outcome.genuine.record == record
    assert outcome.body == CABLE
    assert outcome.view is ViewCheck.AGREES
