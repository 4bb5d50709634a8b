"""A witness: it cosigns growth that it saw, and remembers before it does."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from crypto.merkle import Frontier, consistency_path, root_of
from crypto.notekey import NoteAlgorithm
from crypto.types import Digest
from protocol.checkpoint import Checkpoint
from protocol.codec import decode, encode
from protocol.note import sign_note
from protocol.witness import (
    BadRequest,
    Conflict,
    Seen,
    WitnessRefusal,
    read_cosignatures,
    write_request,
)
from server.mirror import MAX_BODY, Push, bounded
from server.storage.interfaces import StoreBrokenError
from server.witness import service as witness_service
from server.witness.entries import EntryFile
from server.witness.service import UnknownLog, Witness, watch
from server.witness.web import witness_app
from tests.support.ministry import ministry
from tests.support.relay import served, witness_of
from tests.support.witnesses import log_key, note_key, witness_key

ORIGIN = log_key("message").origin


@dataclass
class Log:
    """A log that grows, and can tell two stories."""

    leaves: list[bytes] = field(default_factory=list)

    def grow(self, count: int, story: bytes = b"") -> None:
        self.leaves += [b"leaf %d" % n + story for n in range(count)]

    def note(self, origin: str = ORIGIN, signer: str = "message") -> bytes:
        root = root_of(self.leaves)
        text = Checkpoint(origin=origin, size=len(self.leaves), root=root).text()
        return sign_note(text, origin, note_key(signer, NoteAlgorithm.ED25519))

    def proof(self, old: int) -> Sequence[Digest]:
        nodes: dict[tuple[int, int], Digest] = {}
        frontier = Frontier()
        from crypto.merkle import leaf_hash

        for leaf in self.leaves:
            frontier, made = frontier.append_hash(leaf_hash(leaf))
            nodes.update({(level, index): digest for level, index, digest in made})
        return consistency_path(
            old, len(self.leaves), lambda level, index: nodes[level, index]
        )

    def request(self, old: int) -> bytes:
        return write_request(old, self.proof(old), self.note())

    def push(self, start: int, count: int | None = None) -> Push:
        end = None if count is None else start + count
        return Push(origin=ORIGIN, start=start, entries=tuple(self.leaves[start:end]))


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
        patch.setattr(witness_service, "write_atomic", full)
        with pytest.raises(OSError, match="no space"):
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
    assert await witness.mirror(log.push(5)) == 5
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
    ):
        with pytest.raises(UnknownLog):
            await refused
    mirror.close()
    other.close()


# --- files


def entry_file(folder: Path, seen: Seen | None = None) -> EntryFile:
    return EntryFile(folder / "log.entries", seen or Seen())


def test_a_torn_last_entry_is_cut_off(tmp_path: Path) -> None:
    file = entry_file(tmp_path)
    file.add([b"one", b"two"])
    file.close()
    whole = (tmp_path / "log.entries").read_bytes()
    for cut in (1, 3, 5, 6):
        (tmp_path / "log.entries").write_bytes(whole[:-cut])
        file = entry_file(tmp_path)
        assert file.tree.size == 1
        file.add([b"2"])
        assert file.entries(0, 9) == [b"one", b"2"]
        file.close()


def test_entries_that_were_cosigned_and_are_others_now_stop_the_start(
    tmp_path: Path,
) -> None:
    file = entry_file(tmp_path)
    file.add([b"one", b"two", b"three"])
    file.close()
    seen = Seen(2, root_of([b"one", b"two"]))
    entry_file(tmp_path, seen).close()
    entry_file(tmp_path, Seen(3, root_of([b"one", b"two", b"three"]))).close()
    for lie in (Seen(2, root_of([b"one", b"2"])), Seen(4, seen.root)):
        with pytest.raises(StoreBrokenError):
            entry_file(tmp_path, lie)


def test_a_memory_that_cannot_be_read_or_is_anothers_stops_the_start(
    tmp_path: Path,
) -> None:
    key = log_key("message")
    watch(key, tmp_path, mirror=False)
    (name,) = {path.name for path in [watch(key, tmp_path, mirror=False).path]}
    (tmp_path / name).write_bytes(b"junk")
    with pytest.raises(StoreBrokenError, match="read"):
        watch(key, tmp_path, mirror=False)
    other = witness_service.Remembered(
        v=1, origin="other.example/log", size=0, root=Seen().root, note=b""
    )
    (tmp_path / name).write_bytes(encode(other))
    with pytest.raises(StoreBrokenError, match="another"):
        watch(key, tmp_path, mirror=False)


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
    async with served(witness_app(witness, failure)) as url:
        yield Served(url, witness, failure)
    witness.close()


async def test_the_answers_are_those_of_c2sp(mirror: Served, log: Log) -> None:
    push = encode(log.push(0))
    assert (await mirror.ask("/mirror", push))[:2] == (200, b"5\n")
    assert await mirror.ask("/mirror", push) == (409, b"5\n", "text/x.tlog.size")
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
    assert decode(body, Push, limit=MAX_BODY) == log.push(2)


async def test_a_disk_that_fails_ends_the_witness(
    mirror: Served, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError(5, "I/O error")

    monkeypatch.setattr(EntryFile, "add", broken)
    for _ in range(2):
        assert (await mirror.ask("/mirror", encode(log.push(0))))[0] == 503
    with pytest.raises(OSError, match="I/O"):
        await mirror.failure
