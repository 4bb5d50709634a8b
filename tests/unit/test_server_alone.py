"""A home has one process."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from server import alone as module
from server.alone import alone
from server.config import ConfigError, Home


def test_a_home_is_held_once_and_free_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.0)
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


def test_a_start_waits_for_one_that_is_about_to_be_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path / "relay")
    home.path.mkdir()
    waited = []
    with ExitStack() as dying:
        dying.enter_context(alone(home))

        def die(seconds: float) -> None:
            waited.append(seconds)
            dying.close()

        monkeypatch.setattr("server.alone.time.sleep", die)
        with alone(home):
            assert waited == [module.PAUSE]
