"""One terminal, many vaults: restored, cloned, rolled back, on a real disk.

Whatever is done to a vault's files, a peer's terminal says so at the first message
that could show it; what the terminal should be able to read, it reads; and over the
whole of each play no key and no nonce under it serves twice (``tests.support.spent``).
All randomness is the system's, as it is for two machines with one vault.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from client.core.alarms import Alarm
from client.core.rows import RecordRow
from client.present import parts_of
from client.vault.opening import DATABASE
from client.vault.restore import restore_here
from crypto import _hpke
from crypto.entropy import system
from crypto.envelope import seal_body
from crypto.padding import BUCKETS
from crypto.recordbox import seal_box
from crypto.session import FrameSealer
from crypto.stream import AttachmentSealer
from crypto.suite import SuiteId
from crypto.types import Digest, MessageId, Secret
from protocol.codec import decode
from protocol.delivery import State
from protocol.limits import MAX_RECORD
from protocol.record import Record
from tests.support import desk as desks
from tests.support import home_desk as home_desks
from tests.support.desk import Desk, exchange
from tests.support.fake_relay import FakeRelay
from tests.support.home_desk import HomeDesk, back_up, beside
from tests.support.homes import ANNA, WORDS
from tests.support.light import make_light
from tests.support.ministry import Ministry, ministry
from tests.support.spent import Spent, SpentTwiceError, spending

DAY = 86_400
KEY, FLOOR = Secret(bytes(32)), BUCKETS[0]


@pytest.fixture
def spent(monkeypatch: pytest.MonkeyPatch) -> Iterator[Spent]:
    make_light(monkeypatch)
    for module in (desks, home_desks):
        monkeypatch.setattr(module, "drawn", lambda _: system)
    with spending() as found:
        yield found


class Stage:
    """Bern on a disk, TFC beside it, and whatever else has Bern's files."""

    def __init__(self, hague: Ministry, folder: Path) -> None:
        self.folder = folder
        self.hague = hague
        self.relay = FakeRelay(hague)
        self.open: list[HomeDesk] = []
        self.bern = self.machine("bern")
        self.tfc = beside(self.bern, hague)

    def machine(self, name: str) -> HomeDesk:
        """Return Bern's terminal on the disk of that name, unlocked and connected."""
        desk = HomeDesk(self.hague, self.relay, self.folder / name)
        self.open.append(desk)
        desk.connect()
        return desk

    def close(self) -> None:
        for desk in self.open:
            desk.lock()

    # --- what people do

    def both_ways(self, bern: Desk, text: str) -> tuple[Digest, Digest]:
        """Let both write, and everything arrive."""
        written = bern.write("tfc", text).name, self.tfc.write("bern", text).name
        exchange(bern, self.tfc)
        return written

    def one(self, bern: Desk, text: str) -> Digest:
        """Let Bern write one message, and TFC fetch it: nothing else."""
        written = bern.write("tfc", text)
        bern.run()
        self.tfc.fetch()
        return written.name


@pytest.fixture
def stage(spent: Spent, tmp_path: Path) -> Iterator[Stage]:
    made = Stage(ministry(), tmp_path)
    yield made
    made.close()
    assert spent["wrap"] >= spent["body"] > 0
    assert spent["one-time key"] > 0


def readable(desk: Desk) -> dict[Digest, str]:
    """Return the text of each message in an inbox that its member may read."""
    return {row.name: text(row) for row in desk.inbox() if row.refused is None}


def text(row: RecordRow) -> str:
    return str(parts_of(decode(row.document, Record, limit=MAX_RECORD)))


def test_a_restored_terminal_is_told_of_at_its_first_message_and_reads_all(
    stage: Stage,
) -> None:
    bern, tfc = stage.bern, stage.tfc
    _, before = stage.both_ways(bern, "Voor de kopie.")
    file = back_up(bern)
    _, between = stage.both_ways(bern, "Na de kopie.")
    under_way = tfc.write("bern", "Onderweg.").name
    tfc.run()
    bern.lock()
    restore_here(bern.home, file, WORDS[ANNA], bern.clock)
    bern.take(bern.unlocked(ANNA))
    assert "Voor de kopie." in readable(bern)[before]  # without a line
    bern.connect()
    assert Alarm.RESTORED not in tfc.happened()
    written = stage.one(bern, "Na het terugzetten.")
    assert tfc.happened().count(Alarm.RESTORED) == 1
    assert written in readable(tfc)
    exchange(bern, tfc)
    assert "Onderweg." in readable(bern)[under_way]
    assert between not in readable(bern)  # it was here, confirmed, and is in no copy
    _, after = stage.both_ways(bern, "Verder.")
    assert "Verder." in readable(bern)[after]
    assert "fork" not in tfc.happened()


