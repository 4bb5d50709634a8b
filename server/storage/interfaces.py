"""What the services need of a store: the contract, in prose and types.

A store gives transactions.  Within one, a reader sees one state.  A writing
transaction is alone (writers wait for each other) and becomes visible and durable
as one when its work returns: when ``write`` has returned, neither a crash of the
process nor of the machine takes any of it back.  An exception undoes all of it.

    async def work(tables: Tables) -> None:
        known = await tables.envelopes.known([name])
        await tables.envelopes.add([envelope], deliveries)

    await store.write(work)
    # only here may anyone be told

A full disk raises :class:`StoreFullError` with nothing written: try again later.
Any other failure of the disk raises :class:`StoreBrokenError`; what is durable is
then unknown and the process must end (recovery is the normal start).

The same tests run over every store (tests/unit/test_server_storage.py).
"""

from collections.abc import (
    Callable,
    Collection,
    Coroutine,
    Iterable,
    Mapping,
    Sequence,
)
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from msgspec import Struct

from crypto.types import Digest, KeyId, Mailbox, MessageId, PrekeyId, PublicKey
from protocol.envelope import Wrap
from protocol.requests import LogName
from server.storage.blob_interfaces import Blobs
from server.storage.erasure_interfaces import Erasure, Pair


class StoreError(Exception):
    """Base class: the relay's own disk failed; no peer can cause it."""


class StoreFullError(StoreError):
    """No room.  Nothing of the transaction was written."""


class StoreConflictError(StoreError):
    """A row that had to be new was not, or names one that is not there: our own bug.

    Nothing of the transaction was written.
    """


class StoreBrokenError(StoreError):
    """I/O error or corruption: end the process, start again, run ``check``."""


class StoredEnvelope(Struct, frozen=True):  # made for each submission: costs least
    """A submission as it is kept: once, whatever the number of addressees."""

    index: int  # of its leaf in the message log
    name: Digest  # H(envelope), the key of idempotency
    message_id: MessageId
    body_hash: Digest
    sender: KeyId  # the terminal that deposited it
    suite: int
    received: int  # POSIX seconds
    body: bytes


class StoredDelivery(Struct, frozen=True):
    """What one mailbox is owed of an envelope."""

    mailbox: Mailbox
    cursor: int
    index: int
    lane: int
    wrap: Wrap
    post: str  # that deposited it
    size: int  # bytes that count for its quota


class Amount(Struct, frozen=True):  # made for each pair of each batch
    """So many deliveries, of so many bytes together; a change may be negative."""

    messages: int
    size: int

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.messages + other.messages, self.size + other.size)


@dataclass(frozen=True, slots=True)
class Owed:
    """A delivery with what is needed to hand it out."""

    delivery: StoredDelivery
    message_id: MessageId
    suite: int
    body: bytes


@dataclass(frozen=True, slots=True)
class StoredManifest:
    """A published prekey manifest, accepted under its terminal's key."""

    name: Digest  # H(manifest)
    terminal: KeyId
    number: int
    manifest: bytes
    signature: bytes
    index: int  # of its entry in the key log


@dataclass(frozen=True, slots=True)
class StoredPrekey:
    """One public prekey with its path to the manifest's root."""

    manifest: Digest
    index: int
    one_time: bool
    valid_from: int
    valid_until: int
    key: PublicKey
    path: tuple[Digest, ...]


@dataclass(frozen=True, slots=True)
class Head:
    """Size and root of a tree, and the note that was last published for it."""

    size: int
    root: Digest
    note_size: int = 0
    note: bytes = b""  # empty: none yet


Span = tuple[int, int]  # first leaf of the message log, and the one after the last


class Envelopes(Protocol):
    """Envelopes and what is owed of them."""

    async def known(self, names: Sequence[Digest]) -> Mapping[Digest, int]:
        """Return the index of each of ``names`` that is stored, erased or not."""

    async def dropped(self, indexes: Sequence[int]) -> Collection[int]:
        """Return those of the envelopes that were dropped before all had them."""

    async def holders(self, index: int) -> Collection[Mailbox]:
        """Return the mailboxes that still have a delivery of the envelope."""

    async def revive(
        self, envelope: StoredEnvelope, deliveries: Sequence[StoredDelivery]
    ) -> None:
        """Store again what was dropped, under its old index and name."""

    async def add(
        self, envelopes: Sequence[StoredEnvelope], deliveries: Sequence[StoredDelivery]
    ) -> None:
        """Store all; every name, index and (mailbox, cursor) must be new."""

    async def last_cursor(self, mailbox: Mailbox) -> int:
        """Return the highest cursor of ``mailbox``, 0 before the first."""

    async def owed(
        self, mailbox: Mailbox, *, skip: Collection[int], lane: int, limit: int
    ) -> Sequence[Owed]:
        """Return at most ``limit`` of what is owed, by lane, then by cursor.

        Args:
            mailbox: whose.
            skip: cursors that are under way already; a bounded set.
            lane: the last lane that counts.
            limit: rows.
        """

    async def acknowledge(
        self, mailbox: Mailbox, cursors: Iterable[int], now: int
    ) -> Sequence[tuple[Pair, int]]:
        """Mark them; return the pair and size of each that was not marked before."""

    async def outstanding(self, post: str) -> Mapping[Mailbox, Amount]:
        """Return what of ``post`` is outstanding, for each mailbox."""

    async def count(self, changes: Mapping[Pair, Amount]) -> None:
        """Change the counts of what is outstanding."""

    async def depositors(
        self,
        message_id: MessageId,
        body_hash: Digest,
        mailbox: Mailbox,
        kid: PrekeyId,
    ) -> Sequence[KeyId]:
        """Return who deposited this body, under this id, for a key of ``mailbox``."""

    async def add_nack(
        self, depositor: KeyId, name: Digest, nack: bytes, now: int
    ) -> None:
        """Keep a nack for its depositor; one that is known changes nothing."""

    async def nacks(self, depositor: KeyId, since: int) -> Sequence[bytes]:
        """Return the depositor's newest nacks received at or after ``since``."""

    async def cut(self, index: int) -> None:
        """Drop every envelope from leaf ``index`` on, and what is owed of it."""


