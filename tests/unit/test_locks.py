"""The locks are complete: what is installed from them asks for nothing else.

They are installed as they are (`--no-deps`), so that no installer resolves anew.  Then
nobody but this test notices a requirement that a lock lacks or contradicts.
"""

import tomllib
from importlib import metadata

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.tree import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
GROUPS = PROJECT["optional-dependencies"]
WANTED = {
    "requirements.lock": [*PROJECT["dependencies"], *GROUPS["build"]],
    "requirements-dev.lock": [
        *PROJECT["dependencies"],
        *GROUPS["build"],
        *GROUPS["dev"],
    ],
}
PLATFORMS = {
    "linux": {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"},
    "mac": {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix"},
    "windows": {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt"},
}
PYTHONS = {
    "3.11": {"python_version": "3.11", "python_full_version": "3.11.0"},
    "3.13": {"python_version": "3.13", "python_full_version": "3.13.0"},
}
Environment = dict[str, str]


def pins(lock: str) -> list[Requirement]:
    """Return the lines of a lock that name a release, without their hashes."""
    lines = (ROOT / lock).read_text("utf-8").splitlines()
    return [
        Requirement(line.rstrip("\\ "))
        for line in lines
        if line and not line.startswith((" ", "#"))
    ]


def applies(marker: Marker | None, environment: Environment, extra: str) -> bool:
    return marker is None or marker.evaluate({**environment, "extra": extra})


def lacking(lock: str, environment: Environment) -> list[str]:
    """Return what the closure of the project's requirements asks and the lock lacks."""
    versions = {
        canonicalize_name(pin.name): next(iter(pin.specifier)).version
        for pin in pins(lock)
        if applies(pin.marker, environment, "")
    }
    found: list[str] = []
    todo = [(Requirement(text), "the project") for text in WANTED[lock]]
    seen: set[str] = set()
    while todo:
        wanted, by = todo.pop()
        name = canonicalize_name(wanted.name)
        version = versions.get(name)
        if version is None or not wanted.specifier.contains(version, prereleases=True):
            found.append(f"{by} asks {wanted}, locked is {version}")
            continue
        key = f"{name} {sorted(wanted.extras)}"
        if key in seen:
            continue
        seen.add(key)
        for text in requires(name, version):
            inner = Requirement(text)
            if any(
                applies(inner.marker, environment, extra)
                for extra in ("", *wanted.extras)
            ):
                todo.append((inner, name))
    return found


def requires(name: str, version: str) -> list[str]:
    """Return what a release asks, by the metadata that is installed here."""
    try:
        distribution = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return []  # of another platform
    assert distribution.version == version, f"{name}: .venv is not the lock's"
    return list(distribution.requires or ())


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("lock", WANTED)
def test_a_lock_holds_all_that_its_releases_ask(
    lock: str, platform: str, python: str
) -> None:
    environment = {
        **PLATFORMS[platform],
        **PYTHONS[python],
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    assert lacking(lock, environment) == []


def test_the_second_lock_holds_the_first() -> None:
    first, second = (set(map(str, pins(lock))) for lock in WANTED)
    assert first <= second


@pytest.mark.parametrize("name", ["mako", "greenlet"])
def test_a_requirement_that_a_lock_lacks_is_found(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a release, and of an extra that the project asks for."""
    whole = pins("requirements.lock")
    cut = [pin for pin in whole if pin.name != name]
    assert len(cut) == len(whole) - 1
    monkeypatch.setitem(globals(), "pins", lambda _: cut)
    environment = {**PLATFORMS["linux"], **PYTHONS["3.11"]}
    (found,) = lacking("requirements.lock", environment)
    assert name in found.lower()
