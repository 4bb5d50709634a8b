"""A mirror's file: whole entries, cosigned ones for ever, none from a torn end."""

import errno
import os
from pathlib import Path

import pytest

from crypto.merkle import root_of
from protocol.witness import Seen
from server.storage.interfaces import StoreBrokenError, StoreFullError
from server.witness.entries import EntryFile, entries_in

THREE = [b"one", b"two", b"three"]


def entry_file(folder: Path, seen: Seen | None = None) -> EntryFile:
    return EntryFile(folder / "log.entries", seen or Seen())


def test_a_torn_last_entry_is_cut_off(tmp_path: Path) -> None:
    file = entry_file(tmp_path)
    file.put(0, [b"one", b"two"])
    file.close()
    whole = (tmp_path / "log.entries").read_bytes()
    for cut in (1, 3, 5, 6):
        (tmp_path / "log.entries").write_bytes(whole[:-cut])
        file = entry_file(tmp_path)
        assert file.tree.size == 1
        file.put(1, [b"2"])
        assert file.entries(0, 9) == [b"one", b"2"]
        file.close()


def test_entries_that_were_cosigned_and_are_others_now_stop_the_start(
    tmp_path: Path,
) -> None:
    file = entry_file(tmp_path)
    file.put(0, THREE)
    file.close()
    seen = Seen(2, root_of(THREE[:2]))
    entry_file(tmp_path, seen).close()
    entry_file(tmp_path, Seen(3, root_of(THREE))).close()
    for lie in (Seen(2, root_of([b"one", b"2"])), Seen(4, seen.root)):
        with pytest.raises(StoreBrokenError):
            entry_file(tmp_path, lie)


def test_what_was_not_cosigned_gives_way_to_what_the_log_says_now(
    tmp_path: Path,
) -> None:
    file = entry_file(tmp_path)
    file.put(0, THREE)
    file.cosign(1)
    file.put(1, [b"two", b"drei", b"vier"])
    assert file.entries(0, 9) == [b"one", b"two", b"drei", b"vier"]
    assert file.tree.root() == root_of([b"one", b"two", b"drei", b"vier"])
    file.put(1, [b"two"])  # what is there already changes nothing
    assert file.tree.size == 4
    assert file.tree_at(2).root() == root_of([b"one", b"two"])
    file.close()
    again = entry_file(tmp_path, Seen(1, root_of([b"one"])))
    assert again.entries(0, 9) == [b"one", b"two", b"drei", b"vier"]
    again.close()


def test_what_was_cosigned_never_gives_way(tmp_path: Path) -> None:
    file = entry_file(tmp_path)
    file.put(0, THREE)
    file.cosign(2)
    for start in (0, 1, 4):  # in what was cosigned, or leaving a hole
        with pytest.raises(ValueError, match="go"):
            file.put(start, [b"other"])
    for size in (1, 4):
        with pytest.raises(ValueError, match="kept"):
            file.tree_at(size)
    assert file.entries(0, 9) == THREE
    file.close()


def test_a_disk_that_fills_up_takes_nothing_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = entry_file(tmp_path)
    file.put(0, [b"one"])
    whole = os.pwrite

    def half(descriptor: int, data: memoryview, place: int) -> int:
        """Write a part, as a disk does that fills up; then there is no room."""
        if place > 60:
            raise OSError(errno.ENOSPC, "no space")
        return whole(descriptor, data[:50], place)

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", half)
        with pytest.raises(StoreFullError):
            file.put(1, [b"two", b"long" * 40])
        assert list(entries_in(tmp_path / "log.entries")) == [b"one"]
        assert file.tree.size == 1
    file.put(1, [b"two"])
    file.close()
    assert list(entries_in(tmp_path / "log.entries")) == [b"one", b"two"]


def test_a_disk_that_fails_otherwise_is_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = entry_file(tmp_path)

    def broken(*_: object) -> None:
        raise OSError(errno.EIO, "I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", broken)
        with pytest.raises(OSError, match="I/O"):
            file.put(0, [b"one"])
    file.close()
