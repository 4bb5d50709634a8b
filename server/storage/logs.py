"""Leaves, tiles and heads in SQL."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from sqlalchemy import bindparam, delete, insert, select, tuple_, update

from crypto.types import Digest
from protocol.requests import LogName
from server.storage.executor import Executor
from server.storage.interfaces import Head
from server.storage.statements import Statement
from server.storage.tables import heads, leaves, tiles

FULLER: Final = """
    ON CONFLICT (log, level, number) DO UPDATE SET hashes = excluded.hashes"""
# Compare and swap: whoever else grew this log meanwhile keeps it, and this transaction
# leaves nothing.  So no two writers ever fork it.
GROW: Final = Statement(
    update(heads)
    .where(heads.c.log == bindparam("which"), heads.c.size == bindparam("old"))
    .values(size=bindparam("new"), root=bindparam("its_root"))
    .returning(heads.c.size),
    *("which", "old", "new", "its_root"),
)
PUBLISH: Final = Statement(
    update(heads)
    .where(heads.c.log == bindparam("which"), heads.c.note_size <= bindparam("at"))
    .values(note_size=bindparam("at"), note=bindparam("its_note"))
    .returning(heads.c.size),
    *("which", "at", "its_note"),
)


class LogTables:
    """See :class:`server.storage.interfaces.Logs`."""

    def __init__(self, connection: Executor) -> None:
        self._connection = connection

    async def head(self, log: LogName) -> Head | None:
        """Return the head, or None before the log was founded."""
        found = await self._connection.execute(select(heads).where(heads.c.log == log))
        row = found.one_or_none()
        if row is None:
            return None
        return Head(row.size, Digest(row.root), row.note_size, row.note)

    async def found(self, log: LogName, head: Head) -> None:
        """Begin a log that has no head yet."""
        await self._connection.execute(
            insert(heads).values(
                log=log,
                size=head.size,
                root=head.root,
                note_size=head.note_size,
                note=head.note,
            )
        )

    async def grow(self, log: LogName, old: int, size: int, root: Digest) -> None:
        """Replace size and root of the head that is of size ``old``."""
        await self._connection.swap(GROW, int(log), old, size, root)

    async def publish(self, log: LogName, size: int, note: bytes) -> None:
        """Replace the published note by a newer one, which is of ``size``."""
        await self._connection.swap(PUBLISH, int(log), size, note)

    async def leaves(self, log: LogName, start: int, limit: int) -> Sequence[bytes]:
        """Return the data of at most ``limit`` leaves from ``start`` on, in order."""
        rows = await self._connection.execute(
            select(leaves.c.data)
            .where(
                leaves.c.log == log,
                leaves.c.place >= start,
                leaves.c.place < start + limit,
            )
            .order_by(leaves.c.place)
        )
        return [row.data for row in rows]

    async def add_leaves(self, log: LogName, start: int, data: Sequence[bytes]) -> None:
        """Store consecutive leaves; every index must be new."""
        await self._connection.insert(
            leaves, [(int(log), place, one) for place, one in enumerate(data, start)]
        )

    async def tiles(
        self, log: LogName, wanted: Iterable[tuple[int, int]]
    ) -> Mapping[tuple[int, int], bytes]:
        """Return the hashes of those of the (level, number) tiles that exist."""
        rows = await self._connection.execute(
            select(tiles).where(
                tiles.c.log == log,
                tuple_(tiles.c.level, tiles.c.number).in_(tuple(wanted)),
            )
        )
        return {(row.level, row.number): row.hashes for row in rows}

    async def put_tiles(
        self, log: LogName, new: Mapping[tuple[int, int], bytes]
    ) -> None:
        """Add tiles, or replace partial ones by fuller ones."""
        await self._connection.insert(
            tiles,
            [(int(log), *place, hashes) for place, hashes in new.items()],
            FULLER,
        )

    async def cut(self, log: LogName, size: int) -> None:
        """Drop the leaves from ``size`` on, a note that covers them, and all tiles."""
        await self._connection.execute(
            delete(leaves).where(leaves.c.log == log, leaves.c.place >= size)
        )
        await self._connection.execute(delete(tiles).where(tiles.c.log == log))
        await self._connection.execute(
            update(heads)
            .where(heads.c.log == log, heads.c.note_size > size)
            .values(note_size=0, note=b"")
        )
