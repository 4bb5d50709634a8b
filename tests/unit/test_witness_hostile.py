"""Whoever asks a witness is a stranger: what it can make it do is bounded."""

import asyncio
import errno
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import aiohttp.web
import pytest
from aiohttp.typedefs import Handler
from msgspec import structs

from protocol import bulletins as board_rules
from protocol.bulletins import MAX_OF_ONE_KEY, MAX_SERVED, Bulletins
from protocol.codec import decode
from protocol.key_log_entry import LeafKind, signed_leaf
from protocol.signed import Signed
from protocol.witness import Conflict, Inconsistent, NotSigned
from server.mirror import Push
from server.witness import web
from server.witness.noticeboard import FILE
from server.witness.service import Witness
from server.witness.web import witness_app
from tests.support.ministry import Ministry, ministry
from tests.support.relay import board_of, served, witness_of
from tests.support.restrictions import restriction
from tests.support.told_log import ORIGIN, Log


def story(text: bytes, count: int = 5) -> Log:
    log = Log()
    log.grow(count, text)
    return log


@pytest.fixture
async def mirror(tmp_path: Path) -> AsyncIterator[Witness]:
    witness = witness_of(ministry(), "w1", tmp_path)
    yield witness
    witness.close()


# --- entries


async def test_a_stranger_stores_nothing_whatever_it_brings(mirror: Witness) -> None:
    log, lie = story(b""), story(b" otherwise")
    unsigned = structs.replace(lie.push(0), note=lie.note(signer="somebody"))
    borrowed = structs.replace(lie.push(0), note=log.note())  # a public checkpoint
    for push in (unsigned, structs.replace(log.push(0), note=b"")):
        with pytest.raises(NotSigned):
            await mirror.mirror(push)
    for push in (borrowed, structs.replace(log.push(0, 3), consistency=())):
        with pytest.raises(Inconsistent):
            await mirror.mirror(push)
    assert await mirror.mirror(Push(origin=ORIGIN, start=0)) == 0
    assert await mirror.mirror(log.push(0)) == 5


async def test_a_log_that_went_on_otherwise_from_the_last_cosigned_is_followed(
    mirror: Witness,
) -> None:
    log = story(b"", 2)
    await mirror.mirror(log.push(0))
    await mirror.add_checkpoint(log.request(0))
    lost, again = story(b"", 2), story(b"", 2)
    lost.grow(3, b" lost with the disk")
    await mirror.mirror(lost.push(2))
    again.grow(2, b" after the refill")
    with pytest.raises(Inconsistent):  # it still holds the others
        await mirror.add_checkpoint(again.request(2))
    await mirror.mirror(again.push(2))
    await mirror.add_checkpoint(again.request(2))
    assert await mirror.entries(ORIGIN, 0, 9) == again.leaves
    with pytest.raises(Conflict):  # what was cosigned stays
        await mirror.mirror(lost.push(2))


# --- bulletins


@dataclass
class Board:
    people: Ministry
    witness: Witness
    folder: Path
    url: str

    async def post(self, data: bytes) -> int:
        async with (
            aiohttp.ClientSession() as http,
            http.post(self.url + "/bulletins", data=data) as response,
        ):
            return response.status

    async def read(self) -> tuple[bytes, ...]:
        async with (
            aiohttp.ClientSession() as http,
            http.get(self.url + "/bulletins") as response,
        ):
            return decode(await response.read(), Bulletins, limit=MAX_SERVED).bulletins

    async def cosign(self, leaves: list[bytes]) -> None:
        """Let the witness cosign the key log with these leaves."""
        log = Log(leaves=leaves)
        origin = self.people.directory.root.document.key_log.origin
        old = len(await self.witness.entries(origin, 0, 1 << 20))
        push = structs.replace(
            log.push(old), origin=origin, note=log.note(origin, "key")
        )
        await self.witness.mirror(push)
        body = log.request(old, log.note(origin, "key"))
        async with (
            aiohttp.ClientSession() as http,
            http.post(self.url + "/add-checkpoint", data=body) as response,
        ):
            assert response.status == 200


@pytest.fixture(params=["w1", "w3"])
async def board(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Board]:
    people = ministry()
    witness = witness_of(people, request.param, tmp_path)
    notices = board_of(people, witness, tmp_path)
    async with served(witness_app(witness, notices, asyncio.Future())) as url:
        yield Board(people, witness, tmp_path, url)
    witness.close()


async def test_a_bulletin_by_an_operator_is_kept_once_and_over_a_restart(
    board: Board,
) -> None:
    data = restriction(board.people, by="anna")
    assert [await board.post(data) for _ in range(2)] == [204, 204]
    assert await board.read() == (data,)
    again = board_of(board.people, board.witness, board.folder)
    assert decode(again.served(), Bulletins, limit=MAX_SERVED).bulletins == (data,)


