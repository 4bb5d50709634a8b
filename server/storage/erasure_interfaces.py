"""What the services need of a store to let go of what is here for nothing any more.

Part of the contract in :mod:`server.storage.interfaces`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from crypto.types import Digest, KeyId, Mailbox

Pair = tuple[str, Mailbox]  # a post that deposits, and whom for
Row = tuple[Mailbox, int]  # a delivery: its mailbox and cursor


@dataclass(frozen=True, slots=True)
class Lingering:
    """A delivery that is still owed, and what is needed to let it go."""

    mailbox: Mailbox
    cursor: int
    index: int
    sender: KeyId
    envelope: Digest  # H(envelope)
    received: int  # POSIX seconds
    told: int | None  # POSIX seconds since when its depositor knows


class Erasure(Protocol):
    """What is here for nothing any more."""

    async def done(self, before: int, limit: int) -> Sequence[Row]:
        """Return deliveries that were acknowledged before then."""

    async def lingering(
        self, after: tuple[int, Mailbox], limit: int
    ) -> Sequence[Lingering]:
        """Return what is owed after (index, mailbox), oldest index first."""

    async def told(
        self, sender: KeyId, envelopes: Sequence[Digest], before: int, now: int
    ) -> None:
        """Note that the depositor knows of these, received before then."""

    async def expiring(
        self, sender: KeyId, before: int, limit: int
    ) -> Sequence[tuple[Digest, Mailbox]]:
        """Return the depositor's that are owed since before then, and not told."""

    async def erase(self, rows: Sequence[Row], now: int) -> Sequence[tuple[Pair, int]]:
        """Erase deliveries, and the content of envelopes of which none is left.

        The leaf, the name and the body's hash of an envelope stay.

        Returns:
            Pair and size of each that was still owed.
        """

    async def forget_nacks(self, before: int) -> None:
        """Erase nacks that were received before then."""
