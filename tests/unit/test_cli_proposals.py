"""What an operator sees and does with proposals, as it is typed: list, show, sign."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from client.home import Home
from client.operator.documents import write_document
from protocol.directory_entry import Action, ChangedDetails, Details
from protocol.root import DAY
from protocol.signed import Signed
from tests.support.desk import exchange
from tests.support.fake_relay import FakeRelay
from tests.support.home_desk import HomeDesk, beside
from tests.support.homes import ANNA
from tests.support.light import make_light
from tests.support.ministry import Ministry
from tests.support.operating import give_key, signing, typed
from tests.support.seats import Seat
from tests.support.typed import alone, told

CHANGE = ChangedDetails(details=Details(name_nl="Elders", name_en="Elsewhere"))


@dataclass
class Anna:
    """Bern's terminal, at which operator Anna sits; Bram sits at TFC's."""

    desk: HomeDesk
    bram: Seat

    @property
    def home(self) -> Home:
        return self.desk.home

    def proposed(self) -> str:
        """Return what Bram proposed, once it is here."""
        id_ = self.bram.propose(self.bram.change("rights", "tfc", level=1), "bern")
        exchange(self.desk, self.bram.desk)
        return id_

    def locked(self, hague: Ministry) -> Home:
        """Return the home without an agent, with Anna's key in it."""
        self.desk.lock()
        give_key(self.home, hague, "anna")
        return self.home


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch, hague: Ministry) -> list[int]:
    """Return what o'clock it is for the commands: to be changed."""
    make_light(monkeypatch)
    now = [hague.now + 60]
    monkeypatch.setattr("client.clock.SystemClock.wall", lambda _: now[0])
    return now


@pytest.fixture
def anna(at: list[int], hague: Ministry, relay: FakeRelay, tmp_path: Path) -> Anna:
    assert at
    desk = HomeDesk(hague, relay, tmp_path / "bern")
    desk.connect()
    return Anna(desk, Seat(beside(desk, hague), hague.operators["bram"]))


def by(hague: Ministry, name: str, file: Path) -> None:
    """Write a proposal to a file, signed by one operator."""
    place = hague.place("tfc", Action.SET_DETAILS)
    write_document(file, hague.signed(place, CHANGE, by=[hague.operators[name]]))


def as_json(said: str) -> Any:  # noqa: ANN401 -- JSON
    return json.loads(said[said.index("{") : said.rindex("}") + 1])


def test_without_proposals_the_list_says_so(anna: Anna, hague: Ministry) -> None:
    home = anna.locked(hague)
    assert typed(home, "operator", "list") == "No proposals here.\n"
    assert json.loads(typed(home, "operator", "list", "--json")) == []


def test_a_proposal_that_was_rejected_says_by_whom_and_why(
    anna: Anna, hague: Ministry
) -> None:
    id_ = anna.proposed()
    home = anna.locked(hague)
    said = typed(home, "operator", "reject", "--reason", "verkeerde post", "--json")
    assert as_json(said)["id"] == id_
    shown = typed(home, "operator", "show", id_)
    assert "verkeerde post" in shown
    assert "bern" in shown
    assert shown.index("SET_RIGHTS") < shown.index("rejected")
    refused = typed(home, *signing("operator", "approve", id_), status=3)
    assert "verkeerde post" in refused


def test_an_approval_as_json_tells_where_it_stands(anna: Anna, hague: Ministry) -> None:
    id_ = anna.proposed()
    home = anna.locked(hague)
    said = typed(home, *signing("operator", "approve", id_, "--json"))
    found = as_json(said)
    assert (found["id"], found["standing"]) == (id_, "complete")
    assert (found["carrying"], found["online"]) == ("waiting", False)


def test_what_is_logged_is_listed_with_its_place(anna: Anna, hague: Ministry) -> None:
    id_ = anna.proposed()
    seat = Seat(anna.desk, hague.operators["anna"])
    seat.approve(id_)
    exchange(anna.desk, anna.bram.desk)
    home = anna.locked(hague)
    (found,) = json.loads(typed(home, "operator", "list", "--json"))
    assert found["standing"] == "logged"
    assert f"logged at position {found['index']}" in typed(home, "operator", "list")
    assert "logged" in typed(home, *signing("operator", "approve", id_), status=3)


def test_a_file_that_is_approved_at_a_terminal_is_carried_from_there(
    anna: Anna, hague: Ministry, tmp_path: Path
) -> None:
    home, file = anna.locked(hague), tmp_path / "bern.proposal"
    by(hague, "bram", file)
    said = typed(home, *signing("operator", "approve", file))
    assert said.index("Elsewhere") < said.index("on its way to the log")
    anna.desk.take(anna.desk.unlocked(ANNA))
    anna.desk.connect()
    exchange(anna.desk, anna.bram.desk)
    found = anna.bram.desk.machine.beliefs.view().post("tfc")
    assert found is not None
    assert found.name_en == "Elsewhere"


def test_nobody_makes_two_of_one_signature_by_file(
    anna: Anna, hague: Ministry, tmp_path: Path
) -> None:
    home, file, leaf = anna.locked(hague), tmp_path / "mine", tmp_path / "leaf"
    by(hague, "anna", file)
    root = ("--root", home.root_file)
    for way in ((), (*root, "--out", leaf)):
        refused = typed(home, *signing("operator", "approve", file, *way), status=3)
        assert "cannot approve your own" in refused
    assert not leaf.exists()
    no_out = typed(home, *signing("operator", "approve", file, *root), status=2)
    assert "--out" in no_out


def test_a_file_that_is_no_proposal_is_named(
    anna: Anna, hague: Ministry, tmp_path: Path
) -> None:
    home, file = anna.locked(hague), tmp_path / "photo.jpg"
    file.write_bytes(b"\xff\xd8")
    for command in ("list", "show", "approve"):
        assert str(file) in typed(home, "operator", command, file, status=2)
    write_document(file, Signed(document=b"of something else", signatures=()))
    assert str(file) in typed(home, "operator", "list", file, status=2)


def test_keys_that_end_soon_are_told_with_the_state_of_the_terminal(
    anna: Anna, hague: Ministry, at: list[int]
) -> None:
    home = anna.locked(hague)
    plain = told(alone(home, "terminal", "status"))
    assert "bern, terminal 1: not connected" in plain
    assert "Keys:" not in plain
    found = json.loads(told(alone(home, "terminal", "status", "--json")))
    at[0] += (found["keys"]["days"] - 20) * DAY
    assert "Ask for the next one now" in told(alone(home, "terminal", "status"))


def test_new_streams_are_begun_by_who_fears_a_copy(anna: Anna, hague: Ministry) -> None:
    anna.desk.write("tfc")
    anna.desk.run()
    home = anna.locked(hague)
    said = told(alone(home, "terminal", "renew-streams"))
    assert "new streams, with 1 terminal" in said
    found = json.loads(told(alone(home, "terminal", "renew-streams", "--json")))
    assert found["terminals"] == 1


def test_who_locks_what_is_locked_is_told_so(anna: Anna, hague: Ministry) -> None:
    home = anna.locked(hague)
    assert (
        told(alone(home, "terminal", "lock")) == "This terminal was locked already.\n"
    )
