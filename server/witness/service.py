"""A witness: it cosigns growth that it has seen to be growth, and remembers it first.

For each log of the root document it keeps one small file with the checkpoint that it
cosigned last, and as a mirror all entries.  The order is the whole point::

    entries durable -> decision -> checkpoint durable -> cosignatures leave

A crash between the last two leaves a checkpoint that nobody has our line for: the
relay asks again and gets it.  The other way round a witness could cosign two
histories across a crash, which is the one thing it exists not to do.

Strangers reach it too.  They can make it read and hash what they send, within bounds,
and write nothing: entries come under the log's own signature, bulletins under that of
a key that the directory knows (:mod:`server.witness.noticeboard`).
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from crypto.errors import ProofError
from crypto.merkle import verify_consistency
from crypto.notekey import NoteSigningKey, NoteVerifyKey
from protocol.checkpoint import Checkpoint
from protocol.cosignature import Cosigner, cosign
from protocol.errors import ProtocolError
from protocol.note import add_lines, parse_note
from protocol.root import LogKey, RootDocument
from protocol.trusted_log import signed_checkpoint
from protocol.witness import (
    Conflict,
    Inconsistent,
    NotSigned,
    Seen,
    WitnessRefusal,
    decide,
    read_request,
    require_mirrored,
)
from server.clock import Clock
from server.mirror import Push
from server.witness.entries import EntryFile
from server.witness.memory import LogFiles, files_of, recall, remember


class UnknownLog(WitnessRefusal):
    """A log that the root document does not name."""

    status = 404


@dataclass(slots=True)
class Watched:
    """One log."""

    key: LogKey
    files: LogFiles
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
            StoreFullError: no room; nothing changed.
            OSError: the disk failed; the process ends.
        """
        request = read_request(body)
        log = self._log(request.checkpoint.origin)
        async with log.lock:
            seen, note = decide(log.seen, request, log.key)
            if log.entries is not None:
                _require_held(log.entries, request.checkpoint)
            now = self._clock.wall()
            lines = [cosign(note, self._name, key, now=now) for key in self._keys]
            signed = add_lines(note.data(), lines)
            # Before this returns we have cosigned nothing; after it we never cosign
            # anything that does not extend it.
            await asyncio.to_thread(remember, log.key, log.files, seen, signed)
            log.seen, log.note = seen, signed
            if log.entries is not None:
                log.entries.cosign(seen.size)
            return b"".join(lines)

    async def mirror(self, push: Push) -> int:
        """Store entries that the log signed; return how many we hold.

        Raises:
            UnknownLog: not a log of the root document, or we are no mirror.
            Conflict: they begin in what was cosigned, or behind where ours end.
            NotSigned: no checkpoint that the log signed comes with them.
            Inconsistent: they do not lead to that checkpoint.
            StoreFullError: no room; nothing changed.
            OSError: the disk failed; the process ends.
        """
        log = self._log(push.origin)
        entries = log.entries
        if entries is None:
            raise UnknownLog
        async with log.lock:
            held = entries.tree.size
            asked = not push.entries and push.start != held
            if asked or not entries.cosigned <= push.start <= held:
                raise Conflict(held)
            if not push.entries:
                return held
            await asyncio.to_thread(_require_signed, entries, push, log.key)
            await asyncio.to_thread(entries.put, push.start, push.entries)
            return entries.tree.size

    async def govern(self, root: RootDocument, keys: Sequence[NoteSigningKey]) -> None:
        """Go on under another root document: its log keys, and what we cosign with.

        The note that is shown gets the lines of keys that it lacks: the checkpoint in
        it is the one that was cosigned, so nothing new is said.

        Raises:
            StoreFullError: no room; what is shown has the older lines.
            OSError: the disk failed; the process ends.
        """
        self._keys = keys
        for key in (root.key_log, root.message_log):
            log = self._logs.get(key.origin)
            if log is None:
                continue  # a log that begins anew is watched from the next start on
            async with log.lock:
                log.key = key
                note = self._with_lines(log.note)
                if note != log.note:
                    # A crash before it: the older lines, and the next start adds them.
                    await asyncio.to_thread(remember, key, log.files, log.seen, note)
                    log.note = note

    def _with_lines(self, data: bytes) -> bytes:
        """Return a note of ours with a line of each of our keys."""
        if not data:
            return data
        note = parse_note(data)
        now = self._clock.wall()
        missing = [
            cosign(note, self._name, key, now=now)
            for key in self._keys
            if not note.by(self._name, cosigner_of(self._name, key).hash)
        ]
        return add_lines(data, missing)

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
        """Return cosigned entries of a mirrored log, for a relay that lost its disk.

        Raises:
            UnknownLog: not a log of the root document, or we are no mirror.
        """
        log = self._log(origin)
        if log.entries is None:
            raise UnknownLog
        async with log.lock:
            most = min(limit, log.seen.size - start)
            return await asyncio.to_thread(log.entries.entries, start, most)

    def mirrors(self, origin: str) -> bool:
        """Tell whether we hold the entries of this log."""
        return self._log(origin).entries is not None

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


def cosigner_of(name: str, key: NoteSigningKey) -> Cosigner:
    """Return the public half of one of our keys, as readers know it."""
    return Cosigner(name, NoteVerifyKey.parse(key.algorithm, key.public))


def _require_held(entries: EntryFile, checkpoint: Checkpoint) -> None:
    if checkpoint.size > entries.tree.size:
        raise Inconsistent
    require_mirrored(entries.tree_at(checkpoint.size), checkpoint)


def _require_signed(entries: EntryFile, push: Push, key: LogKey) -> None:
    """Return if the log signed a checkpoint that these entries are on the way to."""
    try:
        _, checkpoint = signed_checkpoint(push.note, key)
    except ProtocolError:
        raise NotSigned from None
    tree = entries.tree_at(push.start)
    for entry in push.entries:
        tree = tree.append(entry)
    try:
        verify_consistency(
            *(tree.size, checkpoint.size, push.consistency),
            *(tree.root(), checkpoint.root),
        )
    except ProofError:
        raise Inconsistent from None


def watch(key: LogKey, data: Path, *, mirror: bool) -> Watched:
    """Return the log of ``key`` with what is remembered of it in the folder ``data``.

    Raises:
        StoreBrokenError: the memory cannot be read or is gone, or the entries do not
            fit it.
        OSError: the disk.
    """
    files = files_of(key, data)
    seen, note = recall(key, files)
    entries = EntryFile(files.entries, seen) if mirror else None
    return Watched(key, files, seen, note, entries, asyncio.Lock())
