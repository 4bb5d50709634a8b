"""Restricting alone: the log, the witnesses, the budget; and the directory's lists."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from client.core.appending import Appending
from client.core.witnesses import Said
from client.net.witness import SilentError, post_bulletin
from crypto.sign import Usage
from protocol.bulletins import Bulletins
from protocol.codec import decode, encode
from protocol.directory_entry import Action, Lift, Revocation
from protocol.key_log_entry import LeafKind, read_leaf, read_signed, signed_leaf
from protocol.label import Level
from protocol.restriction import Restriction
from protocol.signed import Signed
from tests.support.desk import Desk, exchange
from tests.support.fake_relay import FakeRelay
from tests.support.ministry import Ministry
from tests.support.seats import Seat


@pytest.fixture
def anna(desks: tuple[Desk, Desk], hague: Ministry) -> Seat:
    return Seat(desks[0], hague.operators["anna"])


def carry(seat: Seat, leaf: bytes) -> str:
    answer = seat.run("operator-log", leaf=leaf.hex())
    seat.desk.run()
    exchange(seat.desk)
    return str(answer["document"])


def test_a_restriction_is_logged_and_in_effect_at_once(
    anna: Seat, desks: tuple[Desk, Desk]
) -> None:
    name = carry(anna, anna.restrict(post="tfc", terminal=1))
    found = anna.run("operator-leaf", document=name)
    assert found["index"] is not None
    assert found["carrying"] is None
    (cut,) = anna.run("directory-post", post="tfc")["restrictions"]
    assert (cut["highest"], cut["index"]) == ("-", found["index"])
    exchange(desks[1])
    assert desks[1].machine.beliefs.view().terminals("tfc") == ()


def test_a_relay_that_refuses_it_is_told_on_and_asked_again(
    anna: Seat, relay: FakeRelay
) -> None:
    relay.refuses_entries = True
    name = carry(anna, anna.restrict(post="tfc", terminal=1))
    assert anna.run("operator-leaf", document=name)["carrying"] == "refused"
    relay.refuses_entries = False
    anna.desk.connect()
    exchange(anna.desk)
    assert anna.run("operator-leaf", document=name)["index"] is not None


def test_whoever_hears_the_bulletin_obeys_though_the_relay_does_not_log_it(
    anna: Seat, desks: tuple[Desk, Desk], relay: FakeRelay
) -> None:
    relay.refuses_entries = True
    leaf = anna.restrict(post="bern", terminal=1)
    carry(anna, leaf)
    tfc = Seat(desks[1], anna.key)
    assert tfc.desk.machine.beliefs.view().terminals("bern")
    board = Bulletins(v=1, bulletins=(read_leaf(leaf).body,))
    tfc.desk.machine.said(Said("w1", {}, encode(board)), tfc.desk.now)
    assert tfc.desk.machine.beliefs.view().terminals("bern") == ()
    (cut,) = tfc.run("directory-post", post="bern")["restrictions"]
    assert cut["index"] is None
    relay.refuses_entries = False
    anna.desk.connect()
    exchange(anna.desk, tfc.desk)
    (cut,) = tfc.run("directory-post", post="bern")["restrictions"]
    assert cut["index"] is not None  # logged after all, and told as that


def test_the_budget_is_shown_and_its_end_refused_here(
    anna: Seat, hague: Ministry
) -> None:
    limit = hague.directory.root.document.policy.unconfirmed
    typed = {"post": None, "key": None, "terminal": None, "member": None}
    asked = {**typed, "highest": None, "reason": "x", "signer": anna.key.id.hex()}
    for spent in range(limit):
        post = ("tfc", "bern", "tfc")[spent]
        whom = {"terminal": 1} if spent < 2 else {"member": "tfc/m1"}
        found = anna.run("operator-restriction", **{**asked, "post": post, **whom})
        assert (found["spent"], found["limit"]) == (spent, limit)
        signed = anna.signed(bytes.fromhex(found["document"]), Usage.SUSPEND)
        carry(anna, signed_leaf(LeafKind.RESTRICTION, signed))
    refused = anna.refused("operator-restriction", **{**asked, "post": "bern"})
    assert refused.code == "operator.budget"
    assert (refused.parts["spent"], refused.parts["limit"]) == (limit, limit)
    document = hague.restricted(hague.posts["bern"].recovery.id, by=[]).document
    leaf = signed_leaf(LeafKind.RESTRICTION, anna.signed(document, Usage.SUSPEND))
    assert anna.refused("operator-log", leaf=leaf.hex()).code == "operator.budget-spent"
    other = Seat(anna.desk, hague.operators["bram"])
    assert other.restrict(post="bern")


def test_a_key_is_found_in_any_post_and_a_post_by_its_paper(
    anna: Seat, hague: Ministry
) -> None:
    tfc = hague.posts["tfc"]
    for typed, key in (
        ({"key": tfc.member.id.hex()[:9]}, tfc.member.id),
        ({"post": "tfc"}, tfc.recovery.id),
        ({"post": "tfc", "member": "tfc/m1", "highest": 1}, tfc.member.id),
    ):
        leaf = anna.restrict(**typed)
        restriction = decode(read_signed(read_leaf(leaf).body).document, Restriction)
        assert restriction.key == key


def test_a_terminal_restricts_itself(anna: Seat, hague: Ministry) -> None:
    answer = anna.run("self-restriction", highest=Level.DEP_V.value, reason="twijfel")
    signed = decode(bytes.fromhex(answer["signed"]), Signed)
    (line,) = signed.signatures
    assert line.key == hague.posts["bern"].terminal.key.id
    carry(anna, signed_leaf(LeafKind.RESTRICTION, signed))
    (cut,) = anna.run("directory-post", post="bern")["restrictions"]
    assert cut["highest"] == "Dep.V"


# --- carrying


def test_what_is_logged_or_dead_is_carried_no_longer(
    anna: Seat, hague: Ministry, relay: FakeRelay
) -> None:
    relay.refuses_entries = True
    leaf = signed_leaf(
        LeafKind.DIRECTORY,
        hague.signed(hague.place("bern", Action.REVOKE), Revocation()),
    )
    name = carry(anna, leaf)
    assert anna.run("operator-leaf", document=name)["carrying"] == "refused"
    other = hague.fork()
    gone = Lift(ends=(hague.directory.root.digest,))
    relay.log(other.entry("bern", Action.LIFT, gone))  # its place is taken
    exchange(anna.desk)
    assert anna.run("operator-leaf", document=name)["carrying"] is None


def test_a_leaf_waits_through_a_restart_and_before_the_first_synchronisation(
    hague: Ministry, relay: FakeRelay
) -> None:
    desk = Desk(hague, hague.posts["bern"], relay)
    leaf = hague.restriction(
        hague.posts["tfc"].terminal.key.id, by=hague.operators["anna"]
    )
    name = desk.machine.appending.add(leaf)
    assert desk.machine.appending.add(leaf) == name
    desk.restart()
    assert desk.machine.appending.state(name) == "waiting"
    assert len(desk.machine.appending.pump()) == 1
    assert desk.machine.appending.pump() == []  # asked once in a session
    assert isinstance(desk.machine.appending, Appending)
    desk.connect()
    exchange(desk)
    assert desk.machine.appending.state(name) is None
    assert name in desk.machine.beliefs.logged


# --- witnesses


async def told(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]], data: bytes
) -> bool:
    app = web.Application()
    app.router.add_post("/bulletins", handler)
    async with TestServer(app) as server:
        return await post_bulletin(f"http://127.0.0.1:{server.port}/", data)


@pytest.mark.parametrize(("status", "kept"), [(204, True), (403, False), (200, False)])
def test_a_bulletin_is_posted_as_it_is(status: int, kept: bool) -> None:  # noqa: FBT001
    came = []

    async def handler(request: web.Request) -> web.Response:
        came.append(await request.read())
        return web.Response(status=status)

    assert asyncio.run(told(handler, b"bytes")) is kept
    assert came == [b"bytes"]


def test_a_witness_that_is_not_there_is_silent() -> None:
    for address in ("http://127.0.0.1:1", "http://192.0.2.1:80"):
        with pytest.raises(SilentError):
            asyncio.run(post_bulletin(address, b""))


# --- the directory's lists


def test_the_directory_lists_posts_holders_and_what_stands(anna: Seat) -> None:
    names = [post["post"] for post in anna.run("directory-list")]
    assert names == sorted(names)
    assert {"bern", "tfc"} <= set(names)
    found = anna.run("directory-post", post="bern")
    kinds = [(holder["kind"], holder["ended"]) for holder in found["holders"]]
    assert kinds == [("terminal", None), ("member", None)]
    assert found["holders"][0]["usable"] is True
    assert found["restrictions"] == []
    assert anna.refused("directory-post", post="oslo").code == "operator.no-post"


def test_history_tells_every_leaf_who_signed_and_what_counted_for_nothing(
    anna: Seat, hague: Ministry, relay: FakeRelay
) -> None:
    carry(anna, anna.restrict(post="tfc", terminal=1))
    relay.log(b"nonsense")
    relay.log(hague.entry("bern", Action.REVOKE, Revocation(), by=[]))
    exchange(anna.desk)
    lines = anna.run("directory-history", post=None)
    assert [line["index"] for line in lines] == [*range(len(lines))]
    first, *_, restricted, nonsense, unsigned = lines
    assert (first["kind"], first["counts"]) == ("ROOT", True)
    assert restricted["kind"] == "RESTRICTION"
    assert restricted["signers"] == [f"operator {anna.key.id.hex()[:12]}"]
    assert restricted["post"] == "tfc"
    assert (nonsense["kind"], nonsense["counts"]) == (None, False)
    assert (unsigned["kind"], unsigned["counts"]) == ("DIRECTORY", False)
    enrolled = next(line for line in lines if line["action"] == "ENROL")
    assert len(enrolled["signers"]) == 2
    manifest = next(line for line in lines if line["kind"] == "MANIFEST")
    assert manifest["sentences"][0][0] == "history.manifest"
    ours = anna.run("directory-history", post="bern")
    assert {line["post"] for line in ours} == {"bern"}
    anna.desk.restart()  # the same from the vault
    again = Seat(anna.desk, anna.key)
    assert again.run("directory-history", post=None) == lines


def test_what_ends_soon_is_listed_the_soonest_first(
    anna: Seat, hague: Ministry
) -> None:
    assert anna.run("operator-expiring", days=1) == []
    found = anna.run("operator-expiring", days=400)
    assert {line["kind"] for line in found} == {
        *("terminal", "member", "operator", "root", "relay")
    }
    ends = [line["end"] for line in found]
    assert ends == sorted(ends)
    member = next(line for line in found if line["who"] == "bern/m1")
    assert member["post"] == "bern"
    assert member["key"] == hague.posts["bern"].member.id.hex()[:12]
