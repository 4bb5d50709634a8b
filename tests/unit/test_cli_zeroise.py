"""An order to destroy a vault, by two operators: as records and by file."""

import json
from pathlib import Path

import pytest

from client.core.proposals import Standing
from client.home import Config, Home
from crypto.sign import Usage
from crypto.types import KeyId
from protocol.bodies import Subject
from protocol.codec import decode, encode
from protocol.key_log_entry import LeafKind, read_leaf, read_signed
from protocol.restriction import ZeroiseOrder
from protocol.signed import Signed
from protocol.zeroising import zeroise_order as verified
from tests.support.desk import Desk, exchange
from tests.support.fake_relay import FakeRelay
from tests.support.home_desk import HomeDesk, beside
from tests.support.light import make_light
from tests.support.ministry import Ministry
from tests.support.operating import OWN_WORD, SILENT, give_key, signing, typed
from tests.support.restrictions import zeroise_order
from tests.support.seats import Seat
from tests.support.typed import koerier, told


@pytest.fixture(autouse=True)
def _light(monkeypatch: pytest.MonkeyPatch, hague: Ministry) -> None:
    make_light(monkeypatch)
    now = hague.now + 60  # the ministry's time is the commands' too
    monkeypatch.setattr("client.clock.SystemClock.wall", lambda _: now)


def propose(seat: Seat, document: bytes, *to: str) -> str:
    lines = [seat.line(document, Usage.ZEROISE)]
    asked = seat.asked(document, *to, subject=Subject.ZEROISE, lines=lines)
    id_ = seat.run("operator-propose", **asked)["id"]
    seat.desk.run()
    return str(id_)


def test_two_operators_sign_and_the_terminal_is_told(
    desks: tuple[Desk, Desk], hague: Ministry
) -> None:
    bern, tfc = desks
    anna, bram = (
        Seat(bern, hague.operators["anna"]),
        Seat(tfc, hague.operators["bram"]),
    )
    document = zeroise_order(hague).document
    id_ = propose(anna, document, "tfc")
    exchange(bern, tfc)
    assert anna.standing(id_) == Standing.OPEN
    assert not bern.machine.beliefs.zeroised(bern.post.terminal.key.id)
    line = bram.line(document, Usage.ZEROISE)
    after = bram.run("operator-approve", id=id_, line=line)
    signed = decode(bytes.fromhex(after["signed"]), Signed)
    order, who = verified(hague.directory.root, signed)
    assert (order.key, len(who)) == (bern.post.terminal.key.id, 2)
    bram.desk.run()
    exchange(bern, tfc)
    assert anna.standing(id_) == Standing.LOGGED
    assert bern.machine.beliefs.zeroised(bern.post.terminal.key.id)
    assert not tfc.machine.beliefs.zeroised(tfc.post.terminal.key.id)


def test_a_terminal_that_was_revoked_is_found_all_the_same(
    desks: tuple[Desk, Desk], hague: Ministry, relay: FakeRelay
) -> None:
    bern, tfc = desks
    key = tfc.post.terminal.key.id
    leaf = hague.restriction(KeyId(key), by=hague.operators["anna"])
    relay.log(leaf)
    exchange(bern)
    seat = Seat(bern, hague.operators["anna"])
    for named in ({"terminal": 1}, {"key": key.hex()[:9]}):
        found = seat.run("operator-terminal", post="tfc", **named)
        assert found["key"] == key.hex()
    member = tfc.post.member.id.hex()
    for named in ({"terminal": 2}, {"key": member}):
        refused = seat.refused("operator-terminal", post="tfc", **named)
        assert refused.code == "operator.nobody"


# --- as it is typed


def test_an_order_is_proposed_at_a_terminal(hague: Ministry, tmp_path: Path) -> None:
    desk = HomeDesk(hague, FakeRelay(hague), tmp_path / "bern")
    desk.connect()
    beside(desk, hague)
    desk.lock()
    give_key(desk.home, hague, "anna")
    line = ("operator", "zeroise", "tfc", "--terminal", "1", "--reason", "weg")
    said = typed(desk.home, *signing(*line, "--to", "tfc"))
    assert "DESTROYS ITS VAULT" in said
    assert "everything in its vault -> nothing" in said
    assert "Another operator must approve" in said
    (found,) = json.loads(typed(desk.home, "operator", "list", "--json"))
    assert (found["subject"], found["standing"]) == ("zeroise", "open")
    again = ("operator", "zeroise", "--again", found["id"], *SILENT)
    assert "no order that two" in typed(desk.home, *again, status=2)
    for wrong in (line[:3], line[:5], (*line[:2], *line[3:]), (*line, "--key", "ab")):
        assert "whose vault" in typed(desk.home, *signing(*wrong), status=2)


def test_the_second_operator_tells_every_witness(
    hague: Ministry, tmp_path: Path
) -> None:
    desk = HomeDesk(hague, FakeRelay(hague), tmp_path / "bern")
    desk.connect()
    bram = Seat(beside(desk, hague), hague.operators["bram"])
    id_ = propose(bram, zeroise_order(hague, post="tfc").document, "bern")
    exchange(desk, bram.desk)
    desk.lock()
    give_key(desk.home, hague, "anna")
    said = typed(desk.home, *signing("operator", "approve", *SILENT), status=4)
    assert said.index("DESTROYS ITS VAULT") < said.index("0 of 3")
    assert "--again" in said
    again = ("operator", "zeroise", "--again", id_, *SILENT)
    assert "0 of 3" in typed(desk.home, *again, status=4)


def test_an_order_goes_by_file_too(hague: Ministry, tmp_path: Path) -> None:
    root = tmp_path / "root.cbor"
    root.write_bytes(read_leaf(hague.leaves[0]).body)
    homes = {}
    for name in ("anna", "bram"):
        homes[name] = Home(tmp_path / name)
        homes[name].create(Config())
        give_key(homes[name], hague, name)
    key = hague.posts["bern"].terminal.key.id.hex()
    proposed, leaf = tmp_path / "bern.order", tmp_path / "bern.leaf"

    def by(name: str, *line: object, status: int = 0) -> str:
        words = ("operator", *line, "--root", root)
        return told(koerier(homes[name], *words, passphrase_fd=OWN_WORD), status)

    by("anna", "zeroise", "--key", key, "--reason", "weg", status=2)
    by(
        "anna",
        "zeroise",
        "--key",
        key[:9],
        "--reason",
        "x",
        "--out",
        proposed,
        status=2,
    )
    said = by("anna", "zeroise", "--key", key, "--reason", "weg", "--out", proposed)
    assert "DESTROYS ITS VAULT" in said
    assert key[:12] in said
    own = by("anna", "approve", proposed, "--out", leaf, *SILENT, status=3)
    assert "cannot approve your own" in own
    said = by("bram", "approve", proposed, "--out", leaf, *SILENT, status=4)
    assert "DESTROYS ITS VAULT" in said
    assert "0 of 3" in said
    entry = read_leaf(leaf.read_bytes())
    assert entry.kind is LeafKind.ZEROISE
    order, who = verified(hague.directory.root, read_signed(entry.body))
    assert (order.key.hex(), order.reason, len(who)) == (key, "weg", 2)
    assert encode(order) == read_signed(entry.body).document
    assert isinstance(order, ZeroiseOrder)
