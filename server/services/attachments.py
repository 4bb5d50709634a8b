"""Attachments: opaque blobs, taken in parts, checked by name, handed out in ranges.

The life of a blob: its depositor announces name, length and the mailboxes that it is
for; the length is held against the quotas before a byte is kept.  Its bytes come by
the line and are durable part by part; the depositor is told only of what is durable.
When all are there they are read back and compared with the name: from then on the
mailboxes may fetch it, and nobody else.  Each says when it has it, verified; what
everybody has is let go, and what nobody fetched when retention ends, with a line in
the log that says so.

What the relay learns: a name, a length, a depositor, mailboxes, times.  Not the
envelope that it belongs to, and nothing of its content.

Source: docs/spec/attachments.md, section 2.
"""

import asyncio
import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from crypto.types import Digest, KeyId
from protocol.directory_view import Terminal
from protocol.errors import BusyError, PolicyError, Reason
from protocol.limits import KIB
from protocol.requests import Announce, Announced, Kept
from server.clock import Clock
from server.config import Quotas, Retention
from server.logbook import logbook
from server.services.commit import Committer
from server.services.staging import Staging
from server.storage.blob_interfaces import NewBlob, StoredBlob
from server.storage.interfaces import Store, Tables

# Parts in one commit: so that a message never waits behind more than 1 MiB of them.
AT_ONCE: Final = 4
MIB: Final = 1024 * KIB
CHECKED: Final = MIB  # bytes that are read and hashed at a time
SWEPT: Final = 64  # parts that one commit deletes
SWEEP_PAUSE: Final = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class BlobLimits:
    """What a post and the whole relay may keep, in bytes, and for how many seconds."""

    largest: int
    post: int
    relay: int
    retention: int

    @classmethod
    def of(cls, quotas: Quotas, retention: Retention) -> "BlobLimits":
        """Return what the configuration says."""
        return cls(
            largest=quotas.attachment_mib * MIB,
            post=quotas.post_attachments_mib * MIB,
            relay=quotas.all_attachments_mib * MIB,
            retention=retention.attachment_days * 86_400,
        )


@dataclass(slots=True)
class BlobCounts:
    """What was done since the start."""

    taken: int = 0  # bytes that became durable
    whole: int = 0  # blobs that are what their names say
    refused: int = 0  # blobs that were not; they begin anew
    undelivered: int = 0  # blobs let go before every mailbox had them


