"""A bulletin is brought until each witness has it, through restarts and silence."""

import asyncio
from collections import defaultdict
from pathlib import Path

import pytest
from msgspec import structs

from client.agent import telling
from client.agent.telling import IDLE, Telling
from client.core.posting import MAX_DUE, Posting
from client.home import Config, Home
from client.net.witness import SilentError
from client.vault.database import DiskError
from crypto.entropy import system
from protocol.bulletins import MAX_BULLETIN
from protocol.codec import decode, encode
from protocol.directory_entry import Action, Lift, Revocation
from protocol.errors import MalformedError
from protocol.key_log_entry import LeafKind, read_leaf, signed_leaf
from protocol.signed import Signed
from protocol.witness_policy import WitnessPolicy
from server.witness.web import witness_app
from tests.support.desk import Desk, exchange
from tests.support.fake_relay import FakeRelay
from tests.support.ministry import Ministry
from tests.support.relay import board_of, served, witness_of
from tests.support.restrictions import restriction, zeroise_order
from tests.support.seats import Seat
from tests.support.successor import next_root
from tests.support.witnesses import WITNESS_POLICY

NAMES = tuple(one.name for one in WITNESS_POLICY.witnesses)
W1, W2, W3 = NAMES


@pytest.fixture
def desk(hague: Ministry, relay: FakeRelay) -> Desk:
    found = Desk(hague, hague.posts["bern"], relay)
    found.connect()
    return found


def owed(desk: Desk) -> list[tuple[bytes, tuple[str, ...]]]:
    return [(one.data, one.witnesses) for one in desk.machine.posting.due()]


# --- what waits


def test_it_waits_for_each_witness_through_a_restart(
    desk: Desk, hague: Ministry
) -> None:
    cut = restriction(hague, by="anna", post="tfc")
    desk.machine.posting.add(cut)
    desk.machine.posting.add(cut)
    assert owed(desk) == [(cut, NAMES)]
    document = decode(cut, Signed).digest
    desk.machine.posting.kept(document, [W2])
    desk.restart()
    assert owed(desk) == [(cut, (W1, W3))]
    desk.machine.posting.kept(document, [W1])
    desk.machine.posting.kept(document, [W3])
    assert owed(desk) == []
    desk.restart()
    assert owed(desk) == []


def test_nothing_is_due_before_there_is_a_directory(
    hague: Ministry, relay: FakeRelay
) -> None:
    desk = Desk(hague, hague.posts["bern"], relay)
    cut = restriction(hague, by="anna", post="tfc")
    desk.machine.posting.add(cut)
    assert owed(desk) == []
    desk.connect()
    assert owed(desk) == [(cut, NAMES)]


def test_what_is_logged_waits_no_more_but_an_order_does(
    desk: Desk, hague: Ministry, relay: FakeRelay
) -> None:
    order = zeroise_order(hague, "anna", "bram", post="tfc")
    cut = restriction(hague, by="anna", post="tfc")
    for data in (encode(order), cut):
        desk.machine.posting.add(data)
    relay.log(signed_leaf(LeafKind.RESTRICTION, decode(cut, Signed)))
    relay.log(signed_leaf(LeafKind.ZEROISE, order))
    exchange(desk)
    assert owed(desk) == [(encode(order), NAMES)]


def test_what_was_lifted_or_nobody_may_say_is_forgotten(
    desk: Desk, hague: Ministry, relay: FakeRelay
) -> None:
    cut = restriction(hague, by="anna", post="tfc")
    desk.machine.posting.add(restriction(hague, by="a stranger", time=2))
    desk.machine.posting.add(cut)
    assert owed(desk) == [(cut, NAMES)]
    relay.log(hague.entry("tfc", Action.LIFT, Lift(ends=(decode(cut, Signed).digest,))))
    exchange(desk)
    assert owed(desk) == []


