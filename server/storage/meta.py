"""What a store says of itself, in SQL.

``incarnation``   16 random bytes, drawn when the database is made and again whenever it
                  was refilled.  Every session tells it: a terminal that sees another
                  one than last time deposits again whatever has no receipt
                  (docs/spec/requests.md, section 3).  A copy that is to be started as a
                  relay of its own must not have it.
``refilled``      the spans of the message log that came from a mirror: their leaves are
                  the log's, their envelopes are gone.
"""

from typing import Final

from sqlalchemy import delete, insert, select

from protocol.codec import decode, encode
from protocol.errors import MalformedError
from server.storage.executor import Executor
from server.storage.interfaces import Span, StoreBrokenError
from server.storage.tables import meta

INCARNATION: Final = "incarnation"
REFILLED: Final = "refilled"
MAX_SPANS: Final = 64 * 1024  # bytes


class MetaTable:
    """See :class:`server.storage.interfaces.Meta`."""

    def __init__(self, connection: Executor) -> None:
        self._connection = connection

    async def incarnation(self) -> bytes | None:
        """Return the life that this store is in; None: not begun."""
        return await self._get(INCARNATION)

    async def begin(self, incarnation: bytes) -> None:
        """Begin another life."""
        await self._put(INCARNATION, incarnation)

    async def refilled(self) -> tuple[Span, ...]:
        """Return the spans of the message log without envelopes, in order.

        Raises:
            StoreBrokenError: they cannot be read.
        """
        return read_spans(await self._get(REFILLED))

    async def set_refilled(self, spans: tuple[Span, ...]) -> None:
        """Replace the spans."""
        await self._put(REFILLED, encode(spans))

    async def _get(self, name: str) -> bytes | None:
        found: bytes | None = await self._connection.scalar(
            select(meta.c.value).where(meta.c.name == name)
        )
        return found

    async def _put(self, name: str, value: bytes) -> None:
        await self._connection.execute(delete(meta).where(meta.c.name == name))
        await self._connection.execute(insert(meta).values(name=name, value=value))


def read_spans(stored: bytes | None) -> tuple[Span, ...]:
    """Return the spans in a stored value.

    Raises:
        StoreBrokenError: it is none.
    """
    if stored is None:
        return ()
    try:
        return decode(stored, tuple[Span, ...], limit=MAX_SPANS)
    except MalformedError:
        raise StoreBrokenError("the refilled spans cannot be read") from None
