"""Attachments in SQL: opaque bytes in parts, and the mailboxes they are owed to.

===========  =========================================================
blobs        who announced which name, how long it is, how much is here
blob_parts   its bytes, in consecutive parts of at most 64 KiB
blob_owed    the mailboxes that may fetch it, and when each kept it
===========  =========================================================

A blob belongs to its depositor and name: nobody can take another's name away by
announcing it first.  Its row outlives its bytes until retention ends, so that a
depositor who asks again is not asked to send again what everybody has.
"""

from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    Row,
    Select,
    Table,
    Text,
    UniqueConstraint,
    delete,
    func,
    insert,
    select,
    update,
)

from crypto.types import Digest, KeyId, Mailbox
from server.storage.blob_interfaces import NewBlob, StoredBlob
from server.storage.executor import Executor
from server.storage.tables import Number, metadata

PART: Final = 64 * 1024  # bytes in one row

blobs: Final = Table(
    "blobs",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("name", LargeBinary(32), nullable=False, index=True),
    Column("depositor", LargeBinary(32), nullable=False),
    Column("post", Text, nullable=False, index=True),  # whose quota
    Column("total", BigInteger, nullable=False),  # bytes
    Column("durable", BigInteger, nullable=False),  # bytes in blob_parts
    Column("announced", BigInteger, nullable=False),  # POSIX seconds, relay's clock
    Column("complete", BigInteger),  # when it was compared with its name; null: not yet
    Column("dropped", BigInteger),  # since when nobody needs its bytes: they go soon
    UniqueConstraint("depositor", "name"),
)

blob_parts: Final = Table(
    "blob_parts",
    metadata,
    Column("number", Number, ForeignKey(blobs.c.number), primary_key=True),
    Column("place", BigInteger, primary_key=True, autoincrement=False),  # offset
    Column("data", LargeBinary, nullable=False),
)

blob_owed: Final = Table(
    "blob_owed",
    metadata,
    Column("number", Number, ForeignKey(blobs.c.number), primary_key=True),
    Column("mailbox", LargeBinary(16), primary_key=True),
    Column("kept", BigInteger),  # POSIX seconds; null: still owed
)
Index("blob_owed_mailbox", blob_owed.c.mailbox, blob_owed.c.number)


