"""Group commit: all of a batch or nothing, and nobody hears before it is durable."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from crypto.types import Mailbox
from protocol.directory_view import Terminal
from protocol.errors import (
    BindingError,
    BusyError,
    MalformedError,
    PolicyError,
    ProtocolError,
    UnauthenticatedError,
)
from protocol.requests import LogName, Stored, Submit
from server.app import Parts
from server.services import commit
from server.services.intake import Submission, store_batch
from server.services.staging import Staging
from server.storage.interfaces import (
    Done,
    Next,
    Store,
    StoreBrokenError,
    StoreFullError,
    Tables,
    Work,
)
from tests.support.ministry import Ministry, ministry
from tests.support.relay import submit_to, working
from tests.support.virtual_relay import relay_in

pytestmark = pytest.mark.usefixtures("either_database")


def terminal(parts: Parts, people: Ministry, post: str) -> Terminal:
    key = people.posts[post].terminal.key.id
    return parts.relay.directory.terminal(key, parts.relay.clock.wall())


async def owed(parts: Parts, caller: Terminal) -> list[int]:
    found = await parts.relay.mailbox.owed(caller, skip=(), lane=4, limit=1000)
    return [one.delivery.index for one in found]


async def test_what_arrives_during_a_commit_is_committed_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = ministry()
    async with working(tmp_path, people) as parts:
        tfc, bern = (terminal(parts, people, post) for post in ("tfc", "bern"))
        batches: list[int] = []

        async def counted(
            tables: Tables, staging: Staging, batch: list[Submission]
        ) -> list[Stored | ProtocolError]:
            batches.append(len(batch))
            return await store_batch(tables, staging, batch)

        monkeypatch.setattr("server.services.commit.store_batch", counted)
        submit = parts.relay.mailbox.submit
        stored = await asyncio.gather(
            *(submit(bern, 2, submit_to(tfc.mailbox, name=f"{n}")) for n in range(50))
        )
        assert sorted(one.index for one in stored) == list(range(50))
        assert len(batches) < 5
        assert await owed(parts, tfc) == list(range(50))


async def test_a_batch_is_bounded_in_number_and_in_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = ministry()
    monkeypatch.setattr(commit, "MAX_BATCH", 3)
    monkeypatch.setattr(commit, "MAX_BATCH_BYTES", 5_000)
    async with working(tmp_path, people) as parts:
        tfc, bern = (terminal(parts, people, post) for post in ("tfc", "bern"))
        submit = parts.relay.mailbox.submit
        sizes = [1_000, 1_000, 20_000, 1, 1, 1, 1, 1, 1]
        stored = await asyncio.gather(
            *(
                submit(bern, 2, submit_to(tfc.mailbox, name=f"{n}", size=size))
                for n, size in enumerate(sizes)
            )
        )
        assert [one.index for one in stored] == list(range(len(sizes)))


async def test_a_batch_begins_where_the_last_one_ended_before_the_loop_has_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = ministry()
    monkeypatch.setattr(commit, "MAX_BATCH", 2)
    async with working(tmp_path, people) as parts:
        tfc, bern = (terminal(parts, people, post) for post in ("tfc", "bern"))
        committer, tell = parts.relay.committer, list[Callable[[], None]]()
        await committer.drained()
        write_each = parts.store.write_each

        async def deaf(following: Next[Any], done: Done[Any]) -> None:
            def kept(outcome: Any) -> Callable[[], None]:  # noqa: ANN401 -- the work's
                tell.append(done(outcome))
                return lambda: None

            await write_each(following, kept)

        monkeypatch.setattr(parts.store, "write_each", deaf)
        submit = parts.relay.mailbox.submit
        submits = [submit_to(tfc.mailbox, name=f"{n}") for n in range(5)]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(submit(bern, 2, one)) for one in submits]
            await asyncio.sleep(0)  # all of them wait now
            await committer.drained()
            assert len(tell) == 3
            assert parts.relay.logs.size(LogName.MESSAGE) == 0
            assert not any(task.done() for task in tasks)
            for one in tell:
                one()
        assert sorted(task.result().index for task in tasks) == list(range(5))
        assert parts.relay.logs.size(LogName.MESSAGE) == 5


async def test_the_same_envelope_is_stored_once_and_gets_one_answer(
    tmp_path: Path,
) -> None:
    people = ministry()
    async with working(tmp_path, people) as parts:
        tfc, bern = (terminal(parts, people, post) for post in ("tfc", "bern"))
        again = [parts.relay.mailbox.submit(bern, 2, submit_to(tfc.mailbox))] * 1
        again += [
            parts.relay.mailbox.submit(bern, lane, submit_to(tfc.mailbox))
            for lane in (0, 1, 2)
        ]
        first, *others = await asyncio.gather(*again)
        later = await parts.relay.mailbox.submit(bern, 2, submit_to(tfc.mailbox))
        assert {one.index for one in (*others, later)} == {first.index}
        assert {one.leaf for one in (*others, later)} == {first.leaf}
        assert await owed(parts, tfc) == [0]
        assert parts.relay.logs.size(LogName.MESSAGE) == 1


async def test_one_that_is_refused_does_not_touch_the_others_of_its_batch(
    tmp_path: Path,
) -> None:
    people = ministry()
    async with working(tmp_path, people) as parts:
        tfc, bern = (terminal(parts, people, post) for post in ("tfc", "bern"))
        submit = parts.relay.mailbox.submit
        outcomes = await asyncio.gather(
            submit(bern, 2, submit_to(tfc.mailbox, name="good")),
            submit(bern, 2, submit_to(Mailbox(b"nobody's mailbox"), name="bad")),
            submit(bern, 2, submit_to(tfc.mailbox, bern.mailbox, name="both")),
            return_exceptions=True,
        )
        assert isinstance(outcomes[1], PolicyError)
        assert [one.index for one in outcomes if isinstance(one, Stored)] == [0, 1]
        assert await owed(parts, tfc) == [0, 1]
        assert await owed(parts, bern) == [1]


async def test_what_is_no_envelope_never_reaches_a_batch(tmp_path: Path) -> None:
    people = ministry()
    async with working(tmp_path, people) as parts:
        bern = terminal(parts, people, "bern")
        junk = Submit(envelope=b"junk", commitment=bytes(32))
        with pytest.raises(MalformedError):
            await parts.relay.mailbox.submit(bern, 2, junk)


async def test_an_envelope_of_another_suite_is_refused(tmp_path: Path) -> None:
    people = ministry()
    async with working(tmp_path, people) as parts:
        tfc, bern = (terminal(parts, people, post) for post in ("tfc", "bern"))
        submit = submit_to(tfc.mailbox, suite=2)
        with pytest.raises(BindingError, match="B16"):
            await parts.relay.mailbox.submit(bern, 2, submit)


async def test_nothing_is_stored_after_the_entry_that_revokes_its_sender(
    tmp_path: Path,
) -> None:
    people = ministry()
    async with working(tmp_path, people) as parts:
        tfc, bern = (terminal(parts, people, post) for post in ("tfc", "bern"))
        leaf = people.restriction(bern.key_id, by=people.operators["anna"])
        # Both wait for the same transaction; the entry counts for what came with it.
        revoked, refused = await asyncio.gather(
            parts.relay.logs.append(leaf),
            parts.relay.mailbox.submit(bern, 2, submit_to(tfc.mailbox)),
            return_exceptions=True,
        )
        assert not isinstance(revoked, BaseException)
        assert isinstance(refused, UnauthenticatedError)
        assert await owed(parts, tfc) == []


async def test_a_terminal_deposits_until_its_key_ends(tmp_path: Path) -> None:
    async with relay_in(tmp_path) as relay:
        bern, tfc = relay.terminal("bern"), relay.terminal("tfc")
        submit = relay.parts.relay.mailbox.submit
        for number in range(2):  # it is known by now
            await submit(bern, 2, submit_to(tfc.mailbox, name=f"{number}"))
        relay.clock.now += bern.valid_until - relay.clock.wall()
        with pytest.raises(UnauthenticatedError):
            await submit(bern, 2, submit_to(tfc.mailbox, name="late"))
        assert relay.logged == 2


class Interrupted(Exception):  # noqa: N818 -- a power cut is not an error
    pass


async def test_a_crash_before_the_commit_tells_nobody_and_keeps_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = ministry()

    async def cut(_: Staging, __: Tables) -> None:
        raise Interrupted

    async def crash() -> None:
        async with working(tmp_path, people) as parts:
            tfc, bern = (terminal(parts, people, post) for post in ("tfc", "bern"))
            monkeypatch.setattr(Staging, "write", cut)
            await parts.relay.mailbox.submit(bern, 2, submit_to(tfc.mailbox))

    # The committer ends, and with it all that waited: no answer, no row, no leaf.
    with pytest.raises(BaseExceptionGroup) as ended:
        await crash()
    assert ended.group_contains(Interrupted)
    monkeypatch.undo()
    async with working(tmp_path, people) as parts:
        assert parts.relay.logs.size(LogName.MESSAGE) == 0
        assert await owed(parts, terminal(parts, people, "tfc")) == []


def failing(error: Exception) -> Callable[..., Awaitable[None]]:
    async def write(*_: object) -> None:
        raise error

    return write


def full_at_the_end(store: Store) -> Callable[..., Awaitable[None]]:
    """Return a write that does everything and finds no room when it commits."""
    write_each = store.write_each

    async def full(following: Next[Any], done: Done[Any]) -> None:
        def next_full() -> Work[Any] | None:
            work = following()
            if work is None:
                return None

            async def then_full(tables: Tables) -> None:
                await work(tables)
                raise StoreFullError

            return then_full

        await write_each(next_full, done)

    return full


async def test_a_full_disk_is_busy_and_the_same_thing_works_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = ministry()
    async with working(tmp_path, people) as parts:
        tfc, bern = (terminal(parts, people, post) for post in ("tfc", "bern"))
        await parts.relay.committer.drained()
        with monkeypatch.context() as patch:
            patch.setattr(parts.store, "write_each", full_at_the_end(parts.store))
            with pytest.raises(BusyError):
                await parts.relay.mailbox.submit(bern, 2, submit_to(tfc.mailbox))
            with pytest.raises(BusyError):
                await parts.relay.mailbox.acknowledge(tfc, [1])
            await parts.relay.committer.drained()
        stored = await parts.relay.mailbox.submit(bern, 2, submit_to(tfc.mailbox))
        assert stored.index == 0


async def test_a_broken_disk_ends_the_process_and_answers_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = ministry()

    async def crash() -> None:
        async with working(tmp_path, people) as parts:
            tfc, bern = (terminal(parts, people, post) for post in ("tfc", "bern"))
            await parts.relay.committer.drained()
            broken = StoreBrokenError("IOERR_FSYNC")
            monkeypatch.setattr(parts.store, "write_each", failing(broken))
            await parts.relay.mailbox.submit(bern, 2, submit_to(tfc.mailbox))

    with pytest.raises(BaseExceptionGroup) as ended:
        await crash()
    assert ended.group_contains(StoreBrokenError)


async def test_too_much_that_waits_is_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = ministry()
    async with working(tmp_path, people) as parts:
        tfc, bern = (terminal(parts, people, post) for post in ("tfc", "bern"))
        monkeypatch.setattr(commit, "MAX_WAITING", 0)
        with pytest.raises(BusyError):
            await parts.relay.mailbox.submit(bern, 2, submit_to(tfc.mailbox))
        await parts.relay.committer.drained()


async def test_who_no_longer_waits_changes_nothing_for_the_others(
    tmp_path: Path,
) -> None:
    people = ministry()
    async with working(tmp_path, people) as parts:
        tfc, bern = (terminal(parts, people, post) for post in ("tfc", "bern"))
        submit = parts.relay.mailbox.submit
        async with asyncio.TaskGroup() as group:
            gone = group.create_task(submit(bern, 2, submit_to(tfc.mailbox, name="a")))
            await asyncio.sleep(0)
            gone.cancel()
            stays = group.create_task(submit(bern, 2, submit_to(tfc.mailbox, name="b")))
        assert stays.result().index == 1
        assert await owed(parts, tfc) == [0, 1]


async def test_cursors_and_leaves_go_on_after_a_restart(tmp_path: Path) -> None:
    people = ministry()
    for count in range(3):
        async with working(tmp_path, people) as parts:
            tfc, bern = (terminal(parts, people, post) for post in ("tfc", "bern"))
            submit = submit_to(tfc.mailbox, name=f"{count}")
            stored = await parts.relay.mailbox.submit(bern, 2, submit)
            assert stored.index == count
            found = await parts.relay.mailbox.owed(tfc, skip=(), lane=4, limit=9)
            cursors = [one.delivery.cursor for one in found]
            assert cursors == list(range(1, count + 2))
