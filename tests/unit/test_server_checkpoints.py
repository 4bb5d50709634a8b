"""Checkpoints: published with a quorum, never without, never after a step back."""

import asyncio
from pathlib import Path

import aiohttp
import pytest

from crypto.merkle import EMPTY_ROOT
from protocol.errors import BusyError, MalformedError
from protocol.requests import LogName
from protocol.trusted_log import TrustedLog
from protocol.witness_policy import WitnessKey
from server.clock import SystemClock, WitnessedClock
from server.services import checkpoints, logs
from server.services.witnesses import BehindError, Question, WitnessClient, WitnessError
from server.storage.store import sqlite_store
from tests.support.ministry import Ministry, ministry
from tests.support.relay import RunningRelay, own, running, submit_to, working
from tests.support.told_log import Log
from tests.support.witnesses import log_key, witness_key


def trusted(people: Ministry, log: LogName, note: bytes) -> TrustedLog:
    root = people.directory.root.document
    return TrustedLog(checkpoints.log_key(root, log), root.witnesses).adopt(note, ())


async def deposit(relay: RunningRelay, name: str) -> int:
    services = relay.parts.relay
    key = own(relay, "bern").key.id
    bern = services.directory.terminal(key, services.clock.wall())
    submit = submit_to(own(relay, "tfc").mailbox, name=name)
    return (await services.mailbox.submit(bern, 2, submit)).index


async def test_two_of_three_witnesses_are_enough(tmp_path: Path) -> None:
    people = ministry()
    async with running(tmp_path, people, witnesses=["w1", "w3"]) as relay:
        await relay.published(LogName.KEY, len(people.leaves))
        note = relay.parts.relay.logs.last(LogName.KEY).note
        assert trusted(people, LogName.KEY, note).size == len(people.leaves)
        assert relay.parts.checkpoints.missing == ()


async def test_without_a_quorum_or_without_a_mirror_nothing_is_published(
    tmp_path: Path,
) -> None:
    for names in (["w1"], ["w3"]):
        people = ministry()
        folder = tmp_path / names[0]
        folder.mkdir()
        async with running(folder, people, witnesses=names) as relay:
            async with asyncio.timeout(30):
                while not relay.parts.checkpoints.missing:  # noqa: ASYNC110 -- no event says so
                    await asyncio.sleep(0.01)
            assert relay.parts.relay.logs.published(LogName.KEY) == 0
            with pytest.raises(BusyError):
                await relay.parts.relay.logs.checkpoint(LogName.KEY, 0)


async def test_a_note_that_cannot_be_stored_is_tried_again(tmp_path: Path) -> None:
    people = ministry()
    async with running(tmp_path, people) as relay:
        await relay.published(LogName.KEY, len(people.leaves))
        index = await deposit(relay, "a")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("server.services.commit.MAX_WAITING", 0)
            async with asyncio.timeout(30):
                while not relay.parts.checkpoints.missing:  # noqa: ASYNC110 -- no event says so
                    await asyncio.sleep(0.01)
        await relay.published(LogName.MESSAGE, index + 1)


async def test_a_published_note_survives_a_restart_and_is_extended(
    tmp_path: Path,
) -> None:
    people = ministry()
    async with running(tmp_path, people) as relay:
        for name in "abc":
            await deposit(relay, name)
        await relay.published(LogName.MESSAGE, 3)
        first = await relay.parts.relay.logs.checkpoint(LogName.MESSAGE, 0)
    before = trusted(people, LogName.MESSAGE, first.note)
    async with running(tmp_path, people) as relay:
        assert relay.parts.relay.logs.last(LogName.MESSAGE).note == first.note
        assert isinstance(relay.parts.relay.clock, WitnessedClock)
        assert relay.parts.relay.clock.wall() >= before.witnessed
        await deposit(relay, "d")
        await relay.published(LogName.MESSAGE, 4)
        second = await relay.parts.relay.logs.checkpoint(LogName.MESSAGE, 3)
        after = before.adopt(second.note, second.consistency)
        assert after.size == 4
        newer = await relay.parts.relay.logs.checkpoint(LogName.MESSAGE, 99)
        assert newer.consistency == ()


