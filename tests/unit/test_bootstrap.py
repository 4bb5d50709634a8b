"""The script `koerier`: when `.venv` is believed, and when it is made anew."""

import importlib.util
import shutil
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.tree import ROOT


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the script as it would be in a fresh clone, its installer replaced."""
    for name in ("requirements.lock", "requirements-dev.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    # The copy has no suffix, so Python writes no bytecode beside the real one.
    loader = SourceFileLoader(
        "koerier_script", str(shutil.copy(ROOT / "koerier", tmp_path))
    )
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    loader.exec_module(module)

    def made(command: list[object], **_: object) -> subprocess.CompletedProcess[str]:
        assert command[1:3] == ["-m", "venv"]
        module.PYTHON.parent.mkdir(parents=True)
        module.PYTHON.touch()
        return subprocess.CompletedProcess([], 0)

    monkeypatch.setattr(module, "pip", lambda *_: None)
    monkeypatch.setattr(module.subprocess, "run", made)
    return module


def test_a_fresh_clone_is_not_ready_and_becomes_so(script: ModuleType) -> None:
    assert not script.ready("run")
    script.ensure("run")
    assert script.ready("run")
    assert not script.ready("dev")


def test_the_tests_set_is_enough_for_the_program(script: ModuleType) -> None:
    script.ensure("dev")
    assert script.ready("run")


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_a_changed_lock_is_installed_again(script: ModuleType, name: str) -> None:
    script.ensure("dev")
    with (script.ROOT / name).open("a") as lock:
        lock.write("another==1\n")
    assert not script.ready("run")
    script.ensure("run")
    assert script.ready("run")


def test_a_moved_folder_is_not_believed(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    script.ensure("run")
    monkeypatch.setattr(
        script, "ROOT", shutil.copytree(script.ROOT, script.ROOT / "moved")
    )
    assert not script.ready("run")


def test_an_interrupted_installation_is_made_anew(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    script.ensure("run")
    (script.VENV / "half-written").touch()
    with (script.ROOT / "requirements.lock").open("a") as lock:
        lock.write("another==1\n")

    def interrupted(*_: str) -> None:
        assert not script.MARKER.exists()
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(script, "pip", interrupted)
        with pytest.raises(KeyboardInterrupt):
            script.ensure("run")
    assert not script.ready("run")
    script.ensure("run")
    assert script.ready("run")
    assert not (script.VENV / "half-written").exists()


def test_what_would_point_python_elsewhere_is_not_handed_on(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    assert "PYTHONPATH" not in script.environment()


def test_pip_installs_the_lock_as_it_is(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An old pip that resolves anew wants a newer release as soon as one is out."""
    calls: list[tuple[str, ...]] = []
    monkeypatch.setattr(script, "pip", lambda *arguments: calls.append(arguments))
    script.ensure("dev")
    locked, project = calls
    assert {"--no-deps", "--require-hashes", "requirements-dev.lock"} <= set(locked)
    assert {"--no-deps", "--no-build-isolation", "--editable"} <= set(project)
