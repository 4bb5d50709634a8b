"""``koerier history``, as it is typed at both ends."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.desk import Desk, cable, exchange
from tests.support.fake_relay import FakeRelay
from tests.support.home_desk import HomeDesk
from tests.support.homes import ANNA
from tests.support.light import make_light
from tests.support.ministry import Ministry
from tests.support.office import Office
from tests.support.typed import alone, told

QUEUED = 4


@pytest.fixture(autouse=True)
def _light(monkeypatch: pytest.MonkeyPatch) -> None:
    make_light(monkeypatch)


class Room:
    """Bern in a home whose vault is new, and TFC, which has what they exchanged."""

    def __init__(self, bern: HomeDesk, tfc: Desk) -> None:
        self.bern, self.tfc = bern, tfc
        self.office = Office(tfc)
        self.open = False

    def type(self, *line: object, status: int = 0, lang: str = "en") -> str:
        """Type a command at Bern, without an agent and so without a line."""
        if self.open:
            self.bern.lock()
            self.open = False
        return told(alone(self.bern.home, "history", *line, lang=lang), status)

    def meet(self) -> None:
        if not self.open:
            self.bern.take(self.bern.unlocked(ANNA))
            self.open = True
            self.bern.connect()
        self.tfc.run()
        exchange(self.bern, self.tfc)

    def asked_of_tfc(self) -> str:
        (line,) = [r for r in self.office.run("history-requests") if not r["ours"]]
        return str(line["id"])


@pytest.fixture
def room(
    hague: Ministry, relay: FakeRelay, desks: tuple[Desk, Desk], tmp_path: Path
) -> Iterator[Room]:
    before, tfc = desks
    before.write("tfc", "Van Bern.")
    tfc.write("bern", "Aan Bern.\nIn twee regels.")
    exchange(before, tfc)
    bern = HomeDesk(hague, relay, tmp_path / "bern")
    found = Room(bern, tfc)
    found.open = True
    bern.connect()
    exchange(bern, tfc)
    yield found
    if found.open:
        bern.lock()


def test_asked_agreed_listed_and_read(room: Room) -> None:
    assert "Nobody asked" in room.type("requests")
    assert "Nothing was sent again" in room.type("list")
    said = room.type("ask", "tfc", "--reason", "kluis weg", status=QUEUED)
    assert "tfc is asked" in said
    assert "no answer yet" in room.type("requests")
    room.meet()
    room.office.run("history-agree", id=room.asked_of_tfc())
    room.meet()
    room.meet()
    listed = room.type("requests")
    assert "tfc sent everything: 2 are here, 0 were left out" in listed
    lines = room.type("list").splitlines()
    assert len(lines) == 2
    assert all("(again, by tfc)" in line for line in lines)
    found: list[dict[str, Any]] = json.loads(room.type("list", "--json"))
    (theirs,) = [one for one in found if one["post"] == "tfc"]
    opened = room.type("read", theirs["id"])
    assert "HISTORY: sent again by tfc" in opened
    assert "Signed then by" in opened
    assert "  | In twee regels." in opened
    assert json.loads(room.type("read", theirs["id"], "--json"))["id"] == theirs["id"]
    dutch = room.type("read", theirs["id"], lang="nl")
    assert "GESCHIEDENIS: opnieuw gestuurd door tfc" in dutch
    assert json.loads(room.type("requests", "--json"))[0]["standing"] == "done"
    assert room.type("list", "--post", "oslo").startswith("Nothing")


def test_a_refusal_is_shown_with_its_reason(room: Room) -> None:
    room.type("ask", "tfc", "--reason", "kluis weg", "--json", status=QUEUED)
    room.meet()
    room.office.run("history-refuse", id=room.asked_of_tfc(), reason="bel eerst")
    room.meet()
    said = room.type("requests")
    assert "tfc said no" in said
    assert "because: bel eerst" in said


@pytest.fixture
def asked(room: Room) -> str:
    """Return the name of a request of TFC's, as Bern knows it."""
    room.meet()
    room.bern.write("tfc", "Nieuw, van Bern.")
    room.tfc.machine.compose(cable("bern", "Nieuw, aan Bern."), room.tfc.now)
    room.meet()
    room.office.run("history-ask", post="bern", reason="schijf stuk")
    room.meet()
    (line,) = json.loads(room.type("requests", "--json"))
    return str(line["id"])


def test_who_agrees_sees_who_asks_and_how_much(room: Room, asked: str) -> None:
    shown = room.type("show", asked)
    for piece in ("Terminal 1 of tfc", "schijf stuk", "2 message(s)", "up to Dep.V"):
        assert piece in shown
    assert json.loads(room.type("show", asked, "--json"))["offer"]["records"] == 2
    said = room.type("agree", asked, status=QUEUED)
    assert "2 message(s)" in said
    assert "agreed; 2 message(s) go to tfc again" in said
    room.type("agree", asked, status=3)
    room.meet()
    room.meet()
    assert "done; 2 sent again, 0 left out" in room.type("requests")
    assert [r["standing"] for r in room.office.run("history-requests")] == ["done"]
    assert room.office.run("history-list") == []  # TFC has them all


def test_who_refuses_says_why(room: Room, asked: str) -> None:
    room.type("refuse", asked, status=2)
    said = room.type("refuse", asked, "--reason", "onbekende stem", status=QUEUED)
    assert "refused; tfc is told why" in said
    assert "refused to tfc" in room.type("requests")
    assert "from 2" not in room.type("show", asked)
    room.type("agree", asked, "--json", status=3)


def test_nothing_to_send_is_said(room: Room) -> None:
    room.meet()
    room.office.run(
        "history-ask", post="bern", reason="x", since="2001-01-01", until="2001-01-02"
    )
    room.meet()
    (line,) = json.loads(room.type("requests", "--json"))
    assert "Nothing here was exchanged with tfc" in room.type("show", line["id"])
