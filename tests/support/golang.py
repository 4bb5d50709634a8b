"""Asks Go's transparency log packages, one process per list of questions."""

import json
import os
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from tests.support.tree import ROOT

SOURCE = ROOT / "tests" / "interop" / "go" / "log.go"


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Return a folder that goes when the tests end."""
    return tempfile.TemporaryDirectory(prefix="koerier-go-")


@cache
def _program() -> Path:
    """Return the compiled program: once for all tests of a run."""
    folder = Path(_folder().name)
    # Debian installs Go's libraries as sources of a GOPATH; nothing is downloaded.
    environment = os.environ | {
        "GO111MODULE": "off",
        "GOPATH": "/usr/share/gocode",
        "GOCACHE": str(folder / "cache"),
        "GOFLAGS": "",
    }
    program = folder / "log"
    done = subprocess.run(  # noqa: S603 -- a source of this repository
        ["go", "build", "-o", str(program), str(SOURCE)],  # noqa: S607 -- marker `go`
        capture_output=True,
        check=False,
        env=environment,
        encoding="utf-8",
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return program


def ask(jobs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return one answer per job: ``{"ok": value}`` or ``{"refused": reason}``."""
    done = subprocess.run(  # noqa: S603 -- compiled from this repository
        [str(_program())],
        input=json.dumps({"jobs": jobs}),
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    assert len(answers) == len(jobs)
    return answers
