"""What a witness remembers of one log, and of the others' bulletins: small files.

Each is written whole and atomically.  They are made when the witness first watches a
log: one that is gone while its entries are there was taken away, and a witness that
forgot what it cosigned must not start, because it would cosign another history.
"""

import errno
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from msgspec import Meta

from crypto.digest import H
from protocol.bulletins import MAX_BULLETIN, Board, Bulletin
from protocol.codec import Message, decode, encode
from protocol.errors import MalformedError
from protocol.fields import V1, DigestField, KeyIdField, UInt48
from protocol.limits import KIB, MAX_NOTE, MAX_SIGNATURES
from protocol.root import LogKey, Origin
from protocol.signed import Signed
from protocol.witness import Seen
from protocol.zeroising import is_order
from server.files import write_atomic
from server.storage.interfaces import StoreBrokenError, StoreFullError

MAX_STATE: Final = MAX_NOTE + KIB  # bytes
MAX_KEPT: Final = 1_024  # bulletins: more than one board may have
MAX_BOARD: Final = MAX_KEPT * (MAX_BULLETIN + KIB)  # bytes


class Remembered(Message):
    """``data/<log>.seen``: what was cosigned last for one log."""

    v: V1
    origin: Origin
    size: UInt48
    root: DigestField
    note: bytes  # with our lines; empty before the first


class Pinned(Message):
    """One bulletin, and those who signed it that were known when it came."""

    data: Annotated[bytes, Meta(max_length=MAX_BULLETIN)]
    by: Annotated[tuple[KeyIdField, ...], Meta(max_length=MAX_SIGNATURES)]


class Kept(Message):
    """``data/bulletins``."""

    v: V1
    bulletins: Annotated[tuple[Pinned, ...], Meta(max_length=MAX_KEPT)]


@dataclass(frozen=True, slots=True)
class LogFiles:
    """Where what belongs to one log lies."""

    seen: Path
    entries: Path


def files_of(key: LogKey, data: Path) -> LogFiles:
    """Return the paths for the log of ``key``."""
    stem = H(key.origin.encode()).hex()[:32]
    return LogFiles(data / f"{stem}.seen", data / f"{stem}.entries")


def recall(key: LogKey, files: LogFiles) -> tuple[Seen, bytes]:
    """Return what was cosigned last, and its note; begin where nothing was.

    Raises:
        StoreBrokenError: it cannot be read, is of another log, or was taken away.
        OSError: the disk.
    """
    try:
        return read_memory(key, files)
    except FileNotFoundError:
        if files.entries.exists():
            raise StoreBrokenError("what was cosigned is gone") from None
        remember(key, files, Seen(), b"")
        return Seen(), b""


def read_memory(key: LogKey, files: LogFiles) -> tuple[Seen, bytes]:
    """Return what was cosigned last, and its note.

    Raises:
        StoreBrokenError: it cannot be read, or is of another log.
        FileNotFoundError: it is not there.
    """
    try:
        remembered = decode(files.seen.read_bytes(), Remembered, limit=MAX_STATE)
    except MalformedError:
        raise StoreBrokenError("what was cosigned cannot be read") from None
    if remembered.origin != key.origin:
        raise StoreBrokenError("what was cosigned is of another log")
    return Seen(remembered.size, remembered.root), remembered.note


def remember(key: LogKey, files: LogFiles, seen: Seen, note: bytes) -> None:
    """Make ``seen`` durable.

    Raises:
        StoreFullError: no room; what was remembered before is.
        OSError: what is stored is unknown; the process ends.
    """
    remembered = Remembered(
        v=1, origin=key.origin, size=seen.size, root=seen.root, note=note
    )
    replace_whole(files.seen, encode(remembered))


def replace_whole(path: Path, data: bytes) -> None:
    """Replace a file, or say that there was no room and it is the old one still.

    Raises:
        StoreFullError: nothing changed.
        OSError: what is stored is unknown.
    """
    before = path.read_bytes() if path.exists() else None
    try:
        write_atomic(path, data)
    except OSError as error:
        now = path.read_bytes() if path.exists() else None
        if error.errno not in {errno.ENOSPC, errno.EDQUOT} or now != before:
            raise
        raise StoreFullError("no room") from None


def recall_board(path: Path) -> Board:
    """Return the bulletins in a file; none where there is no file.

    Raises:
        StoreBrokenError: they cannot be read.
    """
    try:
        kept = decode(path.read_bytes(), Kept, limit=MAX_BOARD)
        return Board(tuple(_bulletin(pinned) for pinned in kept.bulletins))
    except FileNotFoundError:
        return Board()
    except MalformedError:
        raise StoreBrokenError("the bulletins cannot be read") from None


def _bulletin(pinned: Pinned) -> Bulletin:
    signed = decode(pinned.data, Signed, limit=MAX_BULLETIN)
    by = frozenset(pinned.by)
    return Bulletin(pinned.data, signed.digest, by, order=is_order(signed))


def remember_board(path: Path, board: Board) -> None:
    """Make the board durable.

    Raises:
        StoreFullError: no room; the board before is kept.
        OSError: what is stored is unknown; the process ends.
    """
    pinned = tuple(
        Pinned(data=one.data, by=tuple(sorted(one.by))) for one in board.kept
    )
    replace_whole(path, encode(Kept(v=1, bulletins=pinned)))
