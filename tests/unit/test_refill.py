"""A relay without its disk: both logs again, and the life after it."""

import asyncio
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web

from crypto.entropy import system
from protocol.codec import encode
from protocol.errors import BusyError
from protocol.mirror_page import MAX_BODY, Page
from protocol.requests import LogName
from server.refill import ForkedError, RefillError, Sources, recover
from server.services.refill import Recovered, refill
from server.storage.opening import check_store as check_database
from server.storage.opening import open_store
from tests.support import relay as relays
from tests.support.lost import deposit, lived, lose, trusted, witnesses_of
from tests.support.ministry import Ministry, ministry
from tests.support.relay import (
    RunningRelay,
    own,
    running,
    served,
    witness_of,
    working,
)
from tests.support.stores import Located
from tests.support.told_log import Log


async def recovered(
    folder: Path,
    people: Ministry,
    *names: str,
    without: Sequence[str] = (),
) -> Mapping[LogName, Recovered]:
    async with witnesses_of(folder, people, names or ("w1", "w2", "w3")) as addresses:
        sources = Sources(addresses, tuple(f"{one}.example/witness" for one in without))
        return await recover(people.leaves[0], trusted(people), sources)


async def filled(folder: Path, people: Ministry) -> None:
    logs = await recovered(folder, people)
    store = await open_store(relays.DATABASE(folder), folder)
    await store.write(lambda tables: refill(tables, logs, system(16)))
    await store.close()


async def test_a_lost_disk_comes_back_from_the_mirror_and_the_log_goes_on(
    tmp_path: Path, database_of: Located, monkeypatch: pytest.MonkeyPatch
) -> None:
    def use(disk: Path) -> None:
        disk.mkdir()
        monkeypatch.setattr(relays, "DATABASE", lambda _: database_of(disk))

    people = ministry()
    use(tmp_path / "lost")
    before = await lived(tmp_path, people, "a", "b", "c")
    use(tmp_path / "new")
    await filled(tmp_path, people)
    assert await check_database(relays.DATABASE(tmp_path), tmp_path) == []
    async with running(tmp_path, people) as relay:
        assert relay.parts.relay.incarnation != before
        await deposit(relay, "b", "d")  # b has no envelope any more: it is stored again
        await relay.published(LogName.MESSAGE, 5)
        assert not relay.parts.checkpoints.behind
        assert relay.parts.checkpoints.missing == ()
        tfc = own(relay, "tfc")
        async with relay.terminal(tfc) as terminal:
            came = {(await terminal.delivered()).index for _ in range(2)}
            assert came == {3, 4}
            notice = await terminal.noticed()
            assert notice.incarnation == relay.parts.relay.incarnation
    assert await check_database(relays.DATABASE(tmp_path), tmp_path) == []


async def test_an_older_backup_catches_up_and_loses_only_what_nobody_witnessed(
    tmp_path: Path,
) -> None:
    people = ministry()
    await lived(tmp_path, people, "a")
    backup = (tmp_path / "relay.sqlite").read_bytes()
    before = await lived(tmp_path, people, "b", "c")
    lose(tmp_path)
    (tmp_path / "relay.sqlite").write_bytes(backup)
    # It takes two deposits on its own before a witness shows what it lacks.
    async with working(tmp_path, people) as parts:
        assert parts.relay.incarnation == before
        relay = RunningRelay(people, parts, "", tmp_path / "relay.sqlite", ())
        await deposit(relay, "x", "y")
    await filled(tmp_path, people)
    assert await check_database("relay.sqlite", tmp_path) == []
    async with running(tmp_path, people) as again:
        assert again.parts.relay.incarnation != before
        await deposit(again, "a")  # still there: the same place
        assert again.parts.relay.logs.size(LogName.MESSAGE) == 3
        await deposit(again, "x")
        await again.published(LogName.MESSAGE, 4)
    await filled(tmp_path, people)  # and again, with nothing to do
    async with running(tmp_path, people) as third:
        assert third.parts.relay.incarnation == again.parts.relay.incarnation
    assert await check_database("relay.sqlite", tmp_path) == []


async def test_a_relay_that_is_behind_takes_nothing_that_has_no_place(
    tmp_path: Path,
) -> None:
    people = ministry()
    await lived(tmp_path, people, "a", "b")
    lose(tmp_path)
    async with running(tmp_path, people) as relay:
        async with asyncio.timeout(30):
            while not relay.parts.checkpoints.behind:
                await asyncio.sleep(0.01)
                with suppress(BusyError):
                    await deposit(relay, "x")
        with pytest.raises(BusyError):
            await deposit(relay, "c")


# --- who is believed


async def test_every_witness_is_asked_and_one_is_left_out_only_by_name(
    tmp_path: Path,
) -> None:
    people = ministry()
    await lived(tmp_path, people, "a")
    with pytest.raises(RefillError, match=r"w2\.example/witness: does not answer"):
        await recovered(tmp_path, people, "w1", "w3")
    logs = await recovered(tmp_path, people, "w1", "w3", without=["w2"])
    assert {log: one.size for log, one in logs.items()} == {
        LogName.KEY: len(people.leaves),
        LogName.MESSAGE: 1,
    }
    with pytest.raises(RefillError, match="quorum"):
        await recovered(tmp_path, people, "w1", without=["w2", "w3"])
    with pytest.raises(RefillError, match="--without"):
        await recovered(tmp_path, people, without=["nobody"])


