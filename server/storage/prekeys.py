"""Prekey manifests and their keys in SQL."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, insert, select, update

from crypto.types import Digest, KeyId
from server.storage.executor import Executor
from server.storage.interfaces import StoredManifest, StoredPrekey
from server.storage.tables import manifests, prekeys

DIGEST = 32  # bytes


class PrekeyTables:
    """See :class:`server.storage.interfaces.PrekeyStore`."""

    def __init__(self, connection: Executor) -> None:
        self._connection = connection

    async def manifest(self, terminal: KeyId, below: int) -> StoredManifest | None:
        """Return the newest of ``terminal`` whose key log entry is below ``below``."""
        found = await self._connection.execute(
            select(manifests)
            .where(manifests.c.terminal == terminal, manifests.c.entry < below)
            .order_by(manifests.c.entry.desc())
            .limit(1)
        )
        row = found.one_or_none()
        if row is None:
            return None
        return StoredManifest(
            name=row.name,
            terminal=row.terminal,
            number=row.number,
            manifest=row.manifest,
            signature=row.signature,
            index=row.entry,
        )

    async def add_manifest(
        self, manifest: StoredManifest, keys: Sequence[StoredPrekey]
    ) -> None:
        """Store a manifest and its keys; its name and number must be new."""
        await self._connection.execute(
            insert(manifests).values(
                name=manifest.name,
                terminal=manifest.terminal,
                number=manifest.number,
                manifest=manifest.manifest,
                signature=manifest.signature,
                entry=manifest.index,
            )
        )
        await self._connection.insert(
            prekeys,
            [
                (
                    manifest.name,
                    key.index,
                    int(key.one_time),
                    key.valid_from,
                    key.valid_until,
                    key.key,
                    b"".join(key.path),
                    None,
                )
                for key in keys
            ],
        )

    async def take_one_time(self, manifest: Digest, now: int) -> StoredPrekey | None:
        """Mark a valid one-time key as spent and return it; no key twice, ever."""
        unspent = prekeys.c.spent.is_(None)
        row = await self._first(manifest, now, prekeys.c.one_time == 1, unspent)
        if row is None:
            return None
        # A crash from here to the commit hands out nothing and marks nothing; after
        # the commit the key is gone even if the answer is lost: a key lost is the
        # price of never giving it twice.
        await self._connection.execute(
            update(prekeys)
            .where(prekeys.c.manifest == manifest, prekeys.c.place == row.place)
            .values(spent=now)
        )
        return _prekey(row)

    async def epoch_key(self, manifest: Digest, now: int) -> StoredPrekey | None:
        """Return the epoch key that is valid at ``now``."""
        row = await self._first(manifest, now, prekeys.c.one_time == 0)
        return None if row is None else _prekey(row)

    async def _first(
        self, manifest: Digest, now: int, *conditions: ColumnElement[bool]
    ) -> Row[*tuple[Any, ...]] | None:
        found = await self._connection.execute(
            select(prekeys)
            .where(
                prekeys.c.manifest == manifest,
                prekeys.c.valid_from <= now,
                prekeys.c.valid_until > now,
                *conditions,
            )
            .order_by(prekeys.c.place)
            .limit(1)
        )
        return found.one_or_none()

    async def cut(self, entry: int) -> None:
        """Drop the manifests named by the key log from ``entry`` on, and their keys."""
        gone = select(manifests.c.name).where(manifests.c.entry >= entry)
        await self._connection.execute(
            delete(prekeys).where(prekeys.c.manifest.in_(gone))
        )
        await self._connection.execute(
            delete(manifests).where(manifests.c.entry >= entry)
        )


def _prekey(row: Row[*tuple[Any, ...]]) -> StoredPrekey:
    return StoredPrekey(
        manifest=row.manifest,
        index=row.place,
        one_time=bool(row.one_time),
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        key=row.key,
        path=tuple(
            Digest(row.path[start : start + DIGEST])
            for start in range(0, len(row.path), DIGEST)
        ),
    )
