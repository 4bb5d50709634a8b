"""A witness: it cosigns growth that it saw, and remembers before it does."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from crypto.merkle import root_of
from protocol.checkpoint import Checkpoint
from protocol.codec import decode, encode
from protocol.mirror_page import MAX_BODY, Page
from protocol.witness import (
    BadRequest,
    Conflict,
    WitnessRefusal,
    read_cosignatures,
    write_request,
)
from server.mirror import Push, bounded
from server.storage.interfaces import StoreFullError
from server.witness import memory
from server.witness.entries import EntryFile
from server.witness.service import UnknownLog, Witness
from server.witness.web import witness_app
from tests.support.ministry import ministry
from tests.support.relay import board_of, served, witness_of
from tests.support.told_log import ORIGIN, Log
from tests.support.witnesses import witness_key


@pytest.fixture
def log() -> Log:
    log = Log()
    log.grow(5)
    return log


async def test_a_mirror_cosigns_what_it_holds_and_remembers_it_over_a_restart(
    tmp_path: Path, log: Log
) -> None:
    first = witness_of(ministry(), "w1", tmp_path)
    assert await first.mirror(log.push(0)) == 5
    lines = await first.add_checkpoint(log.request(0))
    assert len(read_cosignatures(lines, log.note(), witness_key("w1"))) == 2
    first.close()
    log.grow(3)
    five = Checkpoint(ORIGIN, 5, root_of(log.leaves[:5]))
    second = witness_of(ministry(), "w1", tmp_path)
    assert second.latest(ORIGIN).startswith(five.text())
    with pytest.raises(Conflict) as refused:
        await second.add_checkpoint(log.request(0))
    assert refused.value.size == 5
    assert await second.mirror(log.push(5)) == 8
    await second.add_checkpoint(log.request(5))
    second.close()


async def test_another_history_is_never_cosigned(tmp_path: Path, log: Log) -> None:
    witness = witness_of(ministry(), "w3", tmp_path)  # no mirror
    await witness.add_checkpoint(log.request(0))
    fork = Log()
    fork.grow(5, b" otherwise")
    shorter = Log()
    shorter.grow(3)
    with pytest.raises(Conflict):  # the same size, another root
        await witness.add_checkpoint(write_request(5, (), fork.note()))
    with pytest.raises(BadRequest):  # back in time
        await witness.add_checkpoint(write_request(5, (), shorter.note()))
    fork.grow(4)
    with pytest.raises(WitnessRefusal) as refused:
        await witness.add_checkpoint(fork.request(5))
    assert refused.value.status == 422
    witness.close()


async def test_what_was_seen_is_durable_before_a_cosignature_leaves(
    tmp_path: Path, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    witness = witness_of(ministry(), "w3", tmp_path)

    def full(*_: object) -> None:
        raise OSError(28, "no space")

    with monkeypatch.context() as patch:
        patch.setattr(memory, "write_atomic", full)
        with pytest.raises(StoreFullError):
            await witness.add_checkpoint(log.request(0))
    # It never said anything, so it may still sign another tree of that size.
    with pytest.raises(UnknownLog):
        witness.latest(ORIGIN)
    await witness.add_checkpoint(log.request(0))
    witness.close()


async def test_two_histories_that_race_get_one_cosignature(
    tmp_path: Path, log: Log
) -> None:
    witness = witness_of(ministry(), "w3", tmp_path)
    fork = Log()
    fork.grow(6, b" otherwise")
    outcomes = await asyncio.gather(
        witness.add_checkpoint(log.request(0)),
        witness.add_checkpoint(fork.request(0)),
        return_exceptions=True,
    )
    assert sorted(isinstance(one, Conflict) for one in outcomes) == [False, True]
    witness.close()


async def test_a_mirror_does_not_cosign_what_it_lacks(tmp_path: Path, log: Log) -> None:
    witness = witness_of(ministry(), "w1", tmp_path)
    await witness.mirror(log.push(0, 3))
    with pytest.raises(WitnessRefusal) as refused:
        await witness.add_checkpoint(log.request(0))
    assert refused.value.status == 422
    with pytest.raises(Conflict) as gap:
        await witness.mirror(log.push(4))
    assert gap.value.size == 3
    assert await witness.mirror(log.push(3)) == 5
    assert await witness.mirror(Push(origin=ORIGIN, start=5)) == 5
    assert await witness.entries(ORIGIN, 1, 3) == []  # not cosigned yet
    await witness.add_checkpoint(log.request(0))
    assert await witness.entries(ORIGIN, 1, 3) == log.leaves[1:4]
    assert await witness.entries(ORIGIN, 9, 3) == []
    witness.close()


async def test_a_log_that_the_root_does_not_name_is_unknown(
    tmp_path: Path, log: Log
) -> None:
    mirror = witness_of(ministry(), "w1", tmp_path / "w1")
    other = witness_of(ministry(), "w3", tmp_path / "w3")
    stranger = write_request(0, (), log.note(origin="other.example/log"))
    for refused in (
        mirror.add_checkpoint(stranger),
        other.mirror(log.push(0)),
        other.entries(ORIGIN, 0, 1),
        mirror.mirror(Push(origin="other.example/log", start=0)),
        mirror.entries("other.example/log", 0, 1),
    ):
        with pytest.raises(UnknownLog):
            await refused
    mirror.close()
    other.close()


def test_a_push_is_bounded_by_bytes_but_takes_one_entry_at_least() -> None:
    big = bytes(3 << 20)
    assert bounded([big, b"x"]) == (big,)
    assert bounded([b"x", big]) == (b"x",)
    assert bounded([b"x", b"y"]) == (b"x", b"y")


# --- HTTP


@dataclass
class Served:
    url: str
    witness: Witness
    failure: asyncio.Future[None]

    async def ask(self, path: str, body: bytes | None = None) -> tuple[int, bytes, str]:
        async with (
            aiohttp.ClientSession() as http,
            http.request(
                "GET" if body is None else "POST", self.url + path, data=body
            ) as response,
        ):
            return response.status, await response.read(), response.content_type


@pytest.fixture
async def mirror(tmp_path: Path) -> AsyncIterator[Served]:
    witness = witness_of(ministry(), "w1", tmp_path)
    failure: asyncio.Future[None] = asyncio.Future()
    board = board_of(ministry(), witness, tmp_path)
    async with served(witness_app(witness, board, failure)) as url:
        yield Served(url, witness, failure)
    witness.close()


async def test_the_answers_are_those_of_c2sp(mirror: Served, log: Log) -> None:
    push = encode(log.push(0))
    assert (await mirror.ask("/mirror", push))[:2] == (200, b"5\n")
    assert (await mirror.ask("/mirror", push))[:2] == (200, b"5\n")
    question = encode(Push(origin=ORIGIN, start=0))
    assert await mirror.ask("/mirror", question) == (409, b"5\n", "text/x.tlog.size")
    assert (await mirror.ask(f"/checkpoint/{ORIGIN}"))[0] == 404
    status, lines, _ = await mirror.ask("/add-checkpoint", log.request(0))
    assert status == 200
    assert len(read_cosignatures(lines, log.note(), witness_key("w1"))) == 2
    status, note, _ = await mirror.ask(f"/checkpoint/{ORIGIN}")
    assert (status, note) == (200, log.note() + lines)
    assert await mirror.ask("/add-checkpoint", log.request(0)) == (
        409,
        b"5\n",
        "text/x.tlog.size",
    )
    forged = write_request(5, (), log.note(signer="somebody"))
    assert (await mirror.ask("/add-checkpoint", forged))[0] == 403
    assert (await mirror.ask("/add-checkpoint", b"junk"))[0] == 400
    assert (await mirror.ask("/mirror", b"junk"))[0] == 400
    status, body, _ = await mirror.ask(f"/entries/{ORIGIN}/2")
    page = decode(body, Page, limit=MAX_BODY)
    assert (status, page.start, list(page.entries)) == (200, 2, log.leaves[2:])


async def test_a_disk_that_fails_ends_the_witness(
    mirror: Served, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError(5, "I/O error")

    monkeypatch.setattr(EntryFile, "put", broken)
    for _ in range(2):
        assert (await mirror.ask("/mirror", encode(log.push(0))))[0] == 503
    with pytest.raises(OSError, match="I/O"):
        await mirror.failure
