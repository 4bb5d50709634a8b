"""What the container starts, and what docker-compose.yml wires it to."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from tests.support import postgres

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "server/Dockerfile").read_text(encoding="utf-8")
COMPOSE = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")


def words(instruction: str) -> list[str]:
    (found,) = re.findall(rf"^{instruction} (\[.*\])$", DOCKERFILE, re.MULTILINE)
    return [str(word) for word in json.loads(found)]


def started(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run what the image runs, with the arguments."""
    program, *fixed = words("ENTRYPOINT")
    assert program == "python"
    return subprocess.run(  # noqa: S603 -- our own program
        [sys.executable, *fixed, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_command_that_the_compose_file_tells_makes_a_relay(tmp_path: Path) -> None:
    (told,) = re.findall(r"docker compose run --rm relay (init .*)", COMPOSE)
    home = tmp_path / "data"
    home.mkdir()
    done = started(*told.replace("/data", str(home)).split())
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["key_log"]["origin"] == "relay.example/keys"
    assert "0.0.0.0:8443" in (home / "relay.toml").read_text(encoding="utf-8")


def test_what_the_image_starts_asks_for_the_root_document(tmp_path: Path) -> None:
    home = tmp_path / "data"
    assert started("init", "--home", str(home)).returncode == 0
    done = started(*(word.replace("/data", str(home)) for word in words("CMD")))
    assert done.returncode == 2
    assert "root.cbor" in done.stderr


def test_the_health_check_asks_the_listener_that_init_configures(
    tmp_path: Path,
) -> None:
    home = tmp_path / "data"
    assert started("init", "--home", str(home)).returncode == 0
    (port,) = re.findall(r"127\.0\.0\.1:(\d+)/readyz", DOCKERFILE)
    config = (home / "relay.toml").read_text(encoding="utf-8")
    assert f'health = "127.0.0.1:{port}"' in config


def told_database() -> str:
    (told,) = re.findall(r"docker compose run .* --database (\S+)", COMPOSE)
    return str(told)


def test_the_database_that_is_told_is_the_one_of_the_compose_file() -> None:
    url = make_url(told_database())
    assert re.search(rf"^  {url.host}:\n    image: postgres:", COMPOSE, re.MULTILINE)
    assert f"POSTGRES_USER: {url.username}\n" in COMPOSE
    assert f"POSTGRES_DB: {url.database}\n" in COMPOSE
    assert url.password is None
    (ours,) = re.findall(r"PGPASSWORD: \$\{(\w+):", COMPOSE)
    (theirs,) = re.findall(r"POSTGRES_PASSWORD: \$\{(\w+):", COMPOSE)
    assert ours == theirs


@pytest.mark.pg
def test_what_the_image_starts_keeps_its_store_there(
    tmp_path: Path, pg_server: postgres.Server
) -> None:
    home = tmp_path / "data"
    url = pg_server.url("container")
    assert started("init", "--home", str(home), "--database", url).returncode == 0
    done = started("migrate", "--home", str(home))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("version ")
    assert not list(home.rglob("*.sqlite*"))
    assert "deliveries" in pg_server.psql("container", "SELECT * FROM pg_tables")