async def test_nobody_else_can_post(board: Board) -> None:
    stranger = restriction(board.people, by="somebody")
    long = bytes(board_rules.MAX_BULLETIN + 1)
    assert [await board.post(data) for data in (stranger, b"junk", long)] == [
        403,
        400,
        400,
    ]
    assert await board.read() == ()
    assert not (board.folder / FILE).exists()


async def test_one_key_has_so_much_room_and_the_disk_is_not_the_bound(
    board: Board,
) -> None:
    for time in range(MAX_OF_ONE_KEY):
        assert await board.post(restriction(board.people, by="anna", time=time)) == 204
    assert await board.post(restriction(board.people, by="anna", time=99)) == 429
    assert await board.post(restriction(board.people, by="bram", time=99)) == 204


async def test_a_mirror_knows_the_keys_of_the_directory_and_what_was_logged(
    board: Board,
) -> None:
    people = board.people
    origin = people.directory.root.document.key_log.origin
    own = restriction(people, by="bern")  # the terminal itself
    assert await board.post(own) == 403  # before the directory was cosigned
    if not board.witness.mirrors(origin):
        return
    await board.cosign(people.leaves)
    other = restriction(people, by="anna", time=2)
    assert [await board.post(own), await board.post(other)] == [204, 204]
    leaf = signed_leaf(LeafKind.RESTRICTION, decode(own, Signed))
    await board.cosign([*people.leaves, leaf])
    assert await board.read() == (other,)
    assert await board.post(own) == 204  # told again, and not kept again
    assert await board.read() == (other,)


async def test_all_others_together_cannot_crowd_out_an_operator(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not board.witness.mirrors(ORIGIN):
        return
    monkeypatch.setattr(board_rules, "MAX_OF_OTHERS", 1)
    await board.cosign(board.people.leaves)
    assert await board.post(restriction(board.people, by="bern")) == 204
    assert await board.post(restriction(board.people, by="tfc", time=2)) == 429
    assert await board.post(restriction(board.people, by="anna", time=3)) == 204


# --- requests


async def test_a_bounded_number_is_served_at_a_time_each_for_a_bounded_time(
    mirror: Witness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "AT_ONCE", 2)
    monkeypatch.setattr(web, "PATIENCE", 1.0)
    notices = board_of(ministry(), mirror, tmp_path)
    async with served(witness_app(mirror, notices, asyncio.Future())) as url:
        host, _, port = url.removeprefix("http://").rpartition(":")
        head = b"POST /mirror HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
        slow = [await asyncio.open_connection(host, int(port)) for _ in range(2)]
        for _, writer in slow:
            writer.write(head)
            await writer.drain()
        async with aiohttp.ClientSession() as http:

            async def status() -> int:
                async with http.get(url + "/bulletins") as response:
                    return response.status

            seen = [await status() for _ in range(20)]  # until both have begun
            assert seen[-1] == 503
            for reader, _ in slow:
                assert (await reader.readline()).startswith(b"HTTP/1.1 400")
            assert await status() == 200
        for _, writer in slow:
            writer.close()


async def test_a_stranger_that_hangs_up_in_the_middle_ends_nobody_else(
    mirror: Witness, tmp_path: Path
) -> None:
    failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    notices = board_of(ministry(), mirror, tmp_path)
    app = witness_app(mirror, notices, failure)
    begun, over = asyncio.Event(), asyncio.Event()

    @aiohttp.web.middleware
    async def seen(
        request: aiohttp.web.Request, handler: Handler
    ) -> aiohttp.web.StreamResponse:
        begun.set()
        try:
            return await handler(request)
        finally:
            over.set()

    app.middlewares.insert(0, seen)
    async with served(app) as url:
        host, _, port = url.removeprefix("http://").rpartition(":")
        for path in ("/add-checkpoint", "/mirror", "/bulletins"):
            begun.clear()
            over.clear()
            _, writer = await asyncio.open_connection(host, int(port))
            head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc"
            writer.write(head.encode())
            await begun.wait()
            writer.transport.abort()
            await over.wait()
            assert not failure.done()


@pytest.mark.parametrize(
    "fault",
    [
        ssl.SSLError(1, "bad record mac"),
        OSError(errno.EHOSTUNREACH, "no route to host"),
        TimeoutError(errno.ETIMEDOUT, "timed out"),
    ],
    ids=["TLS", "no route", "timed out"],
)
async def test_a_line_that_breaks_in_the_middle_ends_no_witness(
    mirror: Witness, tmp_path: Path, fault: OSError
) -> None:
    """What the network says is handed on as it came: it is an OSError too."""
    failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    app = witness_app(mirror, board_of(ministry(), mirror, tmp_path), failure)

    @aiohttp.web.middleware
    async def broken(
        request: aiohttp.web.Request, handler: Handler
    ) -> aiohttp.web.StreamResponse:
        request.content.set_exception(fault)
        return await handler(request)

    app.middlewares.insert(0, broken)
    async with served(app) as url, aiohttp.ClientSession() as http:
        for path in ("/add-checkpoint", "/mirror", "/bulletins"):
            async with http.post(url + path, data=b"abc") as response:
                assert response.status == 400
    assert not failure.done()
