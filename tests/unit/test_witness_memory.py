"""What a witness remembers: whole, its own, and never quietly gone."""

import errno
from pathlib import Path

import pytest

from crypto.merkle import root_of
from crypto.types import KeyId
from protocol.bulletins import Board
from protocol.codec import encode
from protocol.witness import Seen
from server.files import write_atomic
from server.storage.interfaces import StoreBrokenError, StoreFullError
from server.witness import memory
from server.witness.memory import (
    files_of,
    recall,
    recall_board,
    remember,
    remember_board,
)
from server.witness.service import watch
from tests.support.witnesses import log_key

KEY = log_key("message")
SEEN = Seen(1, root_of([b"one"]))


def test_a_memory_that_cannot_be_read_or_is_anothers_stops_the_start(
    tmp_path: Path,
) -> None:
    files = files_of(KEY, tmp_path)
    assert recall(KEY, files) == (Seen(), b"")
    remember(KEY, files, SEEN, b"note")
    assert recall(KEY, files) == (SEEN, b"note")
    other = log_key("key")
    moved = files_of(other, tmp_path).seen
    moved.write_bytes(files.seen.read_bytes())
    with pytest.raises(StoreBrokenError, match="another"):
        watch(other, tmp_path, mirror=False)
    files.seen.write_bytes(b"junk")
    with pytest.raises(StoreBrokenError, match="read"):
        watch(KEY, tmp_path, mirror=False)


def test_a_witness_whose_memory_was_taken_away_does_not_start(tmp_path: Path) -> None:
    watched = watch(KEY, tmp_path, mirror=True)
    assert watched.entries is not None
    watched.entries.put(0, [b"one"])
    watched.entries.close()
    watched.files.seen.unlink()
    with pytest.raises(StoreBrokenError, match="gone"):
        watch(KEY, tmp_path, mirror=True)


@pytest.mark.parametrize("after", [False, True])
def test_a_full_disk_changes_nothing_and_any_other_fault_ends_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, after: bool
) -> None:
    files = files_of(KEY, tmp_path)
    remember(KEY, files, SEEN, b"old")

    def full(path: Path, data: bytes) -> None:
        if after:  # it failed behind the rename: what lasts is not known
            write_atomic(path, data)
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(memory, "write_atomic", full)
    with pytest.raises(OSError if after else StoreFullError):
        remember(KEY, files, SEEN, b"new")
    assert recall(KEY, files) == (SEEN, b"new" if after else b"old")


def test_bulletins_that_cannot_be_read_stop_the_start(tmp_path: Path) -> None:
    path = tmp_path / "bulletins"
    assert recall_board(path) == Board()
    remember_board(path, Board())
    assert recall_board(path) == Board()
    path.write_bytes(b"junk")
    with pytest.raises(StoreBrokenError, match="bulletins"):
        recall_board(path)
    pinned = memory.Pinned(data=b"no carrier", by=(KeyId(bytes(32)),))
    path.write_bytes(encode(memory.Kept(v=1, bulletins=(pinned,))))
    with pytest.raises(StoreBrokenError, match="bulletins"):
        recall_board(path)
