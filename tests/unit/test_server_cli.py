"""The two commands: what they print, and the status they end with."""

import json
from pathlib import Path
from typing import Any

import pytest

from server import serve
from server.config import ConfigError, split_address
from server.storage.interfaces import StoreBrokenError
from server.storage.schema import newest
from server.witness import serve as witness_serve
from tests.support.services_typed import relay, witness


@pytest.fixture(autouse=True)
def same_umask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.umask", lambda _: 0)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    assert relay("init", "--home", tmp_path / "relay").exit_code == 0
    return tmp_path / "relay"


def test_init_prints_the_public_part_and_refuses_a_second_time(tmp_path: Path) -> None:
    path = tmp_path / "relay"
    words = ("init", "--home", path, "--name", "relay.example", "--suite", "2")
    done = relay(*words)
    assert done.exit_code == 0
    public = json.loads(done.stdout)
    assert public == json.loads((path / "relay-public.json").read_text())
    assert (public["format"], public["suite"]) == ("koerier-relay-public/1", 2)
    again = relay(*words)
    assert again.exit_code == 2
    assert "there already" in again.stderr


def test_a_witness_is_made_as_mirror_or_not(tmp_path: Path) -> None:
    for name, flag, mirror in (("a", "--mirror", True), ("b", "--no-mirror", False)):
        done = witness("init", "--home", tmp_path / name, "--name", name, flag)
        assert done.exit_code == 0
        assert json.loads(done.stdout)["mirror"] is mirror
    bad = witness("init", "--home", tmp_path / "c", "--name", "No Name")
    assert bad.exit_code == 2


def test_serve_needs_a_home_and_a_root_document(home: Path, tmp_path: Path) -> None:
    assert relay("serve", "--home", tmp_path / "nowhere").exit_code == 2
    done = relay("serve", "--home", home)
    assert done.exit_code == 2
    assert "root.cbor" in done.stderr
    done = relay("serve", "--home", home, "--witness", "w1=ftp://x")
    assert done.exit_code == 2
    assert witness("serve", "--home", tmp_path / "nowhere").exit_code == 2


@pytest.mark.parametrize(
    ("error", "status"),
    [(StoreBrokenError("IOERR"), 6), (OSError(98, "Address already in use"), 1)],
)
def test_serve_ends_with_a_status_that_says_what_failed(
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    status: int,
) -> None:
    async def fails(*_: Any) -> None:  # noqa: ANN401 -- stands in for another
        raise error

    monkeypatch.setattr("server.logbook.configure", lambda: None)
    monkeypatch.setattr(serve, "serve", fails)
    monkeypatch.setattr(witness_serve, "serve", fails)
    assert relay("serve", "--home", home, "--witness", "w=http://x").exit_code == status
    assert witness("init", "--home", tmp_path / "w", "--name", "w").exit_code == 0
    assert witness("serve", "--home", tmp_path / "w").exit_code == status


def test_without_a_relay_nothing_can_be_appended_or_asked(
    home: Path, tmp_path: Path
) -> None:
    entry = tmp_path / "entry"
    entry.write_bytes(b"entry")
    assert relay("append", "--home", home, entry).exit_code == 4
    assert relay("status", "--home", home).exit_code == 4
    assert relay("append", "--home", home, tmp_path / "missing").exit_code == 2


@pytest.mark.parametrize(("status", "code"), [(200, 0), (422, 3), (503, 3)])
def test_append_says_what_the_relay_said(
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    code: int,
) -> None:
    async def answered(*_: Any) -> tuple[int, str]:  # noqa: ANN401 -- stands in for another
        return status, "7\n"

    monkeypatch.setattr("server.admin_client.call", answered)
    entry = tmp_path / "entry"
    entry.write_bytes(b"entry")
    done = relay("append", "--home", home, entry)
    assert (done.exit_code, "7" in done.output) == (code, True)
    assert relay("status", "--home", home).exit_code == 0


def test_check_names_what_does_not_agree(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[str] = []

    async def checked(_: str, __: Path) -> list[str]:
        return found

    assert relay("check", "--home", home).exit_code == 6  # no database at all
    monkeypatch.setattr("server.storage.opening.check_store", checked)
    done = relay("check", "--home", home)
    assert (done.exit_code, done.stdout) == (0, "ok\n")
    found.append("leaf 1: no envelope")
    done = relay("check", "--home", home)
    assert (done.exit_code, done.stderr) == (6, "leaf 1: no envelope\n")


def test_migrate_makes_the_tables_and_says_which_version(home: Path) -> None:
    done = relay("migrate", "--home", home)
    assert (done.exit_code, done.stdout) == (0, f"version {newest()}\n")
    assert (home / "data/relay.sqlite").is_file()
    (home / "data/relay.sqlite").write_bytes(b"not a database at all" * 100)
    assert relay("migrate", "--home", home).exit_code == 6


@pytest.mark.parametrize(
    "database",
    [
        "postgresql://koerier:secret@database/koerier",
        "mysql://koerier@database/koerier",
        "postgresql://koerier@database:port/koerier",
    ],
)
def test_a_database_that_cannot_be_used_is_refused_before_keys_are_made(
    tmp_path: Path, database: str
) -> None:
    done = relay("init", "--home", tmp_path / "r", "--database", database)
    assert (done.exit_code, "database: " in done.stderr) == (2, True)
    assert "secret" not in done.output
    assert not (tmp_path / "r").exists()


def test_init_writes_the_database_into_the_configuration(tmp_path: Path) -> None:
    url = "postgresql://koerier@database/koerier"
    done = relay("init", "--home", tmp_path / "r", "--database", url)
    assert done.exit_code == 0
    config = (tmp_path / "r/relay.toml").read_text(encoding="utf-8")
    assert f'database = "{url}"' in config


@pytest.mark.parametrize("port", ["8443", ":8443", "localhost:", "localhost:65536"])
def test_where_to_listen_is_host_and_port(port: str) -> None:
    with pytest.raises(ConfigError, match="HOST:PORT"):
        split_address(port)
    assert split_address("[::1]:65535") == ("::1", 65_535)


def test_a_folder_is_no_entry(home: Path) -> None:
    done = relay("append", "--home", home, home)
    assert done.exit_code == 2
    assert "directory" in done.stderr
