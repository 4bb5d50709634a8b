"""The script `koerier`: when `.venv` is believed, and when it is made anew."""

import base64
import hashlib
import importlib.metadata
import importlib.util
import shutil
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.tree import ROOT

REAL_RUN = subprocess.run


class Pip:
    """Stands for pip: remembers what was asked, and reaches no index unless told."""

    def __init__(self, *, online: bool) -> None:
        self.online = online
        self.calls: list[tuple[str, ...]] = []

    def __call__(self, *words: str) -> bool:
        self.calls.append(words)
        return self.online or "--no-index" in words or "--editable" in words


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

    monkeypatch.setattr(module, "pip", lambda *_: True)
    monkeypatch.delenv("KOERIER_PACKAGES", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
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
    pip = Pip(online=True)
    monkeypatch.setattr(script, "pip", pip)
    script.ensure("dev")
    locked, project = pip.calls
    assert {"--no-deps", "--require-hashes", "requirements-dev.lock"} <= set(locked)
    assert {"--no-deps", "--no-build-isolation", "--editable"} <= set(project)


def installed(site: Path) -> importlib.metadata.Distribution:
    """Return a package as pip leaves it: a module, a program, a script, a C header."""
    bodies = {
        "Small_Thing/__init__.py": b"WORD = 'sjaal'\n",
        "Small_Thing/include/kept.txt": b"not a C header\n",
        "../bin/tool": b"#!/bin/sh\necho tool\n",
        "../bin/started": b"made by pip from the entry point\n",
        "../include/small.h": b"/* of no use */\n",
        "Small_Thing-1.0.dist-info/METADATA": b"Name: Small-Thing\nVersion: 1.0\n",
        "Small_Thing-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\n"
        b"Root-Is-Purelib: true\nTag: py2-none-any\nTag: py3-none-any\n",
        "Small_Thing-1.0.dist-info/entry_points.txt": b"[console_scripts]\n"
        b"started = Small_Thing:main\n",
    }
    record = ""
    for name, body in bodies.items():
        path = site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        digest = base64.urlsafe_b64encode(hashlib.sha256(body).digest()).decode()
        record += f"{name},sha256={digest.rstrip('=')},{len(body)}\n"
    (site / "../bin/tool").chmod(0o755)
    (site / "Small_Thing-1.0.dist-info/RECORD").write_text(
        record + "Small_Thing-1.0.dist-info/RECORD,,\n"
    )
    (found,) = importlib.metadata.distributions(path=[str(site)])
    return found


def test_a_package_packed_again_installs_as_it_was(
    script: ModuleType, tmp_path: Path
) -> None:
    digest = script.pack(installed(tmp_path / "old" / "site"), tmp_path)
    wheel = tmp_path / "Small_Thing-1.0-py2.py3-none-any.whl"
    assert hashlib.sha256(wheel.read_bytes()).hexdigest() == digest
    lock = tmp_path / "lock"
    lock.write_text(f"small-thing==1.0 --hash=sha256:{digest}\n")
    offline = ("--no-index", "--find-links", tmp_path, "--require-hashes", "-r", lock)
    target = tmp_path / "new"
    done = REAL_RUN(
        [sys.executable, "-m", "pip", "install", "-q", "-t", target, *offline],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    for name in ("Small_Thing/__init__.py", "Small_Thing/include/kept.txt"):
        assert (target / name).read_bytes() == (
            tmp_path / "old" / "site" / name
        ).read_bytes()
    tool = target / "bin" / "tool"
    assert tool.read_bytes() == b"#!/bin/sh\necho tool\n"
    assert tool.stat().st_mode & 0o111
    assert b"Small_Thing" in (target / "bin" / "started").read_bytes()
    assert not list(target.rglob("*.h"))


def test_a_package_that_changed_since_is_not_kept(
    script: ModuleType, tmp_path: Path
) -> None:
    found = installed(tmp_path / "old" / "site")
    (tmp_path / "old" / "site" / "Small_Thing" / "__init__.py").write_bytes(b"evil")
    with pytest.raises(SystemExit):
        script.pack(found, tmp_path)


@pytest.fixture
def packages(script: ModuleType) -> Path:
    """Return the folder of kept packages, with the locks' own versions."""
    folder = Path(script.kept())
    folder.mkdir(parents=True)
    for name in script.LOCKS.values():
        versions = script.pins(script.ROOT / name)
        text = "".join(f"{name}=={it} --hash=x\n" for name, it in versions.items())
        (folder / name).write_text(text)
    return folder


def test_without_an_index_what_was_kept_is_installed(
    script: ModuleType, packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pip = Pip(online=False)
    monkeypatch.setattr(script, "pip", pip)
    script.ensure("dev")
    assert script.ready("dev")
    _, kept, _ = pip.calls
    assert {"--no-index", "--no-deps", "--require-hashes"} <= set(kept)
    assert str(packages / "requirements-dev.lock") in kept


def test_an_index_comes_before_what_was_kept(
    script: ModuleType, packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert packages.exists()
    pip = Pip(online=True)
    monkeypatch.setattr(script, "pip", pip)
    script.ensure("dev")
    assert len(pip.calls) == 2
    assert not any("--no-index" in words for words in pip.calls)


def test_a_folder_that_is_named_is_taken_at_once(
    script: ModuleType,
    packages: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    named = shutil.move(packages, tmp_path / "medium")
    monkeypatch.setenv("KOERIER_PACKAGES", str(named))
    pip = Pip(online=True)
    monkeypatch.setattr(script, "pip", pip)
    script.ensure("run")
    assert "--no-index" in pip.calls[0]
    assert str(tmp_path / "medium" / "requirements.lock") in pip.calls[0]


def test_what_was_kept_for_other_locks_is_refused(
    script: ModuleType, packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (packages / "requirements.lock").open("a") as lock:
        lock.write("aiohttp==1.0 --hash=x\n")
    pip = Pip(online=False)
    monkeypatch.setattr(script, "pip", pip)
    with pytest.raises(SystemExit):
        script.ensure("run")
    assert not any("--no-index" in words for words in pip.calls)


def test_without_an_index_and_nothing_kept_it_says_so(
    script: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(script, "pip", Pip(online=False))
    with pytest.raises(SystemExit):
        script.ensure("run")
    assert "the installation failed" in capsys.readouterr().err
    assert not script.ready("run")


def test_keep_packs_what_the_lock_names(script: ModuleType, tmp_path: Path) -> None:
    (script.ROOT / "requirements.lock").write_text("small-thing==1.0\nelse==2\n")
    script.ensure("run")
    site = Path(script.sysconfig.get_path("purelib", "venv", {"base": script.VENV}))
    installed(site)
    folder = tmp_path / "medium"
    assert script.keep([str(folder)]) == 0
    assert script.pins(folder / "requirements.lock") == {"small-thing": "1.0"}
    assert not (folder / "requirements-dev.lock").exists()
    assert [path.suffix for path in folder.glob("*.whl")] == [".whl"]
    with pytest.raises(SystemExit):  # never over what is there
        script.keep([str(folder)])
