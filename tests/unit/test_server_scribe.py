"""The process that writes deposits: what it makes durable, and what becomes of both."""

import asyncio
import os
import resource
import signal
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec import msgpack

from crypto.types import Digest, KeyId, Mailbox
from protocol.errors import BusyError
from protocol.requests import LogName, Stored
from server.app import Parts
from server.services import commit
from server.storage import dictating, presuming, scribe_main
from server.storage.dictation import ASKED, MAX_ANSWER, SLOT, Outcome, Step, answered
from server.storage.envelopes import EnvelopeTables
from server.storage.interfaces import StoreBrokenError
from server.storage.opening import check_store
from server.storage.scribe import Dictated, ReadsError
from server.storage.store import SqliteStore, sqlite_store
from tests.support import relay as support
from tests.support.ministry import Ministry, ministry
from tests.support.relay import PATIENCE, submit_to, working

TABLE = Step("CREATE TABLE words (word TEXT PRIMARY KEY)", ())
SWAP = "UPDATE words SET word = ? WHERE word = ? RETURNING word"


def word(said: str) -> Step:
    return Step("INSERT INTO words (word) VALUES (?)", (said,))


@pytest.fixture(autouse=True)
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every batch of deposits go to a scribe, two deposits in one."""
    monkeypatch.setattr(support, "SCRIBE", ())
    monkeypatch.setattr(dictating, "MANY", 1)
    monkeypatch.setattr(commit, "MAX_BATCH", 2)


class Office:
    """A relay's services with a scribe that can be held back."""

    def __init__(self, parts: Parts, people: Ministry) -> None:
        self.parts = parts
        self._people = people
        assert isinstance(parts.store, SqliteStore)
        self.store = parts.store
        assert self.store._scribe is not None  # noqa: SLF001 -- to hold it back
        self.scribe = self.store._scribe  # noqa: SLF001
        assert self.store._dictation is not None  # noqa: SLF001
        self.presumption = self.store._dictation._presumption  # noqa: SLF001
        self.process = self.scribe._process  # noqa: SLF001

    @property
    def size(self) -> int:
        return self.parts.relay.logs.size(LogName.MESSAGE)

    async def deposit(self, name: str) -> Stored:
        terminals = [
            self.parts.relay.directory.terminal(
                self._people.posts[post].terminal.key.id, self.parts.relay.clock.wall()
            )
            for post in ("tfc", "bern")
        ]
        submit = submit_to(terminals[0].mailbox, name=name)
        return await self.parts.relay.mailbox.submit(terminals[1], 2, submit)

    async def under_way(self, count: int) -> None:
        """Return when so many transactions are at the scribe."""
        for _ in range(100):  # turns of the loop
            if self.scribe._under_way < count:  # noqa: SLF001
                await asyncio.sleep(0)
        assert self.scribe._under_way == count  # noqa: SLF001


@asynccontextmanager
async def office(folder: Path) -> AsyncIterator[Office]:
    """Run one that has learnt who deposits; what it leaves must agree."""
    people = ministry()
    async with working(folder, people) as parts:
        made = Office(parts, people)
        await made.deposit("first")
        await parts.relay.committer.drained()
        yield made
    assert await check_store(support.DATABASE(folder), folder) == []


