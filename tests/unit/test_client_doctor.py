"""What is wrong with a terminal, one finding per cause."""

import asyncio
import shutil
import ssl
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from client import doctor
from client.answers.checkup import checkup
from client.core.alarms import Alarm
from client.doctor import Finding, Grade, of_facts, of_files, of_relay
from client.files import write_atomic
from client.home import Config, Home
from client.words import LANGUAGES, Words
from tests.support.desk import Desk, exchange, pair
from tests.support.fake_relay import FakeRelay
from tests.support.ministry import ministry

DAY = 86_400


def _root(near: str) -> dict[str, Any]:
    return {"root": {"version": 2, "expires": "x", "days": 5, "ending": near}}


def _keys(near: str) -> dict[str, Any]:
    return {"keys": {"until": "x", "days": 5, "ending": near}}


FACTS: dict[str, Any] = {
    "online": True,
    "enrolled": True,
    "prekeys": True,
    "directory": "2026-11-23T15:30:00Z",
    "behind": 0,
    "age": 60,
    "limit": DAY,
    "root": {"version": 2, "expires": "x", "days": 200, "ending": "far"},
    "keys": {"until": "x", "days": 200, "ending": "far"},
    "witnesses": 3,
    "quorum": 2,
    "oldest": None,
    "integrity": 0,
    "alarms": 0,
}


class Usage(NamedTuple):
    free: int


def graded(findings: list[Finding]) -> dict[str, tuple[Grade, str]]:
    for finding in findings:  # each has its sentence in both languages
        for language in LANGUAGES:
            assert Words(language).say(finding.code, **finding.parts)
    return {finding.check: (finding.grade, finding.code) for finding in findings}


def test_healthy_facts_are_ok_in_every_line() -> None:
    found = graded(list(of_facts(FACTS)))
    assert {grade for grade, _ in found.values()} == {Grade.OK}
    assert len(found) == 9


@pytest.mark.parametrize(
    ("changes", "check", "grade", "code"),
    [
        ({"enrolled": False}, "enrolment", Grade.FAIL, "doctor.not-enrolled"),
        ({"prekeys": False}, "prekeys", Grade.FAIL, "doctor.prekeys-none"),
        ({"age": 2 * DAY}, "directory", Grade.WARN, "doctor.directory-old"),
        ({"directory": None}, "directory", Grade.FAIL, "doctor.directory-none"),
        ({"age": 2 * DAY}, "clock", Grade.WARN, "doctor.clock-ahead"),
        ({"age": 2 * DAY, "online": False}, "clock", Grade.OK, "doctor.clock"),
        (_root("quarter"), "root", Grade.WARN, "doctor.root-quarter"),
        (_root("month"), "root", Grade.WARN, "doctor.root-month"),
        (_root("week"), "root", Grade.WARN, "doctor.root-week"),
        (_root("over"), "root", Grade.FAIL, "doctor.root-over"),
        (_keys("quarter"), "keys", Grade.WARN, "doctor.keys-quarter"),
        (_keys("month"), "keys", Grade.WARN, "doctor.keys-month"),
        (_keys("week"), "keys", Grade.WARN, "doctor.keys-week"),
        (_keys("over"), "keys", Grade.FAIL, "doctor.keys-over"),
        ({"behind": 600}, "clock", Grade.FAIL, "doctor.clock-behind"),
        ({"behind": None}, "clock", Grade.OK, "doctor.clock"),
        ({"witnesses": 1}, "witnesses", Grade.FAIL, "doctor.witnesses-few"),
        ({"witnesses": 2}, "witnesses", Grade.OK, "doctor.witnesses"),
        ({"oldest": 3600}, "outbox", Grade.OK, "doctor.outbox"),
        ({"oldest": DAY + 1}, "outbox", Grade.WARN, "doctor.outbox-old"),
        ({"alarms": 2}, "alarms", Grade.WARN, "doctor.alarms"),
        ({"integrity": 1}, "alarms", Grade.ALARM, "doctor.alarms-integrity"),
    ],
)
def test_each_fact_has_its_grade(
    changes: dict[str, Any], check: str, grade: Grade, code: str
) -> None:
    assert graded(list(of_facts({**FACTS, **changes})))[check] == (grade, code)


# --- files


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.create(Config())
    write_atomic(home.keys / "vault.key", b"x")
    write_atomic(home.data / "vault.db", b"x")
    return home


