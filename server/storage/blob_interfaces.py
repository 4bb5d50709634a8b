"""What the services need of a store for attachments: one more part of the contract.

See :mod:`server.storage.interfaces` for transactions and failures.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from crypto.types import Digest, KeyId, Mailbox


@dataclass(frozen=True, slots=True)
class NewBlob:
    """An announcement of an attachment's blob."""

    name: Digest  # SHA-256 of the blob
    depositor: KeyId  # the terminal that announced it
    post: str  # whose quota it counts against
    total: int  # bytes
    announced: int  # POSIX seconds


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """A blob as it stands: ``durable`` bytes of ``total``."""

    number: int
    name: Digest
    total: int
    durable: int
    complete: bool  # all of it is here and was compared with its name
    dropped: bool  # nobody needs it any more: its bytes go, or are gone


class Blobs(Protocol):
    """Attachments: opaque bytes, and the mailboxes they are owed to."""

    async def of(self, depositor: KeyId, name: Digest) -> StoredBlob | None:
        """Return what ``depositor`` announced under ``name``."""

    async def begun(self, depositor: KeyId, short: bytes) -> StoredBlob | None:
        """Return the depositor's incomplete blob whose name begins with ``short``."""

    async def held(self, post: str | None) -> int:
        """Return the bytes that are kept or promised, for ``post`` or for all."""

    async def add(self, new: NewBlob) -> StoredBlob:
        """Keep an announcement; depositor and name must be new."""

    async def owe(self, number: int, mailboxes: Collection[Mailbox]) -> bool:
        """Owe the blob to these mailboxes too; tell whether one is new."""

    async def append(self, number: int, offset: int, content: bytes) -> bool:
        """Add bytes at the durable offset; False if that is not ``offset``."""

    async def read(self, number: int, offset: int, size: int) -> bytes:
        """Return at most ``size`` bytes from ``offset`` on; fewer at the end only."""

    async def restart(self, number: int) -> None:
        """Throw its bytes away: nothing of it is durable any more."""

    async def finish(self, number: int, now: int) -> Sequence[Mailbox]:
        """Mark it complete; return the mailboxes that it is still owed to."""

    async def ready(
        self, mailbox: Mailbox, names: Collection[Digest]
    ) -> Sequence[StoredBlob]:
        """Return those of ``names`` that are complete and owed to ``mailbox``."""

    async def keep(self, mailbox: Mailbox, name: Digest, now: int) -> None:
        """Owe it to ``mailbox`` no longer; when nobody is owed it, it is dropped."""

    async def expire(self, before: int, now: int) -> tuple[int, int]:
        """Let go of all that was announced before ``before``.

        Returns how many, and how many of them were still owed to somebody.
        """

    async def sweep(self, limit: int) -> int:
        """Delete at most ``limit`` parts of what was dropped; return how many."""

    async def purge(self, before: int) -> None:
        """Forget the rows of what was announced before ``before`` and is gone."""