def test_a_cloned_terminal_is_noticed_at_its_first_message(stage: Stage) -> None:
    tfc = stage.tfc
    stage.both_ways(stage.bern, "Voor het klonen.")
    stage.bern.lock()
    shutil.copytree(stage.folder / "bern", stage.folder / "thief")
    stage.bern.take(stage.bern.unlocked(ANNA))
    stage.bern.connect()
    thief = stage.machine("thief")
    genuine = stage.one(stage.bern, "Van de post.")
    assert tfc.alarms() == set()
    false = stage.one(thief, "Van wie de kluis kopieerde.")
    assert Alarm.FORK in tfc.alarms()
    assert genuine in readable(tfc)
    assert tfc.store.record(false) is not None  # both are kept
    exchange(stage.bern, tfc)
    assert Alarm.STREAM_ODD in stage.bern.alarms()  # and the other end is told
    answer = tfc.write("bern", "Wie bent u?").name
    exchange(stage.bern, tfc)
    assert answer in readable(stage.bern)


def test_a_vault_that_was_rolled_back_is_noticed_at_its_first_message(
    stage: Stage,
) -> None:
    bern, tfc = stage.bern, stage.tfc
    _, before = stage.both_ways(bern, "Voor de kopie.")
    bern.lock()
    old = (bern.home.data / DATABASE).read_bytes()
    bern.take(bern.unlocked(ANNA))
    bern.connect()
    stage.both_ways(bern, "Wat de oude schijf niet heeft.")
    bern.lock()
    (bern.home.data / DATABASE).write_bytes(old)
    bern.take(bern.unlocked(ANNA))
    bern.connect()
    assert "Voor de kopie." in readable(bern)[before]
    written = stage.one(bern, "Op een plaats die vergeven is.")
    assert Alarm.FORK in tfc.alarms()
    exchange(bern, tfc)
    assert Alarm.STREAM_ODD in bern.alarms()
    assert written in readable(tfc)  # in a new stream
    (target,) = bern.store.targets(written)
    assert target.delivery.state is State.DELIVERED
    sent, came = stage.both_ways(bern, "Verder.")
    assert sent in readable(tfc)
    assert "Verder." in readable(bern)[came]


def test_a_vault_that_was_rolled_back_learns_it_from_its_peer(stage: Stage) -> None:
    """It writes nothing; what a peer says of its places is what it never gave."""
    bern, tfc = stage.bern, stage.tfc
    stage.both_ways(bern, "Voor de kopie.")
    bern.lock()
    old = (bern.home.data / DATABASE).read_bytes()
    bern.take(bern.unlocked(ANNA))
    bern.connect()
    stage.both_ways(bern, "Wat de oude schijf niet heeft.")
    bern.lock()
    (bern.home.data / DATABASE).write_bytes(old)
    bern.take(bern.unlocked(ANNA))
    bern.connect()
    tfc.tick(2 * DAY)
    bern.fetch()
    assert Alarm.STREAM_ODD in bern.alarms()


# --- the recorder itself: each kind, spent a second time


def box() -> None:
    seal_box(KEY, b"purpose", b"id", b"text", bytes)


def frame() -> None:
    FrameSealer(KEY).seal(b"cell")


def body() -> None:
    seal_body(SuiteId.S1, MessageId(bytes(16)), KEY, b"text", FLOOR)


def attachment() -> None:
    AttachmentSealer(SuiteId.S1, KEY, len)


@pytest.mark.parametrize("again", [box, frame, body, attachment])
def test_what_serves_twice_is_seen(spent: Spent, again: Callable[[], None]) -> None:
    again()
    assert spent[again.__name__] == 1
    with pytest.raises(SpentTwiceError, match=again.__name__):
        again()


def test_an_encapsulation_that_comes_twice_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_hpke, "seal", lambda *_: bytes(2_000))
    with spending() as found:
        _hpke.seal(SuiteId.S1, b"public", b"info", b"text")
        _hpke.seal(SuiteId.S1, b"other", b"info", b"text")
        assert found["wrap"] == 2
        with pytest.raises(SpentTwiceError, match="wrap"):
            _hpke.seal(SuiteId.S1, b"public", b"info", b"text")


def test_a_one_time_key_that_a_relay_hands_out_twice_is_seen(stage: Stage) -> None:
    stage.one(stage.bern, "Een.")
    (published,) = (
        found
        for key, found in stage.relay.published.items()
        if key == stage.tfc.post.terminal.key.id
    )
    published.next_once -= 1
    with pytest.raises(SpentTwiceError, match="one-time key"):
        stage.one(stage.bern, "Twee.")
