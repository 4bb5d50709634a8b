"""A witness: it cosigns growth that it has seen to be growth, and remembers it first.

For each log of the root document it keeps one small file with the checkpoint that it
cosigned last, and as a mirror all entries.  The order is the whole point::

    entries durable -> decision -> checkpoint durable -> cosignatures leave

A crash between the last two leaves a checkpoint that nobody has our line for: the
relay asks again and gets it.  The other way round a witness could cosign two
histories across a crash, which is the one thing it exists not to do.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from crypto.digest import H
from crypto.notekey import NoteSigningKey
from protocol.codec import Message, decode, encode
from protocol.cosignature import cosign
from protocol.errors import MalformedError
from protocol.fields import V1, DigestField, UInt48
from protocol.limits import KIB, MAX_NOTE
from protocol.note import add_lines
from protocol.root import LogKey, Origin
from protocol.witness import (
    Conflict,
    Seen,
    WitnessRefusal,
    decide,
    read_request,
    require_mirrored,
)
from server.clock import Clock
from server.files import write_atomic
from server.mirror import Push
from server.storage.interfaces import StoreBrokenError
from server.witness.entries import EntryFile

MAX_STATE: Final = MAX_NOTE + KIB  # bytes


class UnknownLog(WitnessRefusal):
    """A log that the root document does not name."""

    status = 404


class Remembered(Message):
    """``data/<log>.seen``: what was cosigned last for one log."""

    v: V1
    origin: Origin
    size: UInt48
    root: DigestField
    note: bytes  # with our lines


@dataclass(slots=True)
class Watched:
    """One log."""

    key: LogKey
    path: Path
    seen: Seen
    note: bytes  # the last one with our lines; empty: none
    entries: EntryFile | None  # None: not a mirror
    lock: asyncio.Lock


class Witness:
    """The logs of one ministry, watched."""

    def __init__(
        self,
        name: str,
        keys: Sequence[NoteSigningKey],
        logs: Mapping[str, Watched],
        clock: Clock,
    ) -> None:
        self._name = name
        self._keys = keys
        self._logs = logs
        self._clock = clock

    async def add_checkpoint(self, body: bytes) -> bytes:
        """Return our signature lines for a checkpoint that extends what we saw.

        Raises:
            WitnessRefusal: nothing changed; its status is the HTTP status.
            OSError: the disk failed; the process ends.
        """
        request = read_request(body)
        log = self._log(request.checkpoint.origin)
        async with log.lock:
            seen, note = decide(log.seen, request, log.key)
            if log.entries is not None:
                require_mirrored(log.entries.tree, request.checkpoint)
            now = self._clock.wall()
            lines = [cosign(note, self._name, key, now=now) for key in self._keys]
            signed = add_lines(note.data(), lines)
            remembered = Remembered(
                v=1, origin=log.key.origin, size=seen.size, root=seen.root, note=signed
            )
            # Before this returns we have cosigned nothing; after it we never cosign
            # anything that does not extend it.
            await asyncio.to_thread(write_atomic, log.path, encode(remembered))
            log.seen, log.note = seen, signed
            return b"".join(lines)

    async def mirror(self, push: Push) -> int:
        """Store entries that continue what we hold; return how many we hold.

        Raises:
            UnknownLog: not a log of the root document, or we are no mirror.
            Conflict: they do not begin where ours end.
            OSError: the disk failed; the process ends.
        """
        log = self._log(push.origin)
        if log.entries is None:
            raise UnknownLog
        async with log.lock:
            held = log.entries.tree.size
            if push.start != held:
                raise Conflict(held)
            if push.entries:
                await asyncio.to_thread(log.entries.add, push.entries)
            return log.entries.tree.size

    def latest(self, origin: str) -> bytes:
        """Return the note that we cosigned last, with our lines.

        Raises:
            UnknownLog: not a log of the root document, or nothing was cosigned.
        """
        note = self._log(origin).note
        if not note:
            raise UnknownLog
        return note

    async def entries(self, origin: str, start: int, limit: int) -> list[bytes]:
        """Return entries of a mirrored log, for a relay that lost its disk.

        Raises:
            UnknownLog: not a log of the root document, or we are no mirror.
        """
        log = self._log(origin)
        if log.entries is None:
            raise UnknownLog
        async with log.lock:
            return await asyncio.to_thread(log.entries.entries, start, limit)

    def _log(self, origin: str) -> Watched:
        log = self._logs.get(origin)
        if log is None:
            raise UnknownLog
        return log

    def close(self) -> None:
        """Give up all files."""
        for log in self._logs.values():
            if log.entries is not None:
                log.entries.close()


def watch(key: LogKey, data: Path, *, mirror: bool) -> Watched:
    """Return the log of ``key`` with what is remembered of it in the folder ``data``.

    Raises:
        StoreBrokenError: the memory cannot be read, or the entries do not fit it.
        OSError: the disk.
    """
    stem = H(key.origin.encode()).hex()[:32]
    path = data / f"{stem}.seen"
    seen, note = Seen(), b""
    if path.exists():
        try:
            remembered = decode(path.read_bytes(), Remembered, limit=MAX_STATE)
        except MalformedError:
            raise StoreBrokenError("what was cosigned cannot be read") from None
        if remembered.origin != key.origin:
            raise StoreBrokenError("what was cosigned is of another log")
        seen, note = Seen(remembered.size, remembered.root), remembered.note
    entries = EntryFile(data / f"{stem}.entries", seen) if mirror else None
    return Watched(key, path, seen, note, entries, asyncio.Lock())
