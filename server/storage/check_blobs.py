"""``koerier-relay check``: attachments, one of its invariants.

The parts of a blob that is not dropped follow each other without a gap, and are as
many bytes as are said to be durable; those of a complete one give its name.
"""

import hashlib
from typing import Final

from sqlalchemy import Connection, select

from server.storage.blobs import blob_parts, blobs

PAGE: Final = 16  # parts read at a time: a megabyte


def blob_faults(connection: Connection) -> list[str]:
    """Return one line for each blob that does not hold together."""
    found: list[str] = []
    rows = connection.execute(select(blobs).where(blobs.c.dropped.is_(None)))
    for row in rows.all():
        size, digest = _read(connection, row.number)
        if size != row.durable or row.durable > row.total:
            found.append(f"attachment {row.number}: its parts are not what is durable")
        elif row.complete is not None and (size, digest) != (row.total, row.name):
            found.append(f"attachment {row.number}: not what its name says")
    return found


def _read(connection: Connection, number: int) -> tuple[int, bytes]:
    """Return how many bytes follow each other from the start, and their SHA-256."""
    size, digest = 0, hashlib.sha256()
    while True:
        rows = connection.execute(
            select(blob_parts.c.place, blob_parts.c.data)
            .where(blob_parts.c.number == number, blob_parts.c.place >= size)
            .order_by(blob_parts.c.place)
            .limit(PAGE)
        ).all()
        for row in rows:
            if row.place != size:
                return -1, b""
            digest.update(row.data)
            size += len(row.data)
        if not rows:
            return size, digest.digest()
