"""What the agent says about courier bundles, over the real core in memory."""

import base64

import pytest

from client.bundles import STATUS, refusal
from client.cli.courier import MAX_FILE
from client.cli.exits import Exit
from client.commands import Commands
from client.core.courier import CourierError, Trouble
from client.link import MAX_LINE, AgentRefusal
from client.words import LANGUAGES, Words
from protocol.courier import MAX_BUNDLE
from tests.support.courier import apart, written
from tests.support.desk import Desk
from tests.support.ministry import Ministry


class Clock:
    """A clock that follows the relay's."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def wall(self) -> int:
        return self._desk.now

    def monotonic(self) -> float:
        return float(self._desk.now)


def commands(desk: Desk) -> Commands:
    return Commands(desk.machine, desk.store, Clock(desk), desk.spool)


@pytest.fixture
def desks(hague: Ministry) -> tuple[Desk, Desk]:
    return apart(hague)


def test_a_bundle_is_made_and_taken_and_shown_for_what_it_is(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    row = written(bern)
    made, _ = commands(bern).run("export", {"id": row.name.hex()[:12]})
    assert (made["to"], made["without"], made["attachments"]) == (["tfc"], [], 0)
    assert made["directory"].endswith("Z")
    came, _ = commands(tfc).run("import", {"bundle": made["bundle"]})
    assert came["id"] == made["id"]
    assert came["directory"] == made["directory"]
    lines, _ = commands(tfc).run("inbox", {})
    line = next(line for line in lines if line["id"] == came["id"])
    assert (line["courier"], line["logged"]) == (True, False)
    opened, _ = commands(tfc).run("read", {"id": came["id"]})
    assert opened["directory"] == made["directory"]
    by_relay = next(line for line in lines if line["id"] != came["id"])
    assert by_relay["courier"] is False
    assert commands(tfc).run("read", {"id": by_relay["id"]})[0]["directory"] is None


@pytest.mark.parametrize(
    ("bundle", "code"),
    [
        ("no base64", "courier.no-bundle"),
        ("", "courier.no-bundle"),
        (base64.b64encode(b"a file").decode(), "courier.no-bundle"),
    ],
)
def test_another_file_is_refused(
    desks: tuple[Desk, Desk], bundle: str, code: str
) -> None:
    with pytest.raises(AgentRefusal) as refused:
        commands(desks[1]).run("import", {"bundle": bundle})
    assert (refused.value.code, refused.value.exit_code) == (code, Exit.BAD_INPUT)


def test_what_cannot_be_packed_is_said(
    desks: tuple[Desk, Desk], hague: Ministry
) -> None:
    bern, _ = desks
    row = written(bern)
    asked = {"id": row.name.hex()[:12], "to": ["oslo"]}
    with pytest.raises(AgentRefusal) as refused:
        commands(bern).run("export", asked)
    assert refused.value.code == "courier.arrived"
    bern.machine.beliefs.witnessed = hague.directory.root.document.expires + 1
    with pytest.raises(AgentRefusal) as refused:
        commands(bern).run("export", {**asked, "to": []})
    assert refused.value.code == "courier.root-expired"


@pytest.mark.parametrize("trouble", Trouble)
def test_every_trouble_has_words_and_a_status(trouble: Trouble) -> None:
    answer = refusal(CourierError(trouble))
    assert answer.exit_code == STATUS[trouble]
    for language in LANGUAGES:
        assert Words(language).say(answer.code, **answer.parts)


def test_the_largest_bundle_fits_the_agents_line() -> None:
    assert MAX_FILE == MAX_BUNDLE
    assert MAX_BUNDLE * 4 // 3 + 1024 < MAX_LINE
