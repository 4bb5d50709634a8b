"""Envelopes that came together: one commit, and what each alone would have left.

A twin takes every batch here one by one, and both vaults must tell the same story.
A crash at any write leaves nothing of the batch; behind the commit nothing is shown
twice.
"""

from collections.abc import Callable
from dataclasses import replace

import apsw
import pytest
from msgspec import structs

from client.core.rows import IN
from client.vault.database import Database
from client.vault.store import Store
from crypto.types import Digest, PrekeyId
from protocol.codec import encode
from protocol.delivery import State
from protocol.envelope import parse_envelope
from protocol.errors import BusyError
from protocol.requests import Delivery
from tests.support.desk import Desk, box_of, pair
from tests.support.fake_relay import FakeRelay
from tests.support.keys import flipped
from tests.support.ministry import ministry

SENT = 4
Build = Callable[[Desk, Desk, list[Delivery]], list[Delivery]]


class CutError(Exception):
    """The process ends here."""


def begun() -> tuple[Desk, Desk]:
    """Return Bern, who sent messages, and TFC, who has fetched none."""
    hague = ministry()
    bern, tfc = pair(hague, FakeRelay(hague))
    for number in range(SENT):
        bern.write("tfc", f"bericht {number}")
        bern.run()
    return bern, tfc


def twin(desk: Desk) -> Desk:
    """Return another process over a copy of the desk's vault and key sheet."""
    made = Desk(desk.ministry, desk.post, desk.relay)
    copy = apsw.Connection(":memory:")
    with copy.backup("main", database_of(desk).connection, "main") as backup:
        backup.step()
    made.store = Store(Counting(copy))
    made.seeds.held.update(desk.seeds.held)
    made.restart()
    return made


class Counting(Database):
    """A database whose process ends before its write number ``ends``."""

    def __init__(self, connection: apsw.Connection) -> None:
        super().__init__(connection)
        self.connection = connection
        self.writes = 0
        self.ends = 1 << 30

    def run(self, statement: str, *values: object) -> None:
        if self.writes >= self.ends:
            raise CutError
        self.writes += 1
        super().run(statement, *values)


def database_of(desk: Desk) -> Counting:
    database = desk.store._db  # noqa: SLF001 -- what a process has in its hands
    return Counting(database._connection)  # noqa: SLF001 -- looked into


# --- what a batch is made of


def plain(_: Desk, __: Desk, came: list[Delivery]) -> list[Delivery]:
    return came


def twice(_: Desk, __: Desk, came: list[Delivery]) -> list[Delivery]:
    """The relay gives one again that it has no ACK for."""
    return [*came, came[0], came[-1]]


def hole(_: Desk, __: Desk, came: list[Delivery]) -> list[Delivery]:
    return [came[0], *came[2:]]


def backwards(_: Desk, __: Desk, came: list[Delivery]) -> list[Delivery]:
    return came[::-1]


def torn(_: Desk, __: Desk, came: list[Delivery]) -> list[Delivery]:
    """One does not open, one is not an envelope at all."""
    broken = flipped(came[1].envelope, len(came[1].envelope) - 40)
    return [
        came[0],
        structs.replace(came[1], envelope=broken),
        structs.replace(came[1], envelope=b"\x00"),
        *came[2:],
    ]


def resealed(bern: Desk, tfc: Desk, came: list[Delivery]) -> list[Delivery]:
    """The original was late, so it was sealed again: both come together."""
    (target,) = bern.store.targets(name_of(bern, came[0]))
    with bern.store.transaction():
        again = replace(target.delivery, state=State.COMPOSED)
        bern.store.set_target(replace(target, delivery=again))
    bern.connect()
    anew = box_of(tfc)[-1]
    assert anew.envelope not in {one.envelope for one in came}
    return [came[0], anew, *came[1:], anew]


def name_of(bern: Desk, came: Delivery) -> Digest:
    names = [target.name for target in bern.store.open_targets()]
    deposits = [one for name in names for one in bern.store.deposits(name)]
    return next(one.name for one in deposits if one.log_index == came.index)


def withdrawn(bern: Desk, tfc: Desk, came: list[Delivery]) -> list[Delivery]:
    row = bern.store.record(name_of(bern, came[0]))
    assert row is not None
    assert bern.machine.withdraw(row, "vergissing", None, bern.now) is not None
    bern.effects.extend(bern.machine.pump(bern.now))
    bern.run()
    assert len(box_of(tfc)) == len(came) + 1
    return list(box_of(tfc))


def stolen(_: Desk, tfc: Desk, came: list[Delivery]) -> list[Delivery]:
    """A prekey is gone: its envelope is answered by a nack among the others."""
    del tfc.seeds.held[PrekeyId(parse_envelope(came[1].envelope).wraps[0].kid)]
    return came