class Logs(Protocol):
    """Leaves, tiles and heads of both logs."""

    async def head(self, log: LogName) -> Head | None:
        """Return the head, or None before the log was founded."""

    async def found(self, log: LogName, head: Head) -> None:
        """Begin a log that has no head yet."""

    async def grow(self, log: LogName, old: int, size: int, root: Digest) -> None:
        """Replace size and root of the head that is of size ``old``.

        Raises:
            StoreBrokenError: it is not: somebody else writes to this log.
        """

    async def publish(self, log: LogName, size: int, note: bytes) -> None:
        """Replace the published note by a newer one, which is of ``size``.

        Raises:
            StoreBrokenError: a note of a larger size is there: somebody else writes.
        """

    async def leaves(self, log: LogName, start: int, limit: int) -> Sequence[bytes]:
        """Return the data of at most ``limit`` leaves from ``start`` on, in order."""

    async def add_leaves(
        self, log: LogName, start: int, leaves: Sequence[bytes]
    ) -> None:
        """Store consecutive leaves; every index must be new."""

    async def tiles(
        self, log: LogName, wanted: Iterable[tuple[int, int]]
    ) -> Mapping[tuple[int, int], bytes]:
        """Return the hashes of those of the (level, number) tiles that exist."""

    async def put_tiles(
        self, log: LogName, tiles: Mapping[tuple[int, int], bytes]
    ) -> None:
        """Add tiles, or replace partial ones by fuller ones."""

    async def cut(self, log: LogName, size: int) -> None:
        """Drop the leaves from ``size`` on, a note that covers them, and all tiles."""


class PrekeyStore(Protocol):
    """Manifests and their keys."""

    async def manifest(self, terminal: KeyId, below: int) -> StoredManifest | None:
        """Return the newest of ``terminal`` whose key log entry is below ``below``."""

    async def add_manifest(
        self, manifest: StoredManifest, keys: Sequence[StoredPrekey]
    ) -> None:
        """Store a manifest and its keys; its name and number must be new."""

    async def take_one_time(self, manifest: Digest, now: int) -> StoredPrekey | None:
        """Mark a valid one-time key as spent and return it; no key twice, ever."""

    async def epoch_key(self, manifest: Digest, now: int) -> StoredPrekey | None:
        """Return the epoch key that is valid at ``now``."""

    async def cut(self, entry: int) -> None:
        """Drop the manifests named by the key log from ``entry`` on, and their keys."""


class Meta(Protocol):
    """What the store says of itself (:mod:`server.storage.meta`)."""

    async def incarnation(self) -> bytes | None:
        """Return the life that this store is in; None: not begun."""

    async def begin(self, incarnation: bytes) -> None:
        """Begin another life."""

    async def refilled(self) -> tuple[Span, ...]:
        """Return the spans of the message log without envelopes, in order."""

    async def set_refilled(self, spans: tuple[Span, ...]) -> None:
        """Replace the spans."""


class Tables(Protocol):
    """What one transaction can reach."""

    @property
    def envelopes(self) -> Envelopes:
        """Envelopes and deliveries."""

    @property
    def erasure(self) -> Erasure:
        """What goes."""

    @property
    def logs(self) -> Logs:
        """Both logs."""

    @property
    def prekeys(self) -> PrekeyStore:
        """Manifests and prekeys."""

    @property
    def meta(self) -> Meta:
        """What the store says of itself."""

    @property
    def blobs(self) -> Blobs:
        """Attachments."""


R = TypeVar("R")
# What a transaction does.  It awaits its tables and nothing else: a store may run it
# in a thread, to its end, in one go.
Work = Callable[[Tables], Coroutine[Any, Any, R]]
# Called where transactions run, between two of them, which may be a thread:
Next = Callable[[], Work[R] | None]  # the work of the next one; None: no more now
Done = Callable[[R | StoreFullError], Callable[[], None]]  # what the loop then calls


class Store(Protocol):
    """A durable store."""

    async def read(self, work: Work[R]) -> R:
        """Return what ``work`` reads, of one state; never waits for a writer."""

    async def write(self, work: Work[R]) -> R:
        """Return what ``work`` returns, when all that it wrote is durable."""

    async def write_each(self, following: Next[R], done: Done[R]) -> None:
        """Write one after another until ``following`` has no more.

        When one is durable, or had no room, ``done`` hears of it and the next one may
        begin; what ``done`` returned is called in the loop, in the same order.
        """

    async def scrub(self) -> None:
        """Let what was deleted leave the disk, as far as the engine can."""

    async def close(self) -> None:
        """Give up all connections."""