def test_a_witness_that_a_newer_root_names_gets_it_too(
    desk: Desk, hague: Ministry, relay: FakeRelay
) -> None:
    cut = restriction(hague, by="anna", post="tfc")
    desk.machine.posting.add(cut)
    desk.machine.posting.kept(decode(cut, Signed).digest, NAMES[:2])
    first, second, third = WITNESS_POLICY.witnesses
    fourth = structs.replace(third, name="w4.example/witness")
    policy = WitnessPolicy(witnesses=(first, second, fourth), quorum=2)
    relay.log(next_root(hague, witnesses=policy))
    desk.connect()
    assert owed(desk) == [(cut, ("w4.example/witness",))]


def test_one_above_the_budget_for_now_goes_on_waiting(
    desk: Desk, hague: Ministry
) -> None:
    cuts = [
        restriction(hague, by="anna", post=post, time=time)
        for time, post in enumerate(("tfc", "bern", "tfc", "bern"))
    ]
    directory = desk.machine.beliefs.directory
    assert directory is not None
    for cut in cuts[:3]:
        directory = directory.bulletin(decode(cut, Signed))
    desk.machine.beliefs.directory = directory
    desk.machine.posting.add(cuts[3])
    assert owed(desk) == [(cuts[3], NAMES)]


def test_what_waits_has_a_bound(desk: Desk, hague: Ministry) -> None:
    cuts = [restriction(hague, by="anna", time=time) for time in range(MAX_DUE + 1)]
    for cut in cuts:
        desk.machine.posting.add(cut)
    found = [data for data, _ in owed(desk)]
    assert found == cuts[1:]
    large = Signed(document=bytes(MAX_BULLETIN), signatures=())
    desk.machine.posting.add(encode(large))  # no board takes it
    assert [data for data, _ in owed(desk)] == cuts[1:]
    with pytest.raises(MalformedError):
        desk.machine.posting.add(b"")


# --- what people do


def test_what_an_operator_carries_to_the_log_waits_for_the_witnesses(
    desk: Desk, hague: Ministry
) -> None:
    anna = Seat(desk, hague.operators["anna"])
    leaf = anna.restrict(post="tfc", terminal=1)
    desk.machine.disconnected()
    answer = anna.run("operator-log", leaf=leaf.hex())
    cut = read_leaf(leaf).body
    assert owed(desk) == [(cut, NAMES)]
    anna.run("bulletin-kept", document=answer["document"], witnesses=[W1, W3])
    assert owed(desk) == [(cut, (W2,))]
    revoked = hague.signed(hague.place("tfc", Action.REVOKE), Revocation())
    anna.run("operator-log", leaf=signed_leaf(LeafKind.DIRECTORY, revoked).hex())
    assert owed(desk) == [(cut, (W2,))]  # an entry is no bulletin


# --- bringing it


class Boards:
    """Witnesses that are silent, or refuse, as the test says."""

    def __init__(self) -> None:
        self.state = dict.fromkeys(NAMES, "kept")
        self.kept: dict[str, list[bytes]] = defaultdict(list)

    async def post(self, address: str, data: bytes) -> bool:
        name = address.removeprefix("https://")
        if self.state[name] == "silent":
            raise SilentError
        if self.state[name] == "refused":
            return False
        self.kept[name].append(data)
        return True


@pytest.fixture
def boards(monkeypatch: pytest.MonkeyPatch) -> Boards:
    found = Boards()
    monkeypatch.setattr(telling, "post_bulletin", found.post)
    return found


def teller(
    desk: Desk, folder: Path, witnesses: dict[str, str] | None = None
) -> Telling:
    home = Home(folder / "home")
    if witnesses is None:
        witnesses = {name: f"https://{name}" for name in NAMES}
    home.create(Config(witnesses=witnesses))
    directory = desk.machine.beliefs.directory
    assert directory is not None
    root = directory.root.document
    return Telling(home, lambda: root, desk.machine.posting, system)