class AttachmentService:
    """What a terminal does with attachments, its own and others'."""

    def __init__(
        self, store: Store, committer: Committer, clock: Clock, limits: BlobLimits
    ) -> None:
        self._store = store
        self._committer = committer
        self._clock = clock
        self._limits = limits
        self._turn = asyncio.Semaphore(AT_ONCE)
        self.counts = BlobCounts()

    async def announce(self, caller: Terminal, announce: Announce) -> Announced:
        """Take an announcement, the first or again; return how much is durable.

        A crash before the commit: nothing is kept, it is announced again.  A crash
        after it and before the answer: the same answer is given then.

        Raises:
            PolicyError: larger than one blob may be, or a mailbox that is not there.
            BusyError: a quota is full; later.
        """
        if announce.total > self._limits.largest:
            raise PolicyError(Reason.TOO_LARGE)

        async def job(tables: Tables, staging: Staging) -> StoredBlob:
            mailboxes = staging.directory.mailboxes
            if any(mailbox not in mailboxes for mailbox in announce.mailboxes):
                raise PolicyError(Reason.NOT_ACTIVE)
            return await self._announced(tables, staging, caller, announce)

        blob = await self._committer.perform(job)
        if blob.durable == blob.total and not blob.complete:
            # The process ended between the last part and the comparison.
            blob = await self.compare(caller.key_id, blob)
        return Announced(durable=blob.durable)

    async def _announced(
        self, tables: Tables, staging: Staging, caller: Terminal, announce: Announce
    ) -> StoredBlob:
        blob = await tables.blobs.of(caller.key_id, announce.blob)
        if blob is None:
            await self._has_room(tables, caller.post, announce.total)
            blob = await tables.blobs.add(
                NewBlob(
                    announce.blob,
                    caller.key_id,
                    caller.post,
                    announce.total,
                    staging.now,
                )
            )
        elif blob.total != announce.total:
            raise PolicyError(Reason.INCONSISTENT)
        more = await tables.blobs.owe(blob.number, announce.mailboxes)
        if blob.dropped and (more or not blob.complete):
            await tables.blobs.restart(blob.number)
            blob = await tables.blobs.of(caller.key_id, announce.blob) or blob
        if more and blob.complete:
            staging.woken.update(announce.mailboxes)
        return blob

    async def _has_room(self, tables: Tables, post: str, total: int) -> None:
        limits = self._limits
        for whose, limit in ((post, limits.post), (None, limits.relay)):
            if await tables.blobs.held(whose) + total > limit:
                raise BusyError

    async def begun(self, caller: Terminal, short: bytes) -> StoredBlob | None:
        """Return the caller's announced and incomplete blob that has this short id.

        In turn with the writes: a part that an earlier session left in the queue
        counts.
        """

        async def job(tables: Tables, _: Staging) -> StoredBlob | None:
            return await tables.blobs.begun(caller.key_id, short)

        return await self._committer.perform(job)

    async def append(self, blob: StoredBlob, offset: int, content: bytes) -> None:
        """Add bytes at the durable offset; return when they are durable.

        A crash before the commit: the depositor was not told, and sends from the
        offset that is durable.

        Raises:
            BusyError: another session of the same terminal got there first, or the
                disk is full.
        """

        async def job(tables: Tables, _: Staging) -> bool:
            return await tables.blobs.append(blob.number, offset, content)

        async with self._turn:
            if not await self._committer.perform(job):
                raise BusyError
        self.counts.taken += len(content)

    async def compare(self, depositor: KeyId, blob: StoredBlob) -> StoredBlob:
        """Compare what is durable with the name; return the blob as it then stands.

        True to its name: complete, and its mailboxes' sessions are woken.  Else its
        bytes are thrown away and it begins anew.
        """
        found = hashlib.sha256()
        for offset in range(0, blob.total, CHECKED):
            found.update(await self.read(blob, offset, CHECKED))
        genuine = found.digest() == blob.name

        async def job(tables: Tables, staging: Staging) -> StoredBlob:
            # A crash before this commit: compared again when it is announced again.
            if genuine:
                staging.woken.update(
                    await tables.blobs.finish(blob.number, staging.now)
                )
            else:
                await tables.blobs.restart(blob.number)
            return await tables.blobs.of(depositor, blob.name) or blob

        after = await self._committer.perform(job)
        if genuine:
            self.counts.whole += 1
        else:
            self.counts.refused += 1
        return after

    async def read(self, blob: StoredBlob, offset: int, size: int) -> bytes:
        """Return at most ``size`` durable bytes from ``offset`` on."""

        async def work(tables: Tables) -> bytes:
            return await tables.blobs.read(blob.number, offset, size)

        return await self._store.read(work)

    async def ready(
        self, caller: Terminal, names: Collection[Digest]
    ) -> Sequence[StoredBlob]:
        """Return those of ``names`` that the caller may fetch now."""

        async def work(tables: Tables) -> Sequence[StoredBlob]:
            return await tables.blobs.ready(caller.mailbox, names)

        return await self._store.read(work)

    async def kept(self, caller: Terminal, kept: Kept) -> None:
        """Owe a blob to the caller no longer; return when that is durable."""

        async def job(tables: Tables, staging: Staging) -> None:
            await tables.blobs.keep(caller.mailbox, Digest(kept.blob), staging.now)

        await self._committer.perform(job)

    # --- retention

    async def run(self) -> None:
        """Let old and unneeded blobs go, a little at a time, until cancelled."""
        while True:
            await self.sweep()
            await asyncio.sleep(SWEEP_PAUSE)

    async def sweep(self) -> None:
        """Let go of what is over its time, and delete what nobody needs."""
        before = self._clock.wall() - self._limits.retention

        async def expire(tables: Tables, staging: Staging) -> tuple[int, int]:
            return await tables.blobs.expire(before, staging.now)

        async def delete(tables: Tables, _: Staging) -> int:
            return await tables.blobs.sweep(SWEPT)

        async def purge(tables: Tables, _: Staging) -> None:
            await tables.blobs.purge(before)

        gone, owed = await self._committer.perform(expire)
        self.counts.undelivered += owed
        if gone:
            # Never silent: the depositor keeps its own until the receipts are there,
            # and sends it again when it next announces it.
            logbook().info("attachments-expired", count=gone, still_owed=owed)
        while await self._committer.perform(delete):
            pass
        await self._committer.perform(purge)
