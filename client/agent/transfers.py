"""Between the core's attachments and the line: bytes from and to the spool.

No decisions: which blob goes, is taken or is believed is the core's
(:mod:`client.core.attachments`).  Here bytes are read when the line wants them and
written as they come; they are acknowledged when they are durable, and a whole blob is
opened to its end aside, so that nothing else waits for it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final

from client.clock import Clock
from client.core.attachments import Attachments
from client.core.questions import Effect, Upload
from client.core.rows import BlobRow
from client.vault.spool import Spool, verify
from crypto.stream import VerifiedAttachment
from crypto.suite import SuiteId
from protocol.line.effects import Effect as LineEffect
from protocol.line.effects import (
    ObjectAbandoned,
    ObjectAcknowledged,
    ObjectOpened,
    ObjectRefused,
    StoreBytes,
)
from protocol.line.frames import ID_SIZE, CloseReason, Kind
from protocol.line.lanes import BULK
from protocol.line.machine import Line

ACKNOWLEDGED: Final = 64 * 1024  # bytes that wait, of all blobs, before they are synced

Found = tuple[SuiteId, VerifiedAttachment] | None


@dataclass(slots=True)
class _Incoming:
    """One blob on its way in."""

    row: BlobRow
    received: int
    durable: int


@dataclass(frozen=True, slots=True)
class Job:
    """Work that takes long and touches no vault, and who takes its result."""

    work: Callable[[], Found]
    done: Callable[[Found], None]


class Transfers:
    """The blobs of one line, through any number of connections."""

    def __init__(
        self,
        core: Attachments,
        line: Line,
        spool: Spool,
        clock: Clock,
        aside: Callable[[Job], None],
    ) -> None:
        self._core = core
        self._line = line
        self._spool = spool
        self._clock = clock
        self._aside = aside
        self._up: dict[bytes, str] = {}
        self._down: dict[bytes, _Incoming] = {}
        self._opening: set[str] = set()  # files that are being verified
        self.carry_out: Callable[[Iterable[Effect]], None] = lambda _: None

    # --- from the core

    def begin(self, upload: Upload) -> None:
        """Offer a blob to the relay.

        Raises:
            BusyError: the line is full; later.
        """
        short = upload.blob[:ID_SIZE]
        now = self._clock.monotonic()
        self._line.offer_streamed(Kind.ATTACHMENT_UP, short, upload.total, BULK, now)
        self._up[short] = upload.file

    def drop(self, file: str) -> None:
        """Remove a file that nobody needs."""
        self._spool.drop(file)

    # --- the line

    def feed(self) -> None:
        """Give the line what it wants of our blobs."""
        for want in self._line.wants():
            content = self._spool.read(self._up[want.id], want.offset, want.size)
            if content:
                self._line.feed(want.id, want.offset, content, self._clock.monotonic())
            else:  # the file is gone, or shorter than it was: the disk is hurt
                self._line.withdraw(want.id)
                self._ended(want.id)

    def cut(self) -> None:
        """Forget the session: uploads are announced anew, what came stays."""
        for short in self._up:
            self._line.withdraw(short)
        self._up.clear()
        self._down.clear()

    def effect(self, effect: LineEffect) -> None:
        """Carry out one effect of the line; what must be durable is, on return."""
        match effect:
            case ObjectOpened(Kind.ATTACHMENT_DOWN, short, _, total):
                self._open(short, total)
            case StoreBytes(short, offset, content):
                self._store(short, offset, content)
            case ObjectAbandoned(short):
                self._down.pop(short, None)
            case ObjectAcknowledged(short, offset, total) if short in self._up:
                if offset == total:
                    del self._up[short]
                    now = self._clock.wall()
                    self.carry_out(self._core.uploaded(short, now))
            case ObjectRefused(short) if short in self._up:
                self._ended(short)
            case _:
                pass

    def _ended(self, short: bytes) -> None:
        del self._up[short]
        self.carry_out(self._core.not_taken(short, self._clock.wall()))

    # --- receiving

    def _open(self, short: bytes, total: int) -> None:
        row = self._core.offered(short, total, self._clock.wall())
        if row is None or row.file in self._opening:
            self._line.refuse(short, CloseReason.NOT_WANTED)
            return
        have = self._spool.size(row.file)
        if have > total:  # nothing of ours is so long
            self._spool.drop(row.file)
            have = 0
        if not self._spool.has_room(total - have):
            self._no_room(short, row)
            return
        self._line.accept(short, have)
        incoming = _Incoming(row, have, have)
        if have == total:
            self._verify(row)
        else:
            self._down[short] = incoming

    def _store(self, short: bytes, offset: int, content: bytes) -> None:
        incoming = self._down.get(short)
        if incoming is None:
            return
        try:
            self._spool.write(incoming.row.file, offset, content)
            incoming.received = offset + len(content)
            waiting = sum(one.received - one.durable for one in self._down.values())
            whole = incoming.received == incoming.row.total
            if whole or waiting >= ACKNOWLEDGED:
                self._sync()
        except OSError:
            del self._down[short]
            self._no_room(short, incoming.row)
            return
        if whole:
            del self._down[short]
            self._verify(incoming.row)

    def _sync(self) -> None:
        for short, one in self._down.items():
            if one.received > one.durable:
                self._spool.sync(one.row.file)
                # A crash before this: these bytes were acknowledged to nobody.
                one.durable = one.received
                self._line.stored(short, one.durable)

    def _no_room(self, short: bytes, row: BlobRow) -> None:
        self._line.refuse(short, CloseReason.BUSY)
        self._core.no_room(row, self._clock.wall())

    # --- believing

    def _verify(self, row: BlobRow) -> None:
        """Open a whole blob aside; nothing of it is shown before that is done."""
        self._opening.add(row.file)
        demand = self._core.demand(row)
        path = self._spool.path(row.file)
        self._aside(Job(partial(verify, path, demand), partial(self._opened, row)))

    def _opened(self, row: BlobRow, found: Found) -> None:
        self._opening.discard(row.file)
        now = self._clock.wall()
        if found is None:
            self.carry_out(self._core.false(row, now))
        else:
            self.carry_out(self._core.verified(row, *found, now))
