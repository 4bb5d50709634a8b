"""A witness that dies at any system call that writes: nothing it said is undone.

The work is that of a relay that pushes, asks and asks again.  At call k the process
dies, before the call or behind it; then the shipped checker is green, the memory has
whatever a cosignature left for, another history is refused, and the work goes on to
its end from what the disk has.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec import structs

from crypto.notekey import NoteAlgorithm
from protocol.codec import decode, encode
from protocol.witness import Conflict, WitnessRefusal
from server.mirror import Push
from server.witness.check import check_witness
from server.witness.memory import (
    Kept,
    Remembered,
    files_of,
    recall_board,
)
from server.witness.noticeboard import FILE
from server.witness.service import Witness
from tests.support.ministry import ministry
from tests.support.relay import board_of, witness_of
from tests.support.restrictions import restriction
from tests.support.told_log import ORIGIN, Log
from tests.support.witnesses import log_key, note_key

NAME = "w1.example/witness"
KEYS = [note_key("w1", algorithm) for algorithm in NoteAlgorithm]
CALLS = ("open", "pwrite", "write", "fsync", "ftruncate", "replace")
STEPS = (3, 5)  # sizes that the log is cosigned at


class Died(BaseException):
    """The process is gone: nothing behind this runs."""


@contextmanager
def dying(at: int, *, behind: bool) -> Iterator[list[int]]:
    """Die at the ``at``-th call, before it or behind it; yield how many there were."""
    count = [0]

    def wrapped(call: Callable[..., object]) -> Callable[..., object]:
        def one(*arguments: object, **named: object) -> object:
            count[0] += 1
            if count[0] == at and not behind:
                raise Died
            result = call(*arguments, **named)
            if count[0] == at:
                raise Died
            return result

        return one

    with pytest.MonkeyPatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, wrapped(getattr(os, name)))
        yield count


async def work(folder: Path, said: list[int]) -> None:
    """Bring the witness to the end of the log; note each size that it cosigned."""
    people = ministry()
    witness = witness_of(people, "w1", folder)
    board = board_of(people, witness, folder)
    log = Log()
    for size in STEPS:
        log.grow(size - len(log.leaves), b"")
        held = await _held(witness)
        if held > size:
            continue
        await witness.mirror(log.push(held))
        try:
            await witness.add_checkpoint(log.request(0))
        except Conflict as refusal:
            if refusal.size > size:
                continue
            await witness.add_checkpoint(log.request(refusal.size))
        said.append(size)
    await board.post(restriction(people, by="anna"))
    said.append(-1)
    witness.close()


async def _held(witness: Witness) -> int:
    try:
        return await witness.mirror(Push(origin=ORIGIN, start=0))
    except Conflict as refusal:
        return refusal.size


async def calls_of_the_whole_work(folder: Path) -> int:
    with dying(0, behind=False) as count:
        await work(folder, [])
    return count[0]


@pytest.mark.parametrize("behind", [False, True])
async def test_nothing_that_was_said_is_undone(tmp_path: Path, *, behind: bool) -> None:
    total = await calls_of_the_whole_work(tmp_path / "whole")
    assert total > 20
    died = 0
    for at in range(1, total + 1):
        folder = tmp_path / str(at)
        said: list[int] = []
        with dying(at, behind=behind):
            try:
                await work(folder, said)
            except Died:
                died += 1
        await _holds(folder, said)
        await work(folder, said)
        assert said[-1] == -1
        await _holds(folder, said)
    assert died == total


async def _holds(folder: Path, said: list[int]) -> None:
    people = ministry()
    root = people.directory.root.document
    assert check_witness(folder, root, NAME, KEYS) == []
    kept = recall_board(folder / FILE)
    assert len(kept.kept) == 1 or -1 not in said
    seen = files_of(log_key("message"), folder).seen
    cosigned = max((size for size in said if size > 0), default=0)
    if not cosigned:
        return
    assert decode(seen.read_bytes(), Remembered).size >= cosigned
    witness = witness_of(people, "w1", folder)
    fork = Log()
    fork.grow(9, b" otherwise")
    with pytest.raises(WitnessRefusal):
        await witness.mirror(fork.push(cosigned))
    with pytest.raises(WitnessRefusal):
        await witness.add_checkpoint(fork.request(cosigned))
    witness.close()


# --- the checker finds what does not agree


async def test_every_disagreement_is_named(tmp_path: Path) -> None:
    people = ministry()
    root = people.directory.root.document
    await work(tmp_path, [])

    def faults() -> list[str]:
        return check_witness(tmp_path, root, NAME, KEYS)

    assert faults() == []
    files = files_of(log_key("message"), tmp_path)
    seen, entries = files.seen.read_bytes(), files.entries.read_bytes()
    remembered = decode(seen, Remembered)
    other = files_of(log_key("key"), tmp_path).seen.read_bytes()
    cases: list[tuple[Path, bytes | None, str]] = [
        (files.seen, None, "message log: what was cosigned is gone"),
        (files.seen, b"junk", "message log: what was cosigned cannot be read"),
        (files.seen, other, "of another log"),
        (files.seen, _with(remembered, note=b"junk"), "does not verify"),
        (files.seen, _with(remembered, size=4), "of another tree"),
        (files.seen, _with(remembered, note=_bare()), "not cosigned with our keys"),
        (files.seen, _with(remembered, size=0, note=b""), "under another root"),
        (files.entries, entries[:-1], "entries are not what was cosigned"),
        (files.entries, entries[:-1] + b"x", "entries are not what was cosigned"),
        (tmp_path / FILE, b"junk", "the bulletins cannot be read"),
    ]
    for path, data, fault in cases:
        before = path.read_bytes()
        path.unlink() if data is None else path.write_bytes(data)
        assert any(fault in one for one in faults()), fault
        path.write_bytes(before)
    files.entries.write_bytes(entries + b"\0\0")  # torn at its end: cut at the start
    assert faults() == []
    assert decode((tmp_path / FILE).read_bytes(), Kept).v == 1


def _with(remembered: Remembered, **changed: object) -> bytes:
    return encode(structs.replace(remembered, **changed))


def _bare() -> bytes:
    log = Log()
    log.grow(STEPS[0], b"")
    log.grow(STEPS[1] - STEPS[0], b"")
    return log.note()
