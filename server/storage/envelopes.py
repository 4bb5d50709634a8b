"""Envelopes and deliveries in SQL."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from sqlalchemy import Row, bindparam, delete, func, insert, select, update

from crypto.types import Digest, KeyId, Mailbox, MessageId, PrekeyId
from protocol.envelope import Wrap
from server.storage.erasure_interfaces import Pair
from server.storage.executor import Executor
from server.storage.interfaces import (
    Amount,
    Owed,
    StoredDelivery,
    StoredEnvelope,
)
from server.storage.statements import Lookup, Statement
from server.storage.tables import (
    deliveries,
    envelopes,
    mailboxes,
    nacks,
    outstanding,
)

MAX_NACKS: Final = 256  # told to one terminal at once
ADDED: Final = """
    ON CONFLICT (post, mailbox) DO UPDATE
    SET messages = outstanding.messages + excluded.messages,
        bytes = outstanding.bytes + excluded.bytes"""
KNOWN: Final = Lookup(
    lambda names: select(envelopes.c.name, envelopes.c.leaf).where(
        envelopes.c.name.in_(names)
    )
)
HELD: Final = Statement(
    select(func.max(deliveries.c.cursor)).where(
        deliveries.c.mailbox == bindparam("mailbox")
    ),
    "mailbox",
)
ERASED: Final = Statement(
    select(mailboxes.c.cursor).where(mailboxes.c.mailbox == bindparam("mailbox")),
    "mailbox",
)


class EnvelopeTables:
    """See :class:`server.storage.interfaces.Envelopes`."""

    def __init__(self, connection: Executor) -> None:
        self._connection = connection

    async def known(self, names: Sequence[Digest]) -> Mapping[Digest, int]:
        """Return the index of each of ``names`` that is stored."""
        if not names:
            return {}
        statement, given = KNOWN.of(names)
        return {
            Digest(name): leaf
            for name, leaf in await self._connection.rows(statement, *given)
        }

    async def add(
        self, new: Sequence[StoredEnvelope], owed: Sequence[StoredDelivery]
    ) -> None:
        """Store all; every name, index and (mailbox, cursor) must be new."""
        await self._connection.insert(
            envelopes,
            [
                (
                    one.index,
                    one.name,
                    one.body_hash,
                    int(one.suite),
                    one.received,
                    one.message_id,
                    one.sender,
                    None,
                    one.body,
                )
                for one in new
            ],
        )
        await self._owe(owed)

    async def _owe(self, owed: Sequence[StoredDelivery]) -> None:
        await self._connection.insert(
            deliveries,
            [
                (
                    one.mailbox,
                    one.cursor,
                    one.index,
                    one.lane,
                    one.wrap.kid,
                    one.wrap.wrap,
                    one.post,
                    one.size,
                    None,
                    None,
                )
                for one in owed
            ],
        )

    async def dropped(self, indexes: Sequence[int]) -> Collection[int]:
        """Return those of the envelopes that were dropped before all had them."""
        rows = await self._connection.execute(
            select(envelopes.c.leaf).where(
                envelopes.c.leaf.in_(indexes), envelopes.c.dropped.is_not(None)
            )
        )
        return {row.leaf for row in rows}

    async def holders(self, index: int) -> Collection[Mailbox]:
        """Return the mailboxes that still have a delivery of the envelope."""
        rows = await self._connection.execute(
            select(deliveries.c.mailbox).where(deliveries.c.leaf == index)
        )
        return {row.mailbox for row in rows}

    async def revive(
        self, envelope: StoredEnvelope, owed: Sequence[StoredDelivery]
    ) -> None:
        """Store again what was dropped, under its old index and name."""
        await self._connection.execute(
            update(envelopes)
            .where(envelopes.c.leaf == envelope.index)
            .values(
                received=envelope.received,
                message_id=envelope.message_id,
                sender=envelope.sender,
                dropped=None,
                body=envelope.body,
            )
        )
        await self._owe(owed)

    async def last_cursor(self, mailbox: Mailbox) -> int:
        """Return the highest cursor of ``mailbox``, 0 before the first."""
        held = await self._connection.rows(HELD, mailbox)
        erased = await self._connection.rows(ERASED, mailbox)
        return max((last or 0 for (last,) in (*held, *erased)), default=0)

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
    ) -> Sequence[tuple[Pair, int]]:
        """Mark them; return the pair and size of each that was not marked before."""
        done = await self._connection.execute(
            update(deliveries)
            .where(
                deliveries.c.mailbox == mailbox,
                deliveries.c.cursor.in_(tuple(cursors)),
                deliveries.c.acknowledged.is_(None),
            )
            .values(acknowledged=now)
            .returning(deliveries.c.post, deliveries.c.size)
        )
        return [((row.post, mailbox), row.size) for row in done]

    async def outstanding(self, post: str) -> Mapping[Mailbox, Amount]:
        """Return what of ``post`` is outstanding, for each mailbox."""
        rows = await self._connection.execute(
            select(outstanding).where(outstanding.c.post == post)
        )
        return {row.mailbox: Amount(row.messages, row.bytes) for row in rows}

    async def count(self, changes: Mapping[Pair, Amount]) -> None:
        """Change the counts of what is outstanding."""
        await self._connection.insert(
            outstanding,
            [(*pair, change.messages, change.size) for pair, change in changes.items()],
            ADDED,
        )

    async def depositors(
        self,
        message_id: MessageId,
        body_hash: Digest,
        mailbox: Mailbox,
        kid: PrekeyId,
    ) -> Sequence[KeyId]:
        """Return who deposited this body, under this id, for a key of ``mailbox``.

        It goes through the mailbox's own rows: an index of message ids would cost
        each deposit a page, and a nack is rare.
        """
        rows = await self._connection.execute(
            select(envelopes.c.sender)
            .join(deliveries, envelopes.c.leaf == deliveries.c.leaf)
            .where(
                deliveries.c.mailbox == mailbox,
                deliveries.c.kid == kid,
                envelopes.c.message_id == message_id,
                envelopes.c.body_hash == body_hash,
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

    async def cut(self, index: int) -> None:
        """Drop every envelope from leaf ``index`` on, and what is owed of it."""
        owed = await self._connection.execute(
            select(
                deliveries.c.post,
                deliveries.c.mailbox,
                func.count().label("messages"),
                func.sum(deliveries.c.size).label("bytes"),
            )
            .where(deliveries.c.leaf >= index, deliveries.c.acknowledged.is_(None))
            .group_by(deliveries.c.post, deliveries.c.mailbox)
        )
        less = {
            (row.post, row.mailbox): Amount(-row.messages, -int(row.bytes))
            for row in owed
        }
        if less:
            await self.count(less)
        await self._connection.execute(
            delete(deliveries).where(deliveries.c.leaf >= index)
        )
        await self._connection.execute(
            delete(envelopes).where(envelopes.c.leaf >= index)
        )


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