def lose(folder: Path) -> None:
    for path in folder.glob("relay.sqlite*"):
        path.unlink()


async def test_a_relay_that_went_back_in_time_signs_nothing_more(
    tmp_path: Path,
) -> None:
    people = ministry()
    async with running(tmp_path, people) as relay:
        await deposit(relay, "a")
        await deposit(relay, "b")
        await relay.published(LogName.MESSAGE, 2)
    lose(tmp_path)
    async with running(tmp_path, people) as relay:
        await deposit(relay, "other")
        async with asyncio.timeout(30):
            while not relay.parts.checkpoints.behind:  # noqa: ASYNC110 -- no event says so
                await asyncio.sleep(0.01)
        assert relay.parts.relay.logs.published(LogName.MESSAGE) == 0


async def test_a_log_is_cosigned_again_without_growth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "REFRESH", 0.1)
    people = ministry()
    async with running(tmp_path, people) as relay:
        await relay.published(LogName.KEY, len(people.leaves))
        first = relay.parts.relay.logs.last(LogName.KEY).note
        async with asyncio.timeout(30):
            while relay.parts.relay.logs.last(LogName.KEY).note == first:  # noqa: ASYNC110 -- no event says so
                await asyncio.sleep(0.01)
        again = relay.parts.relay.logs.last(LogName.KEY).note
        assert trusted(people, LogName.KEY, again).size == len(people.leaves)


class Moved(SystemClock):
    """Monotonic time that a test moves on."""

    later = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.later


async def test_what_falls_due_in_a_pause_does_not_wait_for_the_next_growth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people, clock, whole = ministry(), Moved(), checkpoints.Checkpoints.round
    notes: list[bytes] = []

    async def then_late(
        self: checkpoints.Checkpoints, http: aiohttp.ClientSession
    ) -> None:
        await whole(self, http)
        if not (self._due() or notes):
            notes.append(self._logs.last(LogName.KEY).note)
            clock.later += checkpoints.REFRESH

    monkeypatch.setattr(checkpoints.Checkpoints, "round", then_late)
    async with running(tmp_path, people, clock=clock) as relay, asyncio.timeout(30):
        while not notes or relay.parts.relay.logs.last(LogName.KEY).note in notes:  # noqa: ASYNC110 -- no event says so
            await asyncio.sleep(0.01)


# --- asking a witness


class Scripted(WitnessClient):
    """Asks a witness that says what it is told to."""

    def __init__(
        self, key: WitnessKey, *answers: tuple[int, bytes], shows: bytes = b""
    ) -> None:
        super().__init__(key, "http://127.0.0.1:9")
        self.answers = list(answers)
        self.shows = shows

    async def _post(self, *_: object) -> tuple[int, bytes]:
        return self.answers.pop(0)

    async def _get(self, *_: object) -> tuple[int, bytes]:
        return (200, self.shows) if self.shows else (404, b"")


async def nothing(*_: int) -> tuple[bytes, ...]:
    return (b"x",)


async def asked(name: str, *answers: tuple[int, bytes], shows: bytes = b"") -> None:
    client = Scripted(witness_key(name), *answers, shows=shows)
    question = Question(
        key=log_key("message"),
        size=3,
        note=b"note",
        consistency=nothing,  # type: ignore[arg-type]
        leaves=nothing,
    )
    async with aiohttp.ClientSession() as http:
        await client.cosign(http, question)


@pytest.mark.parametrize(
    "answers",
    [
        [(500, b"")],
        [(404, b"")],
        [(409, b"1\n"), (409, b"2\n")],
        [(409, b"not a size")],
        [(200, b"not a line")],
    ],
)
async def test_a_witness_that_talks_nonsense_gives_no_cosignature(
    answers: list[tuple[int, bytes]],
) -> None:
    with pytest.raises(WitnessError):
        await asked("w3", *answers)


