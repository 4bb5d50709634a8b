"""A terminal's end of attachment transfers, with counted bytes and no opinion.

::

    mover = Mover(terminal)
    await mover.announce(blob, [mailbox])
    await mover.upload(blob)                     # until the relay has it
    assert await mover.download(name) == blob
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from crypto.digest import H
from crypto.types import Digest, Mailbox
from protocol.codec import decode
from protocol.line.effects import (
    Effect,
    ObjectAcknowledged,
    ObjectOpened,
    ObjectRefused,
    StoreBytes,
)
from protocol.line.frames import ID_SIZE, CloseReason, Kind
from protocol.line.lanes import BULK
from protocol.requests import Announce, Announced, Ask, Fetch, Kept
from tests.support.relay import PATIENCE, RefusedError, TestTerminal


@dataclass
class Mover:
    """Uploads and downloads of one session; ``have`` outlives it."""

    terminal: TestTerminal
    have: dict[bytes, bytearray] = field(default_factory=dict)  # short id -> bytes
    sent: int = 0  # bytes given to the line
    received: int = 0
    totals: dict[bytes, int] = field(default_factory=dict)
    acknowledged: int = 0  # the highest durable offset that the relay named
    together: int = 0  # most downloads that were open at one time
    _open: set[bytes] = field(default_factory=set)
    _up: dict[bytes, bytes] = field(default_factory=dict)
    _done: dict[bytes, "asyncio.Future[None]"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.terminal.taking = self._take
        self.terminal.feeding = self._feed

    async def announce(
        self, blob: bytes, mailboxes: Sequence[Mailbox], name: Digest | None = None
    ) -> int:
        body = Announce(
            blob=name or H(blob), total=len(blob), mailboxes=tuple(mailboxes)
        )
        answer = await self.terminal.ask(Ask.ANNOUNCE, body)
        return decode(answer, Announced).durable

    def offer(self, blob: bytes, name: Digest | None = None) -> "asyncio.Future[None]":
        short = (name or H(blob))[:ID_SIZE]
        self._up[short] = blob
        self._done[short] = asyncio.get_running_loop().create_future()
        line, now = self.terminal.line, self.terminal.now()
        line.offer_streamed(Kind.ATTACHMENT_UP, short, len(blob), BULK, now)
        return self._done[short]

    def only(self, short: bytes, content: bytes) -> None:
        """Have no more than ``content`` of a blob that was offered."""
        self._up[short] = content

    async def upload(self, blob: bytes, name: Digest | None = None) -> None:
        """Return when the relay has it.

        Raises:
            RefusedError: it will not take it.
        """
        done = self.offer(blob, name)
        await self.terminal.flush()
        async with asyncio.timeout(PATIENCE):
            await done

    async def fetch(self, name: Digest) -> "asyncio.Future[None]":
        short = name[:ID_SIZE]
        self._done[short] = asyncio.get_running_loop().create_future()
        self.have.setdefault(short, bytearray())
        await self.terminal.ask(Ask.FETCH, Fetch(blob=name))
        return self._done[short]

    async def download(self, name: Digest) -> bytes:
        done = await self.fetch(name)
        async with asyncio.timeout(PATIENCE):
            await done
        return bytes(self.have[name[:ID_SIZE]])

    async def kept(self, name: Digest) -> None:
        await self.terminal.ask(Ask.KEPT, Kept(blob=name))

    # --- the line

    def _feed(self) -> None:
        for want in self.terminal.line.wants():
            content = self._up[want.id][want.offset :][: want.size]
            if not content:
                continue
            self.sent += len(content)
            self.terminal.line.feed(want.id, want.offset, content, self.terminal.now())

    def _take(self, effect: Effect) -> None:
        line = self.terminal.line
        match effect:
            case ObjectOpened(_, short, _, total):
                if short in self.have:
                    self.totals[short] = total
                    self._open.add(short)
                    self.together = max(self.together, len(self._open))
                    line.accept(short, len(self.have[short]))
                else:
                    line.refuse(short, CloseReason.NOT_WANTED)
            case StoreBytes(short, offset, content):
                held = self.have[short]
                assert offset == len(held)
                held += content
                self.received += len(content)
                line.stored(short, len(held))
                if len(held) == self.totals[short]:
                    self._open.discard(short)
            case ObjectAcknowledged(short, offset, total):
                self.acknowledged = max(self.acknowledged, offset)
                if offset == total and short in self._done:
                    self._done.pop(short).set_result(None)
            case ObjectRefused(short, reason):
                self._done.pop(short).set_exception(RefusedError(reason))
            case _:
                pass
        self._ended()

    def _ended(self) -> None:
        """Settle downloads whose stream has ended."""
        for short, done in tuple(self._done.items()):
            if short in self.have and self._whole(short):
                del self._done[short]
                done.set_result(None)

    def _whole(self, short: bytes) -> bool:
        total = self.totals.get(short)
        return total is not None and len(self.have[short]) == total
