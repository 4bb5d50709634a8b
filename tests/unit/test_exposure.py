"""What a lost terminal could read: by receipts, seals, and what senders knew."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from client.core.compose import Wish
from client.core.witnesses import Said
from client.exits import Exit
from client.vault.spool import seal_file
from crypto.types import KeyId
from protocol.bulletins import Bulletins
from protocol.codec import encode
from protocol.directory_entry import Action, Revocation
from protocol.key_log_entry import read_leaf
from protocol.label import Caveat, Label, Level
from protocol.receipt import Kind
from tests.support.desk import Desk, cable, exchange
from tests.support.fake_relay import FakeRelay
from tests.support.home_desk import HomeDesk, beside
from tests.support.light import make_light
from tests.support.ministry import Ministry
from tests.support.office import Office
from tests.support.second_desk import second_desk
from tests.support.typed import alone, told

EYES_ONLY = Label(
    level=Level.DEP_V, until=1_900_000_000, caveats=(Caveat.NLD_EYES_ONLY,)
)


def end(hague: Ministry, relay: FakeRelay, post: str, number: int = 1) -> int:
    """Restrict a terminal to nothing, in the log; return where."""
    holder = next(
        h for h in hague.directory.state.posts[post].holders if h.number == number
    )
    leaf = hague.restriction(KeyId(holder.current), by=hague.operators["anna"])
    hague.log(leaf)
    return relay.log(leaf)


def report(desk: Desk, post: str, **asked: Any) -> Any:  # noqa: ANN401 -- JSON
    return Office(desk).run("exposure", post=post, **asked)


def by_id(lines: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {line["name"]: line for line in lines}


def test_what_was_sent_is_told_apart_by_receipts_and_seals(
    hague: Ministry, relay: FakeRelay, desks: tuple[Desk, Desk]
) -> None:
    bern, tfc = desks
    arrived = bern.write("tfc", "Aangekomen.")
    exchange(bern, tfc)
    (row,) = tfc.inbox()
    tfc.machine.read(row, tfc.now)
    answered = tfc.write("bern", "Antwoord.")
    exchange(bern, tfc)
    sealed = bern.write("tfc", "Verzegeld.")
    bern.run()  # it lies at the relay, and nobody fetched it
    bern.relay.published.clear()  # no key for the next one
    kept = bern.write("tfc", "Wacht.")
    bern.run()
    index = end(hague, relay, "tfc")
    exchange(bern)
    found = report(bern, "tfc", terminal=1)
    (lost,) = found["terminals"]
    (ended,) = lost["ends"]
    assert (ended["reason"], ended["index"]) == ("restricted", index)
    sent = by_id(found["sent"])
    assert {name: line["readable"] for name, line in sent.items()} == {
        arrived.name.hex(): "has",
        sealed.name.hex(): "may-have",
        kept.name.hex(): "has-not",
    }
    first = sent[arrived.name.hex()]
    assert first["states"]["delivered"]
    assert first["states"]["read"]
    assert not first["open"]
    assert first["log_index"] is not None
    assert (first["level"], first["originator"]) == ("Dep.V", "bern")
    assert first["drafter"].startswith("bern/m1 [")
    assert first["subject"] == "Aan de post"
    assert sent[kept.name.hex()]["log_index"] is None
    assert sent[sealed.name.hex()]["states"]["delivered"] is None
    (received,) = found["received"]
    assert received["name"] == answered.name.hex()
    assert found["held"] == []
    told_to = {one["post"]: one for one in found["originators"]}
    assert set(told_to) == {"bern", "tfc"}
    assert len(told_to["bern"]["messages"]) == 2  # what it has not is nobody's concern


def test_a_message_that_left_after_the_end_was_known_is_not_readable(
    hague: Ministry, relay: FakeRelay, desks: tuple[Desk, Desk]
) -> None:
    bern, tfc = desks
    before = bern.write("tfc", "Voor.")
    exchange(bern, tfc)
    second = second_desk(hague, relay, "tfc", bern, tfc)
    alone_there = tfc.write("bern", "Van de eerste.")
    exchange(bern, tfc, second)
    both = bern.write("tfc", "Voor allebei.")
    exchange(bern, tfc, second)
    end(hague, relay, "tfc")
    exchange(bern, second)
    after = bern.write("tfc", "Na het einde.")
    exchange(bern, second)
    names = {row.name for row in second.inbox()}
    assert names == {both.name, after.name}
    found = report(second, "tfc", terminal=1)
    assert by_id(found["held"]).keys() == {both.name.hex()}
    (originator,) = found["originators"]
    assert originator == {
        "post": "bern",
        "messages": [both.name.hex()[:12]],
        "highest": "Dep.V",
    }
    sent = by_id(report(bern, "tfc", terminal=1)["sent"])
    assert sent.keys() == {before.name.hex(), both.name.hex()}
    received = by_id(report(bern, "tfc", terminal=1)["received"])
    assert received.keys() == {alone_there.name.hex()}
    assert report(bern, "tfc", terminal=2)["received"] == []
    whole = report(bern, "tfc")
    assert [lost["number"] for lost in whole["terminals"]] == [1, 2]
    assert [lost["ends"] == [] for lost in whole["terminals"]] == [False, True]
    assert after.name.hex() in by_id(whole["sent"])


def test_what_came_before_a_terminal_was_there_is_not_on_it(
    hague: Ministry, relay: FakeRelay, desks: tuple[Desk, Desk]
) -> None:
    bern, tfc = desks
    bern.write("tfc", "Voor de tweede.")
    exchange(bern, tfc)
    second = second_desk(hague, relay, "tfc", bern, tfc)
    both = bern.write("tfc", "Voor allebei.")
    exchange(bern, tfc, second)
    own = tfc.write("bern", "Hier geschreven.")
    exchange(bern, tfc, second)
    assert by_id(report(tfc, "tfc", terminal=2)["held"]).keys() == {both.name.hex()}
    # as its backup would, this vault holds what its own terminal wrote and got
    assert len(report(tfc, "tfc", terminal=1)["held"]) == 3
    assert own.name.hex() in by_id(report(tfc, "tfc", terminal=1)["held"])


def test_an_end_that_only_a_witness_told_hides_nothing(
    hague: Ministry, relay: FakeRelay, desks: tuple[Desk, Desk]
) -> None:
    bern, tfc = desks
    second = second_desk(hague, relay, "tfc", bern, tfc)
    both = bern.write("tfc", "Voor allebei.")
    exchange(bern, tfc, second)
    leaf = hague.restriction(tfc.post.terminal.key.id, by=hague.operators["anna"])
    board = Bulletins(v=1, bulletins=(read_leaf(leaf).body,))
    second.machine.said(Said("w1", {}, encode(board)), second.now)
    found = report(second, "tfc", terminal=1)
    (ended,) = found["terminals"][0]["ends"]
    assert ended["index"] is None
    assert by_id(found["held"]).keys() == {both.name.hex()}


def test_a_revocation_stands_beside_the_restriction_before_it(
    hague: Ministry, relay: FakeRelay, desks: tuple[Desk, Desk]
) -> None:
    bern, tfc = desks
    second_desk(hague, relay, "tfc", bern, tfc)
    end(hague, relay, "tfc")
    change = Revocation(keys=(tfc.post.terminal.key.id,))
    leaf = hague.entry("tfc", Action.REVOKE, change)
    hague.log(leaf)
    relay.log(leaf)
    exchange(bern)
    (lost,) = report(bern, "tfc", terminal=1)["terminals"]
    assert [one["reason"] for one in lost["ends"]] == ["restricted", "revoked"]


def test_who_may_not_be_shown_it_learns_no_subject(
    hague: Ministry, relay: FakeRelay, desks: tuple[Desk, Desk]
) -> None:
    bern, tfc = desks
    wish: Wish = cable("tfc", label=EYES_ONLY)
    bern.machine.compose(wish, bern.now)
    exchange(bern, tfc)
    (line,) = report(bern, "tfc")["sent"]
    assert (line["level"], line["caveats"]) == ("Dep.V", ["NLD_EYES_ONLY"])
    assert line["subject"]
    leaf = hague.restriction(
        hague.posts["bern"].member.id,
        by=hague.operators["anna"],
        highest=Level.ONGERUBRICEERD,
    )
    hague.log(leaf)
    relay.log(leaf)
    exchange(bern)
    found = report(bern, "tfc")
    assert found["sent"][0]["subject"] == ""
    assert found["originators"][0]["highest"] == "Dep.V"


def test_only_what_was_written_since(desks: tuple[Desk, Desk]) -> None:
    bern, tfc = desks
    bern.write("tfc")
    exchange(bern, tfc)
    assert report(bern, "tfc", since="2026-01-01")["sent"]
    nothing = report(bern, "tfc", since="2030-01-01")
    assert (nothing["sent"], nothing["originators"]) == ([], [])


@pytest.mark.parametrize(
    ("asked", "code", "status"),
    [
        ({"post": "parijs"}, "operator.no-post", Exit.REFUSED),
        ({"post": "tfc", "terminal": 7}, "operator.nobody", Exit.BAD_INPUT),
        ({"post": "tfc", "since": "gisteren"}, "agent.bad-input", Exit.BAD_INPUT),
    ],
)
def test_what_is_not_there_is_refused(
    desks: tuple[Desk, Desk], asked: dict[str, Any], code: str, status: Exit
) -> None:
    refused = Office(desks[0]).refused("exposure", **asked)
    assert (refused.code, refused.exit_code) == (code, status)


def test_a_refusal_is_a_receipt_too(desks: tuple[Desk, Desk]) -> None:
    bern, tfc = desks
    sent = bern.write("tfc")
    exchange(bern, tfc)
    (receipt,) = bern.store.receipts(sent.name)
    assert receipt.kind == Kind.DELIVERED
    assert report(bern, "tfc")["sent"][0]["states"]["state"] == "delivered"


# --- as it is typed


@pytest.fixture
def bern(hague: Ministry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HomeDesk:
    """Return Bern, locked: it wrote with an attachment, and TFC ended behind it."""
    make_light(monkeypatch)
    desk = HomeDesk(hague, FakeRelay(hague), tmp_path / "bern")
    desk.connect()
    tfc = beside(desk, hague)
    tfc.write("bern", "Welkom.")
    source = tmp_path / "kaart.png"
    source.write_bytes(bytes(5_000))
    made = seal_file(
        desk.spool,
        source,
        suite=hague.suite,
        name="kaart.png",
        media="image/png",
        entropy=desk.entropy,
        progress=lambda _: None,
    )
    desk.machine.compose(replace(cable("tfc"), spooled=(made,)), desk.now)
    exchange(desk, tfc)
    end(hague, desk.relay, "tfc")
    exchange(desk)
    desk.lock()
    return desk


def test_the_report_as_it_is_read(bern: HomeDesk) -> None:
    line = ("exposure", "tfc", "--terminal", "1")
    said = told(alone(bern.home, *line, lang="en"))
    assert "restricted to nothing, by position" in said
    assert "Written here and meant for it: 1" in said
    assert "IT HAS IT" in said
    assert "    delivered " in said
    assert "attachments: 1, 5000 bytes" in said
    assert "Written on it: 1" in said
    assert "tfc: 1 message(s), up to Dep.V" in said
    assert "tot niets beperkt" in told(alone(bern.home, *line, lang="nl"))
    nothing = told(alone(bern.home, *line, "--since", "01-01-2040", lang="en"))
    assert "nothing that tfc could read" in nothing
    own = told(alone(bern.home, "exposure", "bern", lang="en"))
    assert "has NOT ended" in own
    done = alone(bern.home, *line, "--json")
    assert json.loads(done.stdout)["sent"][0]["attachments"] == [
        {"name": "kaart.png", "size": 5000}
    ]
    told(alone(bern.home, "exposure", "parijs"), 3)
