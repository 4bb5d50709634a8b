"""A full disk and a damaged vault, as a person meets them: by the entry point.

The commands are typed; what answers them is a real terminal over a real vault, whose
disk takes nothing more for a while.
"""

import asyncio
import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from client import doctor
from client.door import asking
from client.home import Home
from client.vault import check
from client.vault.database import Database, DiskError
from client.vault.opening import DATABASE
from tests.support.desk import exchange
from tests.support.fake_relay import FakeRelay
from tests.support.home_desk import HomeDesk, beside, locked_desk
from tests.support.keys import secret
from tests.support.light import make_light
from tests.support.ministry import Ministry
from tests.support.typed import alone, koerier, told

PAGE = 4_096  # bytes of the database


class Usage(NamedTuple):
    free: int


@pytest.fixture(autouse=True)
def _light(monkeypatch: pytest.MonkeyPatch) -> None:
    make_light(monkeypatch)


@contextlib.contextmanager
def read_only(database: Database) -> Iterator[None]:
    """Let the database refuse every change, as on a disk that takes none."""
    database.rows("PRAGMA query_only = on")
    yield
    database.rows("PRAGMA query_only = off")


# --- what the vault remembers of its disk


def stuck(database: Database) -> bool:
    return database.stuck


def give_up(database: Database) -> None:
    with database.transaction():
        database.put("a", b"3")
        raise KeyError


def test_a_change_that_was_refused_is_remembered_until_one_is_taken(
    tmp_path: Path,
) -> None:
    database = Database.open(tmp_path / "v", secret("stuck"))
    with database.transaction():
        database.put("a", b"1")
    with (
        read_only(database),
        pytest.raises(DiskError),
        database.transaction(),
    ):
        database.put("a", b"2")
    assert stuck(database)
    with database.transaction():
        database.get("a")  # nothing was written: nothing is known
    assert stuck(database)
    with pytest.raises(KeyError):
        give_up(database)
    with database.transaction():
        database.get("a")
    assert stuck(database)
    with database.transaction():
        with database.transaction():
            database.put("a", b"4")
        assert stuck(database)  # the inner one is not on the disk yet
    assert not stuck(database)
    database.close()


# --- a terminal that answers


class Open:
    """Bern's terminal, open, with a message of TFC's in it."""

    def __init__(self, desk: HomeDesk) -> None:
        self.desk = desk
        self.home = desk.home
        self.database = desk.terminal.vault.database
        (line,) = desk.ask("inbox")
        self.message = line["id"]


@pytest.fixture
def bern(
    hague: Ministry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Open]:
    desk = HomeDesk(hague, FakeRelay(hague), tmp_path / "bern")
    tfc = beside(desk, hague)
    desk.connect()
    tfc.write("bern")
    exchange(tfc, desk)

    def ask(_: object, method: str, **arguments: Any) -> Any:  # noqa: ANN401 -- JSON
        return desk.ask(method, **arguments)

    monkeypatch.setattr(asking, "ask", ask)
    yield Open(desk)
    desk.lock()


def read_as_json(bern: Open) -> Any:  # noqa: ANN401 -- JSON
    return json.loads(told(koerier(bern.home, "read", bern.message, "--json")))


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        (
            "nl",
            ("niet opgeschreven", "schijf is vol", "schijf van deze", "Maak ruimte"),
        ),
        ("en", ("not written down", "disk is full", "disk of this", "Make room")),
    ],
)
def test_a_full_disk_keeps_nobody_from_reading_and_is_said_everywhere(
    bern: Open, lang: str, words: tuple[str, str, str, str]
) -> None:
    not_noted, full, alarm, todo = words

    def typed(*line: object, status: int = 0) -> str:
        return told(koerier(bern.home, *line, lang=lang), status)

    assert full not in typed("terminal", "status")
    with read_only(bern.database):
        shown = typed("read", bern.message)
        assert shown.count("=== Dep.V ===") == 2
        assert not_noted in shown
        assert read_as_json(bern)["noted"] is False
        assert full in typed("terminal", "status")
        listed = typed("alarms")
        assert alarm in listed
        assert todo in listed
        refused = typed("ack", bern.message, status=1)
        assert todo in refused or todo.lower() in refused
    assert not_noted not in typed("read", bern.message)  # now the sender is told
    assert read_as_json(bern)["noted"] is True
    assert full not in typed("terminal", "status")
    assert alarm not in typed("alarms")


def findings(
    home: Home,
    *options: str,
    status: int = 0,
    typed: Any = koerier,  # noqa: ANN401
) -> dict[str, str]:
    found = json.loads(told(typed(home, "doctor", "--json", *options), status))
    return {one["check"]: one["code"] for one in found}


@pytest.fixture
def _nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: object, **__: object) -> None:
        await asyncio.sleep(0)
        raise ConnectionRefusedError

    monkeypatch.setattr(asyncio, "open_connection", refuse)


