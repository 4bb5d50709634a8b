"""Nothing in the project tells of the machine or the index it was made on."""

import re
from pathlib import Path

import pytest

from tests.support.tree import ROOT, tracked

# None of these expressions finds itself.
SHARED = re.compile(r"\.\./shared")
MACHINE = re.compile(
    r"(?<![\w.])/(?:work|tmp|root)/\w|/opt/(?:pypi|wheels)|/\.library\b"
)
INDEX = re.compile(
    r"https?://[^\s\"'<>)]*"
    r"(?:pypi|npmjs|/simple\b|registry|deb\.debian|proxy\.golang)"
)
LOCK_ADDRESS = re.compile(r"https?://|\"resolved\"")
BINARY = {".bin", ".cbor", ".evidence", ".gz", ".keylog", ".png", ".woff2", ".pdf"}


def text(path: Path) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def readable() -> list[Path]:
    return [path for path in tracked() if path.suffix not in BINARY]


@pytest.mark.parametrize("path", readable(), ids=str)
def test_a_file_names_no_path_of_the_machine_and_no_index(path: Path) -> None:
    content = text(path)
    assert MACHINE.findall(content) == []
    assert INDEX.findall(content) == []
    assert path == Path(".ci/run") or SHARED.findall(content) == []


@pytest.mark.parametrize("path", [p for p in tracked() if ".lock" in p.name], ids=str)
def test_a_lock_holds_hashes_and_no_address(path: Path) -> None:
    content = text(path)
    assert LOCK_ADDRESS.findall(content) == []
    assert content.count("==") <= content.count("--hash=sha256:")


def test_the_lock_of_npm_holds_hashes_and_no_address() -> None:
    content = text(Path("package-lock.json"))
    assert '"resolved"' not in content
    assert content.count('"integrity"') == content.count('"node_modules/')


def test_the_test_lock_has_the_same_versions_as_the_run_time_lock() -> None:
    version = re.compile(r"^(\S+)==(\S+)", re.MULTILINE)
    run = dict(version.findall(text(Path("requirements.lock"))))
    dev = dict(version.findall(text(Path("requirements-dev.lock"))))
    assert run.items() <= dev.items()