def test_a_sound_home_is_ok(home: Home) -> None:
    found = graded(list(of_files(home)))
    assert found.keys() == {"home", "permissions", "vault", "disk"}
    assert found["vault"] == (Grade.OK, "doctor.vault")


def test_what_others_could_read_is_named(home: Home) -> None:
    (home.keys / "vault.key").chmod(0o640)
    findings = list(of_files(home))
    assert graded(findings)["permissions"] == (Grade.FAIL, "doctor.permissions-open")
    (named,) = [f.parts["path"] for f in findings if f.check == "permissions"]
    assert named == str(home.keys / "vault.key")


def test_a_missing_vault_and_a_missing_home_fail(home: Home, tmp_path: Path) -> None:
    (home.data / "vault.db").unlink()
    assert graded(list(of_files(home)))["vault"] == (Grade.FAIL, "doctor.no-vault")
    nowhere = graded(list(of_files(Home(tmp_path / "nowhere"))))
    assert nowhere == {"home": (Grade.FAIL, "home.missing")}


@pytest.mark.parametrize(
    ("free", "grade"),
    [(10 << 30, Grade.OK), (500 << 20, Grade.WARN), (50 << 20, Grade.FAIL)],
)
def test_room_on_the_disk_is_looked_at(
    home: Home, free: int, grade: Grade, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(free))
    assert graded(list(of_files(home)))["disk"][0] is grade


# --- the relay from outside


@pytest.mark.parametrize(
    ("error", "found"),
    [
        (None, (Grade.OK, "doctor.relay-there")),
        (ConnectionRefusedError(), (Grade.FAIL, "doctor.relay-away")),
        (TimeoutError(), (Grade.FAIL, "doctor.relay-away")),
        (ssl.SSLCertVerificationError(), (Grade.ALARM, "doctor.relay-not-ours")),
    ],
)
def test_the_relay_is_tried_as_far_as_its_pin(
    home: Home,
    error: Exception | None,
    found: tuple[Grade, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried: list[tuple[str, int]] = []

    class Writer:
        def close(self) -> None:
            pass

    async def connect(host: str, port: int, **_: object) -> tuple[None, Writer]:
        tried.append((host, port))
        await asyncio.sleep(0)
        if error is not None:
            raise error
        return None, Writer()

    class Root:
        document = ministry().directory.root.document

    monkeypatch.setattr(doctor, "read_root", lambda _: Root)
    monkeypatch.setattr(asyncio, "open_connection", connect)
    assert graded([of_relay(home)])["relay"] == found
    write_atomic(home.path / "koerier.toml", b'relay = "relay.example:8444"\n')
    of_relay(home)
    assert tried[1] == ("relay.example", 8444)


# --- facts of a real core


class Clock:
    def __init__(self, desk: Desk, shift: int = 0) -> None:
        self._desk, self._shift = desk, shift

    def wall(self) -> int:
        return self._desk.now + self._shift

    def monotonic(self) -> float:
        return 0.0


def test_facts_are_the_terminals() -> None:
    hague = ministry()
    relay = FakeRelay(hague)
    bern, tfc = pair(hague, relay)
    bern.write("tfc")
    exchange(bern, tfc)
    facts = checkup(bern.machine, bern.store, Clock(bern))
    assert facts.keys() == FACTS.keys()
    assert facts["online"]
    assert facts["enrolled"]
    assert facts["prekeys"]
    assert (facts["witnesses"], facts["quorum"]) == (2, 2)
    assert (facts["oldest"], facts["integrity"], facts["alarms"]) == (None, 0, 0)
    slow = checkup(bern.machine, bern.store, Clock(bern, -3600))
    assert slow["behind"] > 3000
    bern.machine.disconnected()
    bern.write("tfc")
    bern.machine.alarm(Alarm.FORK, bern.now)
    bern.machine.alarm(Alarm.HOLE, bern.now)
    later = checkup(bern.machine, bern.store, Clock(bern, 7200))
    assert later["oldest"] >= 7200
    assert (later["integrity"], later["alarms"]) == (1, 1)
    fresh = Desk(hague, hague.posts["bern"], relay)
    unknown = checkup(fresh.machine, fresh.store, Clock(fresh))
    assert (unknown["directory"], unknown["enrolled"]) == (None, False)
