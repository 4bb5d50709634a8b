"""A home has one process."""

from pathlib import Path

import pytest

from server.alone import alone
from server.config import ConfigError, Home


def test_a_home_is_held_once_and_free_afterwards(tmp_path: Path) -> None:
    home, other = Home(tmp_path / "relay"), Home(tmp_path / "witness")
    for path in (home.path, other.path):
        path.mkdir()
    with alone(home):
        with pytest.raises(ConfigError, match="another process"), alone(home):
            pytest.fail("held twice")
        with alone(other):
            pass
    with alone(home):
        pass