def told(size: int, story: bytes = b"") -> Log:
    log = Log()
    log.grow(size, story)
    return log


async def test_a_witness_that_saw_more_is_told_apart_when_it_shows_it() -> None:
    with pytest.raises(BehindError):
        await asked("w3", (409, b"4\n"), shows=told(4).note())
    for shows in (
        b"",  # it only says so
        told(3).note(),  # not more than we have
        told(4).note(signer="somebody"),  # not ours
        told(4).note(origin="other.example/log"),
    ):
        with pytest.raises(WitnessError):
            await asked("w3", (409, b"1000000\n"), shows=shows)


async def test_a_mirror_whose_other_entries_stay_gives_no_cosignature() -> None:
    other, held = (422, b""), (200, b"3\n")
    with pytest.raises(WitnessError, match="other entries"):
        await asked("w1", held, other, other, shows=told(1).note())


@pytest.mark.parametrize(
    "answers",
    [
        [(500, b"")],
        [(200, b"0\n"), (200, b"0\n")],
        [(200, b"junk\n")],
        [(200, b"0\n"), (422, b""), (500, b"")],
    ],
)
async def test_a_mirror_that_stores_nothing_gives_no_cosignature(
    answers: list[tuple[int, bytes]],
) -> None:
    with pytest.raises(WitnessError):
        await asked("w1", *answers)


# --- reading


async def test_entries_come_in_pages_bounded_by_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = ministry()
    async with working(tmp_path, people) as parts:
        monkeypatch.setattr(logs, "MAX_ANSWER", 1)
        start = 0
        found: list[bytes] = []
        while True:
            entries = await parts.relay.logs.entries(start)
            assert entries.size == len(people.leaves)
            if not entries.entries:
                break
            assert len(entries.entries) == 1
            found += entries.entries
            start += 1
        assert found == people.leaves


async def test_a_leaf_that_is_not_there_cannot_be_proven(tmp_path: Path) -> None:
    people = ministry()
    async with working(tmp_path, people) as parts:
        size = len(people.leaves)
        await parts.relay.logs.prove(LogName.KEY, 0, size)
        for index, of in ((size, size), (0, size + 1), (0, 0)):
            with pytest.raises(MalformedError):
                await parts.relay.logs.prove(LogName.KEY, index, of)


async def test_a_store_without_leaves_has_the_empty_root(tmp_path: Path) -> None:
    store = await sqlite_store(tmp_path / "relay.sqlite")
    assert await store.read(lambda tables: tables.logs.head(LogName.MESSAGE)) is None
    await store.close()
    people = ministry()
    async with working(tmp_path, people, leaves=people.leaves[:1]) as parts:
        assert parts.relay.committer.trees.logs[LogName.MESSAGE].root() == EMPTY_ROOT


# --- time


class Movable(SystemClock):
    now, passed = 1000, 0.0

    def wall(self) -> int:
        return self.now

    def monotonic(self) -> float:
        return self.passed


def test_witnessed_time_replaces_the_own_clock_and_never_falls() -> None:
    machine = Movable()
    clock = WitnessedClock(machine)
    clock.saw(0)
    assert clock.wall() == 1000
    clock.saw(500_000)
    machine.passed = 10.0
    assert clock.wall() == 500_010
    clock.saw(400_000)
    assert clock.wall() == 500_010
    machine.now = 9_999_999
    assert clock.wall() == 500_010
    clock.saw(600_000)
    assert (clock.wall(), clock.monotonic()) == (600_000, 10.0)


def test_the_system_clock_is_the_systems() -> None:
    clock = SystemClock()
    assert clock.wall() > 1_700_000_000
    assert clock.monotonic() <= clock.monotonic()
