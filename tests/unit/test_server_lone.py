"""What comes alone is committed in the loop; a slow disk stops that, after one commit.

The clock is virtual: a commit takes as long as a test says.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from protocol.errors import BusyError, ProtocolError
from protocol.requests import Stored
from server.services.lone import FEW, NEEDED, QUICK, REST, SMALL
from server.storage.interfaces import (
    Done,
    Next,
    Store,
    StoreBrokenError,
    StoreFullError,
    Tables,
    Turn,
    Work,
)
from tests.support.ministry import ministry
from tests.support.relay import PATIENCE, submit_to
from tests.support.virtual_relay import Clock, Running, relay_in


@dataclass
class Disk:
    """How long commits take, and where each was made."""

    clock: Clock
    loop: float = 0.0  # seconds of each commit in the loop
    thread: float = 0.0
    made: list[str] = field(default_factory=list)

    def under(self, store: Store, patch: pytest.MonkeyPatch) -> None:
        here, write_each = store.here, store.write_each

        def in_loop(work: Work[Any]) -> Any:  # noqa: ANN401 -- whatever it returns
            return here(self._taking(work, "loop", lambda: self.loop))

        async def in_thread(
            following: Next[Any], done: Done[Any], stirred: asyncio.Event
        ) -> None:
            def slow(*, least: int = 0, most: int | None = None) -> Turn[Any] | None:
                turn = following(least=least, most=most)
                if turn is None:
                    return None
                return Turn(self._taking(turn.work, "thread", lambda: self.thread))

            await write_each(slow, done, stirred)

        patch.setattr(store, "here", in_loop)
        patch.setattr(store, "write_each", in_thread)

    def _taking(
        self, work: Work[Any], where: str, seconds: Callable[[], float]
    ) -> Work[Any]:
        async def timed(tables: Tables) -> Any:  # noqa: ANN401 -- whatever it returns
            found = await work(tables)
            self.clock.now += seconds()
            self.made.append(where)
            return found

        return timed

    def took(self) -> str:
        """Return where the last commit was made."""
        return self.made[-1]


@pytest.fixture
async def relay(tmp_path: Path) -> AsyncIterator[Running]:
    async with relay_in(tmp_path) as running:
        yield running


@pytest.fixture
def disk(relay: Running, monkeypatch: pytest.MonkeyPatch) -> Disk:
    made = Disk(relay.clock)
    made.under(relay.parts.store, monkeypatch)
    return made


async def alone(relay: Running) -> None:
    """Deposit one, and let the loop go round."""
    await relay.deposit()
    await asyncio.sleep(0)
    await relay.parts.relay.committer.drained()


async def quick_ones(relay: Running, disk: Disk) -> None:
    """Deposit one after another, as many as it needs to be believed quick."""
    await relay.parts.relay.committer.drained()
    disk.made.clear()
    for _ in range(NEEDED):
        await alone(relay)
    assert disk.made == ["thread"] * NEEDED


async def test_what_comes_alone_is_durable_before_the_loop_goes_round(
    relay: Running, disk: Disk, tmp_path: Path
) -> None:
    await quick_ones(relay, disk)
    found: list[tuple[Stored | ProtocolError, int]] = []

    def told(answer: Stored | ProtocolError) -> None:
        with sqlite3.connect(tmp_path / "relay.sqlite") as other:
            ((rows,),) = other.execute("SELECT count(*) FROM envelopes")
        found.append((answer, rows))

    submit = submit_to(relay.box("tfc"), name="alone")
    relay.parts.relay.mailbox.deposit(relay.terminal("bern"), 2, submit, told)
    ((answer, rows),) = found  # told already
    assert isinstance(answer, Stored)
    assert answer.index == NEEDED
    assert rows == NEEDED + 1
    assert disk.took() == "loop"
    assert relay.logged == NEEDED + 1
    assert len(await relay.owed()) == NEEDED + 1


async def test_what_is_asked_again_gets_its_first_answer_in_the_loop_too(
    relay: Running, disk: Disk
) -> None:
    await quick_ones(relay, disk)
    submit = partial(relay.parts.relay.mailbox.submit, relay.terminal("bern"), 2)
    first = await submit(submit_to(relay.box("tfc"), name="again"))
    await asyncio.sleep(0)
    assert await submit(submit_to(relay.box("tfc"), name="again")) == first
    assert disk.made[NEEDED:] == ["loop", "loop"]
    assert relay.logged == NEEDED + 1


async def test_a_slow_disk_stalls_the_loop_for_one_commit_and_no_more(
    relay: Running, disk: Disk
) -> None:
    await quick_ones(relay, disk)
    disk.loop = disk.thread = 5.0
    await alone(relay)
    assert disk.took() == "loop"  # the one: nothing spoke against it
    began = relay.clock.now
    disk.made.clear()
    for _ in range(3):  # it stays slow: in the thread, where nobody waits for it
        await alone(relay)
    disk.loop = disk.thread = QUICK
    for _ in range(2 * NEEDED):  # it is quick again, but has not been for long
        await alone(relay)
    assert set(disk.made) == {"thread"}
    relay.clock.now = began + 5.0 * REST
    await relay.deposit()
    assert disk.took() == "loop"


async def test_a_disk_that_is_slow_in_the_loop_only_takes_a_hundredth_of_its_time(
    relay: Running, disk: Disk
) -> None:
    await quick_ones(relay, disk)
    began = relay.clock.now
    disk.loop = 10 * QUICK  # the worst that can be: quick wherever it is looked at
    for _ in range(150):
        await alone(relay)
        relay.clock.now += 0.1
    stalled = disk.made.count("loop")
    assert stalled >= 2
    assert stalled * disk.loop <= disk.loop + (relay.clock.now - began) / REST


async def test_a_thread_that_was_slow_has_to_be_quick_again(
    relay: Running, disk: Disk
) -> None:
    await quick_ones(relay, disk)
    disk.thread = 2 * QUICK
    await relay.acknowledge(1)  # a job: in the thread
    disk.thread = 0.0
    await relay.parts.relay.committer.drained()
    await quick_ones(relay, disk)
    await relay.deposit()
    assert disk.took() == "loop"


async def test_of_several_in_one_turn_the_others_go_together(
    relay: Running, disk: Disk
) -> None:
    await quick_ones(relay, disk)
    disk.made.clear()
    stored = await asyncio.gather(*(relay.deposit() for _ in range(5)))
    assert [one.index - NEEDED for one in stored] == list(range(5))
    assert disk.made == ["loop", "thread"]
    await relay.parts.relay.committer.drained()
    await quick_ones(relay, disk)  # it has to be seen alone again


@pytest.mark.parametrize(("posts", "size"), [(1, SMALL), (FEW + 1, 100)])
async def test_what_is_large_or_for_many_is_for_the_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, posts: int, size: int
) -> None:
    people = ministry()
    names = [f"p{number}" for number in range(posts)]
    for name in names:
        people.enrol(name)
    async with relay_in(tmp_path, people) as relay:
        disk = Disk(relay.clock)
        disk.under(relay.parts.store, monkeypatch)
        await quick_ones(relay, disk)
        await relay.deposit(*names, size=size)
        assert disk.took() == "thread"
        await relay.parts.relay.committer.drained()
        await relay.deposit(*names[:FEW])
        assert disk.took() == "loop"


async def test_a_full_disk_in_the_loop_is_busy_and_the_same_thing_works_later(
    relay: Running, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await quick_ones(relay, disk)
    here = relay.parts.store.here

    def full(work: Work[Any]) -> None:
        async def then_full(tables: Tables) -> None:
            await work(tables)
            raise StoreFullError

        here(then_full)

    with monkeypatch.context() as patch:
        patch.setattr(relay.parts.store, "here", full)
        with pytest.raises(BusyError):
            await relay.deposit()
    assert relay.logged == NEEDED
    assert (await relay.deposit()).index == NEEDED


async def test_a_disk_that_breaks_in_the_loop_ends_the_process_and_answers_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Stored | ProtocolError] = []

    async def crash() -> None:
        async with relay_in(tmp_path) as relay:
            disk = Disk(relay.clock)
            disk.under(relay.parts.store, monkeypatch)
            await quick_ones(relay, disk)

            def broken(_: Work[Any]) -> None:
                raise StoreBrokenError("IOERR_FSYNC")

            monkeypatch.setattr(relay.parts.store, "here", broken)
            submit = submit_to(relay.box("tfc"), name="lost")
            deposit = relay.parts.relay.mailbox.deposit
            deposit(relay.terminal("bern"), 2, submit, told.append)
            async with asyncio.timeout(PATIENCE):
                await relay.deposit()  # nor is what comes after it answered

    with pytest.raises(BaseExceptionGroup) as ended:
        await crash()
    assert ended.group_contains(StoreBrokenError)
    assert told == []