def one_key(_: Desk, __: Desk, came: list[Delivery]) -> list[Delivery]:
    """A second envelope under a one-time key: it is gone once the first is kept."""
    kid = parse_envelope(came[0].envelope).wraps[0].kid
    other = parse_envelope(came[1].envelope)
    again = other._replace(wraps=(other.wraps[0]._replace(kid=kid),))
    return [*came, structs.replace(came[1], envelope=encode(again))]


BUILDS = [plain, twice, hole, backwards, torn, resealed, withdrawn, stolen, one_key]


# --- what is left


def story(desk: Desk) -> object:
    """Return what the vault tells, but not what order or chance decide."""
    alarms = desk.store.alarms(9, ended=True)
    return (
        {row.name: row for row in desk.store.records(IN, 100)},
        [owed[1:] for owed in desk.store.owed_receipts("bern", 64)],
        sorted(desk.happened()),
        sorted((alarm.what, alarm.post, alarm.times) for alarm in alarms),
        desk.store.streams_in(),
        [nack.body for nack in desk.store.due_nacks()],
        sorted(desk.seeds.held),
        desk.store.used_prekeys(),
    )


@pytest.mark.parametrize("build", BUILDS)
def test_a_batch_leaves_what_each_alone_would_have_left(build: Build) -> None:
    bern, tfc = begun()
    came = build(bern, tfc, list(box_of(tfc)))
    alone, together = twin(tfc), twin(tfc)
    kept = [took for one in came for took in alone.machine.delivered([one], alone.now)]
    assert together.machine.delivered(came, together.now) == kept
    assert story(together) == story(alone)
    shown = [row.name for row in together.inbox() if row.refused is None]
    assert len(shown) == len(set(shown)) > 1


@pytest.mark.parametrize("build", [plain, twice, torn, stolen])
def test_a_crash_at_any_write_leaves_nothing_and_takes_nothing_away(
    build: Build,
) -> None:
    bern, tfc = begun()
    came = build(bern, tfc, list(box_of(tfc)))
    whole, before = twin(tfc), story(twin(tfc))
    started = counting(whole).writes
    assert whole.takes(*came)
    writes = counting(whole).writes - started
    assert writes > SENT * 5
    at_commit = 0
    for at in range(writes):
        desk = twin(tfc)
        database = counting(desk)
        database.ends = database.writes + at
        with pytest.raises(CutError):
            desk.machine.delivered(came, desk.now)
        database.ends = 1 << 30
        if story(desk) == before:
            at_commit += 1
        else:  # kept, and its keys not forgotten yet: erased by the next process
            assert len(desk.store.records(IN, 100)) == len(whole.store.records(IN, 100))
        desk.restart()
        assert desk.takes(*came)
        shown = [row.name for row in desk.inbox() if row.refused is None]
        assert set(shown) == {row.name for row in whole.inbox()}
        assert len(shown) == len(set(shown))
        assert sorted(desk.seeds.held) == sorted(whole.seeds.held)
        assert desk.store.used_prekeys() == []
    assert at_commit > SENT * 5


def counting(desk: Desk) -> Counting:
    database = desk.store._db  # noqa: SLF001 -- looked into
    assert isinstance(database, Counting)
    return database


def test_nothing_is_acknowledged_before_the_used_keys_are_erased(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, tfc = begun()
    came, held = list(box_of(tfc)), len(tfc.seeds.held)

    def full(_: object) -> None:
        raise OSError

    monkeypatch.setattr(tfc.seeds, "erase", full)
    with pytest.raises(OSError):  # noqa: PT011 -- ours
        tfc.machine.delivered(came, tfc.now)
    monkeypatch.undo()
    assert len(tfc.store.used_prekeys()) == SENT
    tfc.restart()  # the next process erases them first
    assert len(tfc.seeds.held) == held - SENT
    assert tfc.takes(*came)
    assert len(tfc.inbox()) == SENT


def test_the_key_sheet_is_written_once_for_a_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, tfc = begun()
    written: list[int] = []
    erase = tfc.seeds.erase

    def counted(kids: list[PrekeyId]) -> None:
        written.append(len(kids))
        erase(kids)

    monkeypatch.setattr(tfc.seeds, "erase", counted)
    assert tfc.takes(*box_of(tfc))
    assert written == [SENT]


def test_one_that_cannot_be_taken_yet_takes_no_other_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It fails in the middle of being kept: nothing of it stays, all of the others."""
    _, tfc = begun()
    came = list(box_of(tfc))
    owe, calls = tfc.store.owe_receipt, []

    def busy(*arguments: object) -> None:
        calls.append(arguments)
        if len(calls) == 2:
            raise BusyError
        owe(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(tfc.store, "owe_receipt", busy)
    assert tfc.machine.delivered(came, tfc.now) == [True, False, True, True]
    assert len(tfc.inbox()) == SENT - 1
    assert tfc.happened().count("received") == SENT - 1
    monkeypatch.undo()
    assert tfc.takes(came[1])  # its one-time key was not spent
    assert len(tfc.inbox()) == SENT
    assert tfc.alarms() == set()
