"""Envelopes and deliveries in SQL."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from sqlalchemy import Row, func, insert, select, update

from crypto.types import Digest, KeyId, Mailbox, MessageId
from protocol.envelope import Wrap
from server.storage.executor import Executor
from server.storage.interfaces import Owed, StoredDelivery, StoredEnvelope
from server.storage.tables import deliveries, envelopes, nacks

MAX_NACKS: Final = 256  # told to one terminal at once


class EnvelopeTables:
    """See :class:`server.storage.interfaces.Envelopes`."""

    def __init__(self, connection: Executor) -> None:
        self._connection = connection

    async def known(self, names: Sequence[Digest]) -> Mapping[Digest, int]:
        """Return the index of each of ``names`` that is stored."""
        rows = await self._connection.execute(
            select(envelopes.c.name, envelopes.c.leaf).where(
                envelopes.c.name.in_(names)
            )
        )
        return {row.name: row.leaf for row in rows}

    async def add(
        self, new: Sequence[StoredEnvelope], owed: Sequence[StoredDelivery]
    ) -> None:
        """Store all; every name, index and (mailbox, cursor) must be new."""
        await self._connection.execute(
            insert(envelopes),
            [
                {
                    "leaf": one.index,
                    "name": one.name,
                    "message_id": one.message_id,
                    "body_hash": one.body_hash,
                    "sender": one.sender,
                    "suite": one.suite,
                    "received": one.received,
                    "body": one.body,
                }
                for one in new
            ],
        )
        await self._connection.execute(
            insert(deliveries),
            [
                {
                    "mailbox": one.mailbox,
                    "cursor": one.cursor,
                    "leaf": one.index,
                    "lane": one.lane,
                    "kid": one.wrap.kid,
                    "wrap": one.wrap.wrap,
                    "post": one.post,
                    "size": one.size,
                    "acknowledged": None,
                    "told": None,
                }
                for one in owed
            ],
        )

    async def last_cursor(self, mailbox: Mailbox) -> int:
        """Return the highest cursor of ``mailbox``, 0 before the first."""
        found = await self._connection.scalar(
            select(func.max(deliveries.c.cursor)).where(deliveries.c.mailbox == mailbox)
        )
        return int(found or 0)

    async def owed(
        self, mailbox: Mailbox, *, skip: Collection[int], lane: int, limit: int
    ) -> Sequence[Owed]:
        """Return at most ``limit`` of what is owed, by lane, then by cursor."""
        rows = await self._connection.execute(
            select(
                deliveries,
                envelopes.c.message_id,
                envelopes.c.suite,
                envelopes.c.body,
            )
            .join(envelopes, envelopes.c.leaf == deliveries.c.leaf)
            .where(
                deliveries.c.mailbox == mailbox,
                deliveries.c.lane <= lane,
                deliveries.c.cursor.not_in(tuple(skip)),
                deliveries.c.acknowledged.is_(None),
            )
            .order_by(deliveries.c.lane, deliveries.c.cursor)
            .limit(limit)
        )
        return [_owed(row) for row in rows]

    async def acknowledge(
        self, mailbox: Mailbox, cursors: Iterable[int], now: int
    ) -> None:
        """Mark them; unknown and already marked ones change nothing."""
        await self._connection.execute(
            update(deliveries)
            .where(
                deliveries.c.mailbox == mailbox,
                deliveries.c.cursor.in_(tuple(cursors)),
                deliveries.c.acknowledged.is_(None),
            )
            .values(acknowledged=now)
        )

    async def depositors(
        self, message_id: MessageId, body_hash: Digest, mailbox: Mailbox
    ) -> Sequence[KeyId]:
        """Return who deposited this body under this id for ``mailbox``."""
        rows = await self._connection.execute(
            select(envelopes.c.sender)
            .join(deliveries, envelopes.c.leaf == deliveries.c.leaf)
            .where(
                envelopes.c.message_id == message_id,
                envelopes.c.body_hash == body_hash,
                deliveries.c.mailbox == mailbox,
            )
            .distinct()
        )
        return [row.sender for row in rows]

    async def add_nack(
        self, depositor: KeyId, name: Digest, nack: bytes, now: int
    ) -> None:
        """Keep a nack for its depositor; one that is known changes nothing."""
        known = await self._connection.scalar(
            select(nacks.c.received).where(
                nacks.c.name == name, nacks.c.depositor == depositor
            )
        )
        if known is None:
            await self._connection.execute(
                insert(nacks).values(
                    name=name, depositor=depositor, received=now, nack=nack
                )
            )

    async def nacks(self, depositor: KeyId, since: int) -> Sequence[bytes]:
        """Return the depositor's newest nacks received at or after ``since``."""
        rows = await self._connection.execute(
            select(nacks.c.nack)
            .where(nacks.c.depositor == depositor, nacks.c.received >= since)
            .order_by(nacks.c.received.desc())
            .limit(MAX_NACKS)
        )
        return [row.nack for row in rows]


def _owed(row: Row[*tuple[object, ...]]) -> Owed:
    return Owed(
        delivery=StoredDelivery(
            mailbox=row.mailbox,
            cursor=row.cursor,
            index=row.leaf,
            lane=row.lane,
            wrap=Wrap(mailbox=row.mailbox, kid=row.kid, wrap=row.wrap),
            post=row.post,
            size=row.size,
        ),
        message_id=row.message_id,
        suite=row.suite,
        body=row.body,
    )