@pytest.mark.usefixtures("_nobody_there")
def test_the_doctor_goes_on_where_the_disk_is_full(
    bern: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1))
    with read_only(bern.database):
        told(koerier(bern.home, "read", bern.message))
        found = findings(bern.home, status=1)
    assert found["disk"] == "doctor.disk-full"
    assert found["writing"] == "doctor.disk-stuck"
    assert found["pages"] == "doctor.pages-sound"
    assert found["alarms"] == "doctor.alarms-none"
    for lang, word in (("nl", "nam de laatste keer niets"), ("en", "took nothing")):
        with read_only(bern.database):
            told(koerier(bern.home, "read", bern.message))
            assert word in told(koerier(bern.home, "doctor", lang=lang), 1)


def overwrite(home: Home) -> None:
    """Overwrite a page in the middle of the vault, as a disk may."""
    file = home.data / DATABASE
    whole = file.read_bytes()
    start = len(whole) // PAGE // 2 * PAGE
    with file.open("r+b") as changed:
        changed.seek(start)
        changed.write(bytes(PAGE))


@pytest.mark.usefixtures("_nobody_there")
def test_the_doctor_reads_the_vault_as_it_is_on_the_disk(bern: Open) -> None:
    bern.database.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    assert findings(bern.home, status=1)["pages"] == "doctor.pages-sound"  # all cached
    overwrite(bern.home)
    assert findings(bern.home, status=6)["pages"] == "doctor.pages-hurt"
    for lang, word in (("nl", "BESCHADIGD"), ("en", "DAMAGED")):
        assert word in told(koerier(bern.home, "doctor", lang=lang), 6)
    assert "damaged" in told(koerier(bern.home, "terminal", "check"), 6)


@pytest.mark.usefixtures("_nobody_there")
def test_a_large_vault_is_read_when_it_is_asked_for(
    bern: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "SMALL", PAGE)
    assert findings(bern.home, status=1)["pages"] == "doctor.pages-unread"
    for lang in ("nl", "en"):
        assert "--deep" in told(koerier(bern.home, "doctor", lang=lang), 1)
    deep = findings(bern.home, "--deep", status=1)
    assert deep["pages"] == "doctor.pages-sound"
    with bern.desk.store.transaction():
        bern.database.run("UPDATE record SET document = ? WHERE way = 0", b"\x00")
    assert findings(bern.home, "--deep", status=6)["pages"] == "doctor.pages-hurt"


@pytest.mark.usefixtures("_nobody_there")
def test_a_vault_that_does_not_open_is_a_finding(
    hague: Ministry, tmp_path: Path
) -> None:
    home = locked_desk(hague, tmp_path / "bern").home
    found = findings(home, status=1)  # locked: looked at from outside
    assert "pages" not in found
    assert findings(home, status=1, typed=alone)["pages"] == "doctor.pages-sound"
    file = home.data / DATABASE
    file.write_bytes(file.read_bytes()[: 2 * PAGE])
    hurt = findings(home, status=6, typed=alone)
    assert hurt["vault"] == "vault.hurt"
    assert hurt["disk"].startswith("doctor.disk")
    wrong = told(alone(home, "doctor", word="een heel andere zin"), 2)
    assert "Not unlocked" in wrong


# --- who is there


@pytest.mark.parametrize(
    ("silent", "expected"),
    [
        (0, ("ok", "doctor.witnesses-all")),
        (1, ("warn", "doctor.witnesses-some")),
        (2, ("fail", "doctor.witnesses-silent")),
    ],
)
def test_the_doctor_asks_each_witness_whether_it_is_there(
    hague: Ministry,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    silent: int,
    expected: tuple[str, str],
) -> None:
    home = locked_desk(hague, tmp_path / "bern").home
    named = hague.directory.root.document.witnesses.witnesses
    assert len(named) - hague.directory.root.document.witnesses.quorum == 1
    away = [f"away-{number}" for number in range(silent)]
    lines = [
        f'"{witness.name}" = "http://{host}:81"\n'
        for witness, host in zip(named, away, strict=False)
    ]
    with (home.path / "koerier.toml").open("a") as file:
        file.write("\n[witnesses]\n" + "".join(lines))
    tried: list[tuple[str, int]] = []

    class Writer:
        def close(self) -> None:
            pass

    async def connect(host: str, port: int, **_: object) -> tuple[None, Writer]:
        await asyncio.sleep(0)
        tried.append((host, port))
        if host in away:
            raise TimeoutError
        return None, Writer()

    monkeypatch.setattr(asyncio, "open_connection", connect)
    finding = doctor.of_witnesses(home)
    assert (finding.grade.value, finding.code) == expected
    assert len(tried) == len(named)
    assert {(host, 81) for host in away} <= set(tried)
    for lang in ("nl", "en"):
        said = told(koerier(home, "doctor", lang=lang), 1 if silent == 2 else 0)
        for witness in named[:silent]:
            assert witness.name in said
