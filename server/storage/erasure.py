"""Erasing in SQL: what was delivered, and what nobody fetched."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import delete, exists, select, tuple_, update

from crypto.types import Digest, KeyId, Mailbox
from server.storage.erasure_interfaces import Lingering, Pair, Row
from server.storage.executor import Executor
from server.storage.tables import deliveries, envelopes, mailboxes, nacks

GONE: Final = """
    ON CONFLICT (mailbox) DO UPDATE
    SET erased = mailboxes.erased + excluded.erased,
        cursor = CASE WHEN excluded.cursor > mailboxes.cursor
                 THEN excluded.cursor ELSE mailboxes.cursor END"""


class ErasureTables:
    """See :class:`server.storage.erasure_interfaces.Erasure`."""

    def __init__(self, connection: Executor) -> None:
        self._connection = connection

    async def done(self, before: int, limit: int) -> Sequence[Row]:
        """Return deliveries that were acknowledged before then."""
        rows = await self._connection.execute(
            select(deliveries.c.mailbox, deliveries.c.cursor)
            .where(deliveries.c.acknowledged < before)
            .order_by(deliveries.c.acknowledged)
            .limit(limit)
        )
        return [(row.mailbox, row.cursor) for row in rows]

    async def lingering(
        self, after: tuple[int, Mailbox], limit: int
    ) -> Sequence[Lingering]:
        """Return what is owed after (index, mailbox), oldest index first."""
        rows = await self._connection.execute(
            select(
                deliveries.c.mailbox,
                deliveries.c.cursor,
                deliveries.c.leaf,
                deliveries.c.told,
                envelopes.c.sender,
                envelopes.c.name,
                envelopes.c.received,
            )
            .join(envelopes, envelopes.c.leaf == deliveries.c.leaf)
            .where(
                deliveries.c.acknowledged.is_(None),
                tuple_(deliveries.c.leaf, deliveries.c.mailbox) > after,
            )
            .order_by(deliveries.c.leaf, deliveries.c.mailbox)
            .limit(limit)
        )
        return [
            Lingering(
                mailbox=row.mailbox,
                cursor=row.cursor,
                index=row.leaf,
                sender=row.sender,
                envelope=row.name,
                received=row.received,
                told=row.told,
            )
            for row in rows
        ]

    async def told(
        self, sender: KeyId, names: Sequence[Digest], before: int, now: int
    ) -> None:
        """Note that the depositor knows of these, received before then."""
        theirs = select(envelopes.c.leaf).where(
            envelopes.c.name.in_(names),
            envelopes.c.sender == sender,
            envelopes.c.received < before,
        )
        await self._connection.execute(
            update(deliveries)
            .where(
                deliveries.c.leaf.in_(theirs),
                deliveries.c.acknowledged.is_(None),
                deliveries.c.told.is_(None),
            )
            .values(told=now)
        )

    async def expiring(
        self, sender: KeyId, before: int, limit: int
    ) -> Sequence[tuple[Digest, Mailbox]]:
        """Return the depositor's that are owed since before then, and not told."""
        rows = await self._connection.execute(
            select(envelopes.c.name, deliveries.c.mailbox)
            .join(deliveries, envelopes.c.leaf == deliveries.c.leaf)
            .where(
                envelopes.c.sender == sender,
                envelopes.c.received < before,
                deliveries.c.acknowledged.is_(None),
                deliveries.c.told.is_(None),
            )
            .order_by(deliveries.c.leaf, deliveries.c.mailbox)
            .limit(limit)
        )
        return [(row.name, row.mailbox) for row in rows]

    async def erase(self, rows: Sequence[Row], now: int) -> Sequence[tuple[Pair, int]]:
        """Erase deliveries, and the content of envelopes of which none is left."""
        found = await self._connection.execute(
            delete(deliveries)
            .where(tuple_(deliveries.c.mailbox, deliveries.c.cursor).in_(rows))
            .returning(deliveries)
        )
        gone = found.all()
        owed = [row for row in gone if row.acknowledged is None]
        counts: dict[Mailbox, tuple[int, int]] = {}
        for row in gone:
            last, erased = counts.get(row.mailbox, (0, 0))
            counts[row.mailbox] = (max(last, row.cursor), erased + 1)
        await self._connection.insert(
            mailboxes, [(box, *count) for box, count in counts.items()], GONE
        )
        await self._connection.execute(
            update(envelopes)
            .where(envelopes.c.leaf.in_({row.leaf for row in owed}))
            .values(dropped=now)
        )
        await self._connection.execute(
            update(envelopes)
            .where(
                envelopes.c.leaf.in_({row.leaf for row in gone}),
                ~exists().where(deliveries.c.leaf == envelopes.c.leaf),
            )
            .values(body=None, message_id=None, sender=None)
        )
        return [((row.post, row.mailbox), row.size) for row in owed]

    async def forget_nacks(self, before: int) -> None:
        """Erase nacks that were received before then."""
        await self._connection.execute(delete(nacks).where(nacks.c.received < before))
