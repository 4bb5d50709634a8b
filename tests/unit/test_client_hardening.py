"""What a process does before it knows a secret, seen from outside and in children."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from client.cli.main import main
from client.hardening import KeyLogError, harden

PROBE = """
import json, os, pathlib, resource, sys
from client.hardening import harden
harden(os.environ)
pathlib.Path(sys.argv[1]).write_text("x")
import ctypes
print(json.dumps([
    resource.getrlimit(resource.RLIMIT_CORE)[0],
    ctypes.CDLL(None).prctl(3, 0, 0, 0, 0) if sys.platform == "linux" else 0,
]))
"""


def test_no_core_no_tracer_and_files_of_the_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "file"
    done = subprocess.run(  # noqa: S603 -- ourselves
        [sys.executable, "-c", PROBE, str(file)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[0, 0]"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_file_for_session_keys_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyLogError):
        harden({"SSLKEYLOGFILE": str(tmp_path / "keys")})
    for lang, said in (("nl", "Haal die instelling weg"), ("en", "Remove that")):
        done = CliRunner(env={"SSLKEYLOGFILE": "keys.log"}).invoke(
            main, ["--lang", lang, "inbox"]
        )
        assert done.exit_code == 2
        assert said in done.output
        assert "Traceback" not in done.output


def test_an_empty_setting_asks_for_nothing() -> None:
    before = os.umask(0o077)
    try:
        harden({"SSLKEYLOGFILE": ""})
    finally:
        os.umask(before)


def test_a_system_without_core_files_or_prctl_starts_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(_: object) -> object:
        raise OSError

    before = os.umask(0o077)
    try:
        with monkeypatch.context() as patch:
            patch.setattr("ctypes.CDLL", missing)
            harden({})
        monkeypatch.setattr("client.hardening.os.name", "nt")
        harden({})
    finally:
        os.umask(before)