async def test_who_was_silent_or_refused_is_asked_again_and_nobody_else(
    desk: Desk, hague: Ministry, boards: Boards, tmp_path: Path
) -> None:
    teller_ = teller(desk, tmp_path)
    assert await teller_.once()  # nothing waits
    cuts = [restriction(hague, by="anna", post="tfc", time=time) for time in (1, 2)]
    for cut in cuts:
        desk.machine.posting.add(cut)
    boards.state |= {W1: "silent", W2: "refused"}
    assert not await teller_.once()
    assert boards.kept == {W3: cuts}
    assert [left for _, left in owed(desk)] == [(W1, W2), (W1, W2)]
    boards.state[W1] = "kept"
    assert not await teller_.once()
    third = restriction(hague, by="anna", post="tfc", time=3)
    desk.machine.posting.add(third)
    boards.state[W2] = "kept"
    assert await teller_.once()
    assert boards.kept == {name: [*cuts, third] for name in NAMES}
    assert owed(desk) == []


async def test_the_pause_grows_while_somebody_is_silent(
    desk: Desk,
    hague: Ministry,
    boards: Boards,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    teller_, pauses = teller(desk, tmp_path), list[float]()
    desk.machine.posting.add(restriction(hague, by="anna", post="tfc"))
    boards.state[W1] = "silent"

    def waiting(failures: int, *_: object, urgent: bool) -> float:
        assert not urgent
        return float(failures)

    async def wait(pause: float) -> None:
        pauses.append(pause)
        if len(pauses) == 3:
            boards.state[W1] = "kept"
        if len(pauses) == 5:
            raise asyncio.CancelledError

    monkeypatch.setattr(telling, "delay", waiting)
    monkeypatch.setattr(teller_, "_wait", wait)
    with pytest.raises(asyncio.CancelledError):
        await teller_.run()
    assert pauses == [1, 2, 3, IDLE, IDLE]
    assert boards.kept[W3] == boards.kept[W1]


async def test_a_disk_that_is_full_loses_nothing(
    desk: Desk,
    hague: Ministry,
    boards: Boards,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cut = restriction(hague, by="anna", post="tfc")
    desk.machine.posting.add(cut)
    teller_ = teller(desk, tmp_path)

    def full(*_: object) -> None:
        raise DiskError

    with monkeypatch.context() as patched:
        patched.setattr(Posting, "due", full)
        assert not await teller_.once()
        assert boards.kept == {}
    with monkeypatch.context() as patched:
        patched.setattr(Posting, "kept", full)
        assert await teller_.once()
    assert await teller_.once()  # it is brought once more, which changes no board
    assert boards.kept == {name: [cut, cut] for name in NAMES}
    assert owed(desk) == []


async def test_who_waits_for_it_waits_no_longer_than_they_do_for_answers(
    desk: Desk, hague: Ministry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.machine.posting.add(restriction(hague, by="anna", post="tfc"))

    async def never(*_: object) -> bool:
        await asyncio.Event().wait()
        return True

    monkeypatch.setattr(telling, "post_bulletin", never)
    monkeypatch.setattr(telling, "PATIENCE", 0.0)
    await teller(desk, tmp_path).hurried()
    assert [left for _, left in owed(desk)] == [NAMES]


async def test_a_real_witness_that_comes_back_has_it(
    desk: Desk, hague: Ministry, tmp_path: Path
) -> None:
    cut = restriction(hague, by="anna", post="tfc")
    desk.machine.posting.add(cut)
    desk.machine.posting.kept(decode(cut, Signed).digest, [W2, W3])
    away = teller(desk, tmp_path / "away", {W1: "http://127.0.0.1:1"})
    assert not await away.once()
    witness = witness_of(hague, "w1", tmp_path)
    notices = board_of(hague, witness, tmp_path)
    async with served(witness_app(witness, notices, asyncio.Future())) as url:
        assert await teller(desk, tmp_path / "back", {W1: url}).once()
    assert cut in notices.served()
    assert owed(desk) == []
    witness.close()