async def deposits(made: Office, names: Sequence[str]) -> list[asyncio.Task[Stored]]:
    """Begin to deposit these while the scribe stands still; two batches at once."""
    made.process.send_signal(signal.SIGSTOP)
    tasks = [asyncio.create_task(made.deposit(name)) for name in names]
    await made.under_way(min(2, len(names) // 2))
    return tasks


async def test_the_next_batch_is_at_the_scribe_before_the_last_one_is_durable(
    tmp_path: Path,
) -> None:
    async with office(tmp_path) as made:
        tasks = await deposits(made, "abcdef")
        assert not made.scribe.room
        assert made.size == 1
        assert not any(task.done() for task in tasks)
        made.process.send_signal(signal.SIGCONT)
        stored = await asyncio.gather(*tasks)
        assert [one.index for one in stored] == [1, 2, 3, 4, 5, 6]
        assert made.size == 7
        assert made.presumption.careful == 0  # none ran again


async def test_a_name_that_is_known_gets_its_answer_and_stops_nobody(
    tmp_path: Path,
) -> None:
    async with office(tmp_path) as made:
        tasks = await deposits(made, ["a", "first", "b", "c", "d", "e"])
        made.process.send_signal(signal.SIGCONT)
        stored = await asyncio.gather(*tasks)
        assert [one.index for one in stored] == [1, 0, 2, 3, 4, 5]
        assert stored[1] == await made.deposit("first")
        assert 0 < made.presumption.careful < presuming.CAREFUL


async def test_after_one_that_was_known_some_are_asked_about_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presuming, "CAREFUL", 2)
    async with office(tmp_path) as made:
        asked = made.scribe._asked  # noqa: SLF001
        for name in ("first", "a", "b"):
            await made.deposit(name)
        assert made.scribe._asked == asked + 1  # noqa: SLF001
        await made.deposit("c")
        assert made.scribe._asked == asked + 2  # noqa: SLF001


async def test_without_room_a_batch_is_busy_and_the_next_one_begins_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with office(tmp_path) as made:
        held = made.parts.relay.committer._ledger.totals["bern"]  # noqa: SLF001

        def refuse(_steps: Sequence[Step]) -> None:
            made.scribe._under_way += 1  # noqa: SLF001
            if made.scribe._under_way == 2:  # noqa: SLF001
                made.scribe._answers += [  # noqa: SLF001
                    (Outcome.FULL, "SQLITE_FULL"),
                    (Outcome.STALE, ""),
                ]
                made.scribe.wake()

        with monkeypatch.context() as patch:
            patch.setattr(made.scribe, "ask", refuse)
            tasks = [asyncio.create_task(made.deposit(name)) for name in "abcd"]
            done = await asyncio.gather(*tasks, return_exceptions=True)
        assert [isinstance(one, BusyError) for one in done] == [
            True,
            True,
            False,
            False,
        ]
        assert [one.index for one in done if isinstance(one, Stored)] == [1, 2]
        now = made.parts.relay.committer._ledger.totals["bern"]  # noqa: SLF001
        assert now.messages == held.messages + 2
        assert (await made.deposit("a")).index == 3


async def test_what_is_too_large_for_the_memory_of_both_the_relay_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with office(tmp_path) as made:
        asked = made.scribe._asked  # noqa: SLF001
        with monkeypatch.context() as patch:
            patch.setattr("server.storage.scribe.SLOT", 100)
            assert (await made.deposit("a")).index == 1
        assert made.scribe._asked == asked  # noqa: SLF001
        assert (await made.deposit("b")).index == 2
        assert made.scribe._asked == asked + 1  # noqa: SLF001


async def test_whoever_else_writes_waits_until_nothing_is_under_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with office(tmp_path) as made:
        busy: list[bool] = []
        monkeypatch.setattr(
            made.store, "_truncate", lambda: busy.append(made.scribe.busy)
        )
        tasks = await deposits(made, "abcdefgh")
        scrubbed = asyncio.create_task(made.store.scrub())
        for _ in range(10):
            await asyncio.sleep(0)
        assert not scrubbed.done()
        made.process.send_signal(signal.SIGCONT)
        await scrubbed
        assert busy == [False]
        assert [one.index for one in await asyncio.gather(*tasks)] == [*range(1, 9)]


async def test_a_scribe_that_dies_is_noticed_at_once(tmp_path: Path) -> None:
    async with office(tmp_path) as made:
        lost = asyncio.create_task(made.store.lost())
        await asyncio.sleep(0)
        assert not lost.done()
        made.process.kill()
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(StoreBrokenError, match="scribe"):
                await lost


@pytest.mark.parametrize("begun", [True, False])
async def test_without_its_scribe_a_relay_answers_nobody(
    tmp_path: Path, *, begun: bool
) -> None:
    tasks: list[asyncio.Task[Stored]] = []

    async def crash() -> None:
        async with office(tmp_path) as made:
            if begun:
                tasks.extend(await deposits(made, "abcd"))
            made.process.kill()
            if not begun:
                made.process.wait()
                tasks.append(asyncio.create_task(made.deposit("a")))
            await asyncio.gather(*tasks)

    with pytest.raises(BaseExceptionGroup) as ended:
        await crash()
    assert ended.group_contains(StoreBrokenError)
    assert not any(one.done() and not one.cancelled() for one in tasks)
    async with office(tmp_path) as again:  # "first" is known to it, and nothing else
        assert again.size == 1
        assert (await again.deposit("a")).index == 1


async def test_a_disk_that_fails_the_scribe_ends_the_relay(tmp_path: Path) -> None:
    async def crash() -> None:
        async with office(tmp_path) as made:
            # Its own limit, and no disk's: what it writes from now on is an I/O error.
            resource.prlimit(made.process.pid, resource.RLIMIT_FSIZE, (4096, 4096))
            await made.deposit("a")

    with pytest.raises(BaseExceptionGroup) as ended:
        await crash()
    assert ended.group_contains(StoreBrokenError, match="IOERR")


async def test_a_scribe_that_cannot_begin_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.storage.scribe.PROGRAM", "server.storage.nothing")
    with pytest.raises(StoreBrokenError, match="scribe"):
        await sqlite_store(tmp_path / "relay.sqlite", ())


async def test_a_signal_for_both_is_the_relays_affair(tmp_path: Path) -> None:
    async with office(tmp_path) as made:
        for number in (signal.SIGTERM, signal.SIGINT):
            made.process.send_signal(number)
        assert (await made.deposit("a")).index == 1


async def test_a_store_that_is_closed_leaves_no_process_and_no_log(
    tmp_path: Path,
) -> None:
    async with office(tmp_path) as made:
        await made.deposit("a")
        process = made.process
    assert process.returncode == 0
    assert not (tmp_path / "relay.sqlite-wal").exists()


async def test_a_scribe_that_does_not_end_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.storage.scribe.PATIENCE", 0.0)
    store = await sqlite_store(tmp_path / "relay.sqlite", ())
    assert store._scribe is not None  # noqa: SLF001
    process = store._scribe._process  # noqa: SLF001
    process.send_signal(signal.SIGSTOP)
    await store.close()
    assert process.returncode == -signal.SIGKILL


async def test_it_holds_what_it_is_given_as_long_as_it_lives(tmp_path: Path) -> None:
    read, write = os.pipe()
    store = await sqlite_store(tmp_path / "relay.sqlite", (write,))
    os.close(write)
    os.set_blocking(read, False)
    with pytest.raises(BlockingIOError):  # somebody could still write
        os.read(read, 1)
    await store.close()
    assert os.read(read, 1) == b""
    os.close(read)


async def test_a_transaction_that_reads_is_not_dictated(tmp_path: Path) -> None:
    store = await sqlite_store(tmp_path / "relay.sqlite")
    dictated = Dictated(store._writer.dialect)  # noqa: SLF001
    envelopes = EnvelopeTables(dictated)
    with pytest.raises(ReadsError):
        await envelopes.last_cursor(Mailbox(bytes(16)))
    with pytest.raises(ReadsError):
        await envelopes.outstanding("bern")
    with pytest.raises(ReadsError):
        await envelopes.add_nack(KeyId(bytes(32)), Digest(bytes(32)), b"", 0)
    assert dictated.steps == []
    await store.close()


# --- the process itself, here


def test_one_that_is_not_written_takes_with_it_what_builds_on_it(
    tmp_path: Path,
) -> None:
    scribe = scribe_main.Scribe(str(tmp_path / "one"))
    assert scribe.write([TABLE, word("a")], anew=True) == answered(Outcome.DONE)
    assert scribe.write([word("b"), word("a")], anew=False)[0] == Outcome.CONFLICT
    assert scribe.write([word("c")], anew=False) == answered(Outcome.STALE)
    assert scribe.write([word("c")], anew=True) == answered(Outcome.DONE)
    assert scribe.write([word("d")], anew=False) == answered(Outcome.DONE)
    rows = scribe._connection.execute("SELECT word FROM words ORDER BY word")  # noqa: SLF001
    assert rows.fetchall() == [("a",), ("c",), ("d",)]
    scribe.close()


def test_it_believes_as_little_of_the_disk_as_the_relay(tmp_path: Path) -> None:
    scribe = scribe_main.Scribe(str(tmp_path / "one"))
    for pragma, value in (
        ("synchronous", 3),
        ("journal_mode", "wal"),
        ("foreign_keys", 1),
        ("secure_delete", 1),
    ):
        found = scribe._connection.execute(f"PRAGMA {pragma}")  # noqa: SLF001
        assert found.fetchall() == [(value,)]
    scribe.close()


def test_a_swap_that_finds_no_row_undoes_all(tmp_path: Path) -> None:
    scribe = scribe_main.Scribe(str(tmp_path / "one"))
    scribe.write([TABLE, word("a")], anew=True)
    lost = scribe.write([word("x"), Step(SWAP, ("b", "z"), swap=True)], anew=True)
    assert lost == answered(Outcome.BROKEN, "the log was changed by another writer")
    done = scribe.write([word("y"), Step(SWAP, ("b", "a"), swap=True)], anew=True)
    assert done == answered(Outcome.DONE)
    rows = scribe._connection.execute("SELECT word FROM words ORDER BY word")  # noqa: SLF001
    assert rows.fetchall() == [("b",), ("y",)]
    scribe.close()


def test_no_room_is_told_apart_from_a_disk_that_fails(tmp_path: Path) -> None:
    scribe = scribe_main.Scribe(str(tmp_path / "one"))
    scribe.write([TABLE], anew=True)
    scribe._connection.execute("PRAGMA max_page_count = 3")  # noqa: SLF001
    assert scribe.write([word("a" * 20_000)], anew=True)[0] == Outcome.FULL
    assert scribe.write([Step("SELECT nonsense", ())], anew=True)[0] == Outcome.BROKEN
    assert scribe.write([word("a")], anew=True) == answered(Outcome.DONE)
    scribe.close()


def test_it_works_until_the_relay_hangs_up(tmp_path: Path) -> None:
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    memory = bytearray(SLOT + 4096)
    content = msgpack.encode([TABLE, word("a")])
    memory[SLOT : SLOT + len(content)] = content
    scribe = scribe_main.Scribe(str(tmp_path / "one"))
    ours.send(ASKED.pack(1, len(content), True))  # noqa: FBT003 -- a field of the message
    ours.shutdown(socket.SHUT_WR)
    scribe_main.work(scribe, its, memoryview(memory))
    assert ours.recv(MAX_ANSWER) == answered(Outcome.DONE)  # it is there
    assert ours.recv(MAX_ANSWER) == answered(Outcome.DONE)
    scribe.close()
    ours.close()
    its.close()