async def test_the_largest_checkpoint_counts_and_a_mirror_must_reach_it(
    tmp_path: Path,
) -> None:
    people = ministry()
    await lived(tmp_path, people, "a")
    logs = await recovered(tmp_path, people)
    log = Log(leaves=[*logs[LogName.MESSAGE].leaves, b"seen by w3 alone"])
    third = witness_of(people, "w3", tmp_path / "w3")
    await third.add_checkpoint(log.request(1))
    third.close()
    with pytest.raises(RefillError, match="no mirror has the message log"):
        await recovered(tmp_path, people)


async def test_two_histories_under_our_own_signature_are_an_alarm(
    tmp_path: Path,
) -> None:
    people = ministry()
    await lived(tmp_path, people, "a", "b")
    shutil.rmtree(tmp_path / "w3")
    fork = Log()
    fork.grow(1, b" otherwise")
    third = witness_of(people, "w3", tmp_path / "w3")
    await third.add_checkpoint(fork.request(0))
    third.close()
    with pytest.raises(ForkedError, match="w3"):
        await recovered(tmp_path, people)


async def test_witnesses_that_saw_nothing_give_empty_logs(tmp_path: Path) -> None:
    with pytest.raises(RefillError, match="nothing yet"):
        await recovered(tmp_path, ministry())


# --- a witness that lies


@dataclass
class Liar:
    """Answers for w1: its true checkpoints, and what the test says otherwise."""

    notes: Mapping[str, bytes]
    pages: Callable[[str, int], bytes]

    def app(self) -> web.Application:
        async def checkpoint(request: web.Request) -> web.Response:
            return web.Response(body=self.notes[request.match_info["origin"]])

        async def entries(request: web.Request) -> web.Response:
            match = request.match_info
            return web.Response(body=self.pages(match["origin"], int(match["start"])))

        app = web.Application()
        app.router.add_get("/checkpoint/{origin:.+}", checkpoint)
        app.router.add_get("/entries/{origin:.+}/{start}", entries)
        return app


def junk(origin: str, start: int) -> bytes:
    return encode(Page(origin=origin, start=start, entries=(b"junk",) * 9))


def elsewhere(origin: str, start: int) -> bytes:
    return encode(Page(origin=origin, start=start + 1, entries=(b"junk",)))


def nothing(_: str, __: int) -> bytes:
    return b"no page"


def endless(_: str, __: int) -> bytes:
    return bytes(MAX_BODY + 1)


async def with_a_liar(
    folder: Path,
    people: Ministry,
    pages: Callable[[str, int], bytes],
    notes: Mapping[str, bytes] | None = None,
) -> Mapping[LogName, Recovered]:
    root = people.directory.root.document
    true = witness_of(people, "w1", folder / "w1")
    origins = (root.key_log.origin, root.message_log.origin)
    told = notes or {origin: true.latest(origin) for origin in origins}
    true.close()
    async with (
        witnesses_of(folder, people, ["w2", "w3"]) as addresses,
        served(Liar(told, pages).app()) as url,
    ):
        sources = Sources({**addresses, "w1.example/witness": url})
        return await recover(people.leaves[0], trusted(people), sources)


@pytest.mark.parametrize("pages", [junk, elsewhere, nothing])
async def test_entries_that_do_not_give_the_root_are_got_elsewhere(
    tmp_path: Path, pages: Callable[[str, int], bytes]
) -> None:
    people = ministry()
    await lived(tmp_path, people, "a")
    logs = await with_a_liar(tmp_path, people, pages)
    assert logs[LogName.KEY].leaves == people.leaves


async def test_an_answer_without_end_and_a_borrowed_checkpoint_are_refused(
    tmp_path: Path,
) -> None:
    people = ministry()
    await lived(tmp_path, people, "a")
    with pytest.raises(RefillError, match="without end"):
        await with_a_liar(tmp_path, people, endless)
    root = people.directory.root.document
    other = witness_of(people, "w2", tmp_path / "w2")
    borrowed = {
        origin: other.latest(origin)
        for origin in (root.key_log.origin, root.message_log.origin)
    }
    other.close()
    for notes in (borrowed, dict.fromkeys(borrowed, b"junk")):
        with pytest.raises(RefillError, match="not a checkpoint that it cosigned"):
            await with_a_liar(tmp_path, people, junk, notes)


async def test_a_log_of_another_ministry_is_refused(tmp_path: Path) -> None:
    people = ministry()
    await lived(tmp_path, people, "a")
    async with witnesses_of(tmp_path, people) as addresses:
        with pytest.raises(RefillError, match="another root"):
            await recover(b"another leaf", trusted(people), Sources(addresses))
