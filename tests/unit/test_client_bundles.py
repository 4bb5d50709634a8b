"""What the agent says about courier bundles, over the real core in memory."""

import base64
from dataclasses import replace
from typing import Any

import pytest

from client.answers.bundles import STATUS, refusal
from client.answers.commands import Commands
from client.cli.courier import MAX_FILE
from client.core.compose import action
from client.core.courier import CourierError, Trouble
from client.core.outbox import Outbox
from client.door.asking import MAX_LINE
from client.exits import AgentRefusal, Exit
from client.words import LANGUAGES, Words
from protocol.courier import MAX_BUNDLE
from protocol.label import Precedence
from tests.support.courier import apart, written
from tests.support.desk import Desk, cable, exchange, pair
from tests.support.fake_relay import FakeRelay
from tests.support.ministry import Ministry

RELAYED = ("sealed", "stored", "accepted")


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


def sent_to(desk: Desk, name: str) -> dict[str, Any]:
    """Return what the sender is shown of each addressee of a record."""
    found, _ = commands(desk).run("receipts", {"id": name})
    return {target["post"]: target for target in found["to"]}


def test_what_came_by_courier_alone_is_delivered_and_never_at_the_relay(
    desks: tuple[Desk, Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    bern, tfc = desks
    row = written(bern)
    assert sent_to(bern, row.name.hex())["tfc"]["couriered"] is None
    made, _ = commands(bern).run("export", {"id": row.name.hex()})
    commands(tfc).run("import", {"bundle": made["bundle"]})
    tfc.connect()
    exchange(tfc)
    with monkeypatch.context() as patched:  # the receipt is faster than the prekeys
        patched.setattr(Outbox, "pump", lambda *_: [])
        bern.connect()
        exchange(bern)
    exchange(bern, tfc)
    shown = sent_to(bern, row.name.hex())["tfc"]
    assert shown["couriered"].endswith("Z")
    assert shown["states"]["delivered"]
    assert [shown["states"][state] for state in RELAYED] == [None] * 3


def test_what_went_by_courier_and_then_by_the_relay_has_every_state(
    desks: tuple[Desk, Desk],
) -> None:
    bern, tfc = desks
    row = written(bern)
    made, _ = commands(bern).run("export", {"id": row.name.hex()})
    commands(tfc).run("import", {"bundle": made["bundle"]})
    bern.connect()
    exchange(bern)
    states = sent_to(bern, row.name.hex())["tfc"]["states"]
    assert all(states[state] for state in RELAYED)
    assert states["delivered"] is None
    tfc.connect()
    exchange(bern, tfc)
    assert sent_to(bern, row.name.hex())["tfc"]["states"]["delivered"]


def test_an_envelope_for_one_post_says_nothing_of_another(hague: Ministry) -> None:
    hague.enrol("oslo")  # nobody is there yet: no prekey, so no seal
    bern, tfc = pair(hague, FakeRelay(hague))
    to = action(("tfc", "oslo"), Precedence.ROUTINE)
    composed = bern.machine.compose(replace(cable("tfc"), to=to), bern.now)
    for effect in bern.machine.pump(bern.now):
        bern.carry_out(effect)
    exchange(bern, tfc)
    shown = sent_to(bern, composed.name.hex())
    assert all(shown["tfc"]["states"][state] for state in RELAYED)
    assert not any(shown["oslo"]["states"].values())


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