class BlobTables:
    """See :class:`server.storage.blob_interfaces.Blobs`."""

    def __init__(self, connection: Executor) -> None:
        self._connection = connection

    async def of(self, depositor: KeyId, name: Digest) -> StoredBlob | None:
        """Return what ``depositor`` announced under ``name``."""
        return await self._one(
            select(blobs).where(blobs.c.depositor == depositor, blobs.c.name == name)
        )

    async def begun(self, depositor: KeyId, short: bytes) -> StoredBlob | None:
        """Return the depositor's incomplete blob whose name begins with ``short``."""
        return await self._one(
            select(blobs)
            .where(
                blobs.c.depositor == depositor,
                blobs.c.name >= short.ljust(32, b"\0"),
                blobs.c.name <= short.ljust(32, b"\xff"),
                blobs.c.complete.is_(None),
                blobs.c.dropped.is_(None),
            )
            .limit(1)
        )

    async def held(self, post: str | None) -> int:
        """Return the bytes that are kept or promised, for ``post`` or for all."""
        query = select(func.sum(blobs.c.total)).where(blobs.c.dropped.is_(None))
        if post is not None:
            query = query.where(blobs.c.post == post)
        return int(await self._connection.scalar(query) or 0)

    async def add(self, new: NewBlob) -> StoredBlob:
        """Keep an announcement; depositor and name must be new."""
        await self._connection.execute(
            insert(blobs).values(
                name=new.name,
                depositor=new.depositor,
                post=new.post,
                total=new.total,
                durable=0,
                announced=new.announced,
            )
        )
        added = await self.of(new.depositor, new.name)
        if added is None:
            raise RuntimeError("a row that was just written is not there")
        return added

    async def owe(self, number: int, mailboxes: Collection[Mailbox]) -> bool:
        """Owe the blob to these mailboxes too; tell whether one is new."""
        rows = await self._connection.execute(
            select(blob_owed.c.mailbox).where(blob_owed.c.number == number)
        )
        fresh = set(mailboxes) - {row.mailbox for row in rows}
        if fresh:
            await self._connection.execute(
                insert(blob_owed),
                [
                    {"number": number, "mailbox": mailbox, "kept": None}
                    for mailbox in sorted(fresh)
                ],
            )
        return bool(fresh)

    async def append(self, number: int, offset: int, content: bytes) -> bool:
        """Add bytes at the durable offset; False if that is not ``offset``."""
        moved = await self._connection.execute(
            update(blobs)
            .where(
                blobs.c.number == number,
                blobs.c.durable == offset,
                blobs.c.complete.is_(None),
                blobs.c.total >= offset + len(content),
            )
            .values(durable=offset + len(content))
        )
        if moved.rowcount != 1:
            return False
        await self._connection.execute(
            insert(blob_parts),
            [
                {
                    "number": number,
                    "place": offset + start,
                    "data": content[start : start + PART],
                }
                for start in range(0, len(content), PART)
            ],
        )
        return True

    async def read(self, number: int, offset: int, size: int) -> bytes:
        """Return at most ``size`` bytes from ``offset`` on; fewer at the end only."""
        rows = await self._connection.execute(
            select(blob_parts.c.place, blob_parts.c.data)
            .where(
                blob_parts.c.number == number,
                blob_parts.c.place > offset - PART,
                blob_parts.c.place < offset + size,
            )
            .order_by(blob_parts.c.place)
        )
        found = [(row.place, row.data) for row in rows]
        if not found:
            return b""
        begin = offset - found[0][0]
        return b"".join(data for _, data in found)[max(begin, 0) :][:size]

    async def restart(self, number: int) -> None:
        """Throw its bytes away: nothing of it is durable any more."""
        await self._connection.execute(
            delete(blob_parts).where(blob_parts.c.number == number)
        )
        await self._connection.execute(
            update(blobs)
            .where(blobs.c.number == number)
            .values(durable=0, complete=None, dropped=None)
        )

    async def finish(self, number: int, now: int) -> Sequence[Mailbox]:
        """Mark it complete; return the mailboxes that it is still owed to."""
        await self._connection.execute(
            update(blobs).where(blobs.c.number == number).values(complete=now)
        )
        rows = await self._connection.execute(
            select(blob_owed.c.mailbox).where(
                blob_owed.c.number == number, blob_owed.c.kept.is_(None)
            )
        )
        return [row.mailbox for row in rows]

    async def ready(
        self, mailbox: Mailbox, names: Collection[Digest]
    ) -> Sequence[StoredBlob]:
        """Return those of ``names`` that are complete and owed to ``mailbox``."""
        rows = await self._connection.execute(
            select(blobs)
            .join(blob_owed, blob_owed.c.number == blobs.c.number)
            .where(
                blob_owed.c.mailbox == mailbox,
                blob_owed.c.kept.is_(None),
                blobs.c.name.in_(tuple(names)),
                blobs.c.complete.is_not(None),
                blobs.c.dropped.is_(None),
            )
            .order_by(blobs.c.number)
        )
        return [_blob(row) for row in rows]

    async def keep(self, mailbox: Mailbox, name: Digest, now: int) -> None:
        """Owe it to ``mailbox`` no longer; when nobody is owed it, it is dropped."""
        mine = select(blobs.c.number).where(blobs.c.name == name)
        await self._connection.execute(
            update(blob_owed)
            .where(
                blob_owed.c.mailbox == mailbox,
                blob_owed.c.kept.is_(None),
                blob_owed.c.number.in_(mine),
            )
            .values(kept=now)
        )
        owed = select(blob_owed.c.number).where(blob_owed.c.kept.is_(None))
        await self._connection.execute(
            update(blobs)
            .where(
                blobs.c.name == name,
                blobs.c.complete.is_not(None),
                blobs.c.dropped.is_(None),
                blobs.c.number.not_in(owed),
            )
            .values(dropped=now)
        )

    async def expire(self, before: int, now: int) -> tuple[int, int]:
        """Let go of all that was announced before ``before``.

        Returns how many, and how many of them were still owed to somebody.
        """
        old = (blobs.c.announced < before) & blobs.c.dropped.is_(None)
        owed = await self._connection.scalar(
            select(func.count(func.distinct(blob_owed.c.number)))
            .join(blobs, blobs.c.number == blob_owed.c.number)
            .where(old, blob_owed.c.kept.is_(None))
        )
        gone = await self._connection.execute(
            update(blobs).where(old).values(dropped=now)
        )
        return gone.rowcount, int(owed or 0)

    async def sweep(self, limit: int) -> int:
        """Delete at most ``limit`` parts of what was dropped; return how many."""
        rows = await self._connection.execute(
            select(blob_parts.c.number, blob_parts.c.place)
            .join(blobs, blobs.c.number == blob_parts.c.number)
            .where(blobs.c.dropped.is_not(None))
            .limit(limit)
        )
        parts = [(row.number, row.place) for row in rows]
        for number, place in parts:
            await self._connection.execute(
                delete(blob_parts).where(
                    blob_parts.c.number == number, blob_parts.c.place == place
                )
            )
        return len(parts)

    async def purge(self, before: int) -> None:
        """Forget the rows of what was announced before ``before`` and is gone."""
        parts = select(blob_parts.c.number)
        gone = select(blobs.c.number).where(
            blobs.c.announced < before,
            blobs.c.dropped.is_not(None),
            blobs.c.number.not_in(parts),
        )
        await self._connection.execute(
            delete(blob_owed).where(blob_owed.c.number.in_(gone))
        )
        await self._connection.execute(delete(blobs).where(blobs.c.number.in_(gone)))

    async def _one(self, query: Select[*tuple[Any, ...]]) -> StoredBlob | None:
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else _blob(row)


def _blob(row: Row[*tuple[Any, ...]]) -> StoredBlob:
    return StoredBlob(
        number=row.number,
        name=row.name,
        total=row.total,
        durable=row.durable,
        complete=row.complete is not None,
        dropped=row.dropped is not None,
    )
