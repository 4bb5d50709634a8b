"""The attachments of one session: bytes from the line to the store, and back.

*Up*: an announced blob is taken from its durable offset on.  What arrives is
collected and made durable when 64 KiB wait or a second has passed; then, and only
then, the line acknowledges it.  The whole is acknowledged after it was compared with
its name.

*Down*: a terminal wishes for blobs by name.  What is there and for it goes out, two at
a time, as soon as it is there; of what is not, nothing is said.

What a session holds in memory is bounded by what the line leaves unconfirmed
(LINE-24), in each direction.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from crypto.types import Digest
from protocol.directory_view import Terminal
from protocol.errors import BusyError
from protocol.line.effects import (
    Effect,
    ObjectAbandoned,
    ObjectAcknowledged,
    ObjectOpened,
    ObjectRefused,
    StoreBytes,
)
from protocol.line.frames import ID_SIZE, CloseReason, Kind
from protocol.line.lanes import BULK
from protocol.line.machine import Line
from protocol.line.outbound import UNCONFIRMED
from server.services.relay import Relay
from server.storage.blob_interfaces import StoredBlob
from server.web.turns import Turns

COLLECT: Final = 64 * 1024  # bytes that are worth a commit
OLDEST: Final = 1.0  # seconds that less than that waits
HELD: Final = 2 * UNCONFIRMED  # bytes; an honest sender leaves half of it
MAX_WISHES: Final = 1_024  # blobs that a session may wait for
AT_ONCE: Final = 2  # blobs that go out of one session together


@dataclass(slots=True)
class _Upload:
    """One blob on its way in."""

    blob: StoredBlob
    offset: int  # durable
    pending: bytearray = field(default_factory=bytearray)


class Attachments:
    """Moves blobs for one conversation."""

    __slots__ = (
        "_down",
        "_enough",
        "_line",
        "_relay",
        "_send",
        "_terminal",
        "_turns",
        "_up",
        "_wishes",
    )

    def __init__(
        self,
        relay: Relay,
        terminal: Terminal,
        line: Line,
        turns: Turns,
        send: Callable[[], None],
    ) -> None:
        self._relay = relay
        self._terminal = terminal
        self._line = line
        self._turns = turns  # the conversation's
        self._send = send  # the line may have something to send
        self._up: dict[bytes, _Upload] = {}
        self._down: dict[bytes, StoredBlob] = {}
        self._wishes: dict[Digest, None] = {}
        # So much waits to be made durable that it should be now.
        self._enough: asyncio.Event | None = None

    # --- what the conversation passes on

    def wish(self, name: Digest) -> None:
        """Send this blob when it is there and for this terminal.

        Raises:
            BusyError: it waits for too many.
        """
        if len(self._wishes) >= MAX_WISHES and name not in self._wishes:
            raise BusyError
        self._wishes[name] = None
        self.look()

    def look(self) -> None:
        """See whether something that is wished for is there now."""
        if self._wishes:
            self._turns.ask(self._look)

    def moved(self) -> None:
        """Note that the line took or gave a cell: it may want more of a blob."""
        if self._down and self._line.wants():
            self._turns.ask(self._feed)

    def take(self, effect: Effect) -> None:
        """Take what the line says about blobs.

        Raises:
            BusyError: the peer sends more than it may before it is acknowledged.
        """
        match effect:
            case ObjectOpened(Kind.ATTACHMENT_UP):
                self._turns.start(partial(self._open, effect))
            case StoreBytes(object_id, _, content):
                self._store(object_id, content)
            case ObjectAbandoned(object_id):
                self._up.pop(object_id, None)
            case ObjectAcknowledged(object_id, offset, total):
                if offset == total:
                    self._gone(object_id)
            case ObjectRefused(object_id):
                self._gone(object_id)
            case _:
                pass

    # --- up

    async def _open(self, offered: ObjectOpened) -> None:
        blob = await self._relay.attachments.begun(self._terminal, offered.id)
        if blob is None or blob.total != offered.total:
            self._line.refuse(offered.id, CloseReason.NOT_WANTED)
        else:
            self._up[offered.id] = _Upload(blob, blob.durable)
            self._line.accept(offered.id, blob.durable)
        self._send()

    def _store(self, object_id: bytes, content: bytes) -> None:
        upload = self._up.get(object_id)
        if upload is None:
            return
        upload.pending += content
        held = sum(len(one.pending) for one in self._up.values())
        if held > HELD:
            raise BusyError
        if self._enough is None:
            self._enough = asyncio.Event()
        whole = upload.offset + len(upload.pending) == upload.blob.total
        if whole or held >= COLLECT:
            self._enough.set()
        self._turns.ask(self._keep)

    async def _keep(self) -> None:
        if self._enough is None:
            return  # the run before took all
        with suppress(TimeoutError):
            async with asyncio.timeout(OLDEST):
                await self._enough.wait()
        self._enough = None
        for object_id, upload in tuple(self._up.items()):
            if upload.pending:
                await self._append(object_id, upload)

    async def _append(self, object_id: bytes, upload: _Upload) -> None:
        content, upload.pending = bytes(upload.pending), bytearray()
        try:
            await self._relay.attachments.append(upload.blob, upload.offset, content)
        except BusyError:
            self._refuse(object_id, upload, CloseReason.BUSY)
            return
        upload.offset += len(content)
        if upload.offset == upload.blob.total:
            self._turns.start(partial(self._compare, object_id, upload))
        elif self._up.get(object_id) is upload:
            # Leaves only now, after the commit that it speaks of.
            self._line.stored(object_id, upload.offset)
            self._send()

    async def _compare(self, object_id: bytes, upload: _Upload) -> None:
        terminal = self._terminal.key_id
        blob = await self._relay.attachments.compare(terminal, upload.blob)
        if not blob.complete:
            self._refuse(object_id, upload, CloseReason.NOT_WANTED)
        elif self._up.get(object_id) is upload:
            del self._up[object_id]
            self._line.stored(object_id)
            self._send()

    def _refuse(self, object_id: bytes, upload: _Upload, reason: CloseReason) -> None:
        if self._up.get(object_id) is upload:
            del self._up[object_id]
            self._line.refuse(object_id, reason)
            self._send()

    # --- down

    async def _look(self) -> None:
        ready = await self._relay.attachments.ready(self._terminal, self._wishes)
        for blob in ready[: AT_ONCE - len(self._down)]:
            self._offer(blob)
        self._send()

    def _offer(self, blob: StoredBlob) -> None:
        short = blob.name[:ID_SIZE]
        if short in self._down:
            return
        now = self._relay.clock.monotonic()
        self._line.offer_streamed(Kind.ATTACHMENT_DOWN, short, blob.total, BULK, now)
        self._down[short] = blob
        self._wishes.pop(blob.name, None)

    def _gone(self, object_id: bytes) -> None:
        if self._down.pop(object_id, None) is not None:
            self.look()

    async def _feed(self) -> None:
        for want in self._line.wants():
            blob = self._down.get(want.id)
            if blob is None:
                continue
            content = await self._relay.attachments.read(blob, want.offset, want.size)
            now = self._relay.clock.monotonic()
            self._line.feed(want.id, want.offset, content, now)
        self._send()
