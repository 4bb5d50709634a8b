"""Attachments through real processes: sent, interrupted, resumed, saved."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from client.demo.ministry import POST, TFC, Ministry
from client.demo.processes import Services
from client.demo.story import Story
from client.files import private_folder
from tests.support.keys import stretched
from tests.support.koerier import koerier

PATIENCE = 120.0  # seconds: a loaded machine needs a few
PASSPHRASE = "correct horse é battery"  # noqa: S105 -- of a test


@pytest.fixture(scope="module")
def ministry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ministry]:
    folder = tmp_path_factory.mktemp("live")
    with Services(private_folder(folder / "log")) as services:
        made = Ministry(folder, services, lambda: PASSPHRASE)
        made.found()
        made.unlock()
        Story(made, lambda _: None).wait_until_reachable()
        yield made


def until(found: Callable[[], Any]) -> Any:  # noqa: ANN401 -- JSON
    """Return what ``found`` returns once it is true."""
    limit = time.monotonic() + PATIENCE
    while not (value := found()):
        assert time.monotonic() < limit
        time.sleep(0.1)
    return value


def answer(home: Path, *arguments: object, text: str = "") -> Any:  # noqa: ANN401
    done = koerier(home, *arguments, "--json", text=text)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def send(ministry: Ministry, *files: Path) -> str:
    attached = [part for file in files for part in ("--attach", file)]
    sent = answer(
        ministry.terminal(POST),
        *("send", "--to", "tfc", "--subject", "Foto's", "--level", "Dep.V"),
        *("--until", "2031-01-31", *attached),
        text="Zie de bijlagen.",
    )
    return str(sent["id"])


def complete(ministry: Ministry, message: str) -> bool:
    """Say whether the sender knows that everything arrived."""
    found = answer(ministry.terminal(POST), "receipts", message)
    return bool(found["to"][0]["complete"])


def test_files_arrive_are_listed_and_saved(ministry: Ministry, tmp_path: Path) -> None:
    post, tfc = ministry.terminal(POST), ministry.terminal(TFC)
    files = {"kaart.png": stretched("kaart", 300_000), "leeg.txt": b""}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    message = send(ministry, *(tmp_path / name for name in files))
    until(lambda: complete(ministry, message))
    listed = answer(tfc, "attach", "list", message)
    assert [one["name"] for one in listed] == list(files)
    assert [one["media"] for one in listed] == ["image/png", "text/plain"]
    out = private_folder(tmp_path / "out")
    answer(tfc, "attach", "save", message, "--all", "--out", out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == files
    # Everybody has it: the sender's spool and the relay's parts are empty again.
    until(lambda: not list((post / "data" / "spool").iterdir()))
    again = koerier(tfc, "attach", "save", message, "--all", "--out", out)
    assert again.returncode == 2
    assert sorted(path.name for path in out.iterdir()) == sorted(files)
