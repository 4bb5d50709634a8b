"""What goes on in an open session: cells in, cells out, requests, deliveries.

Tasks of one group that ends together: one reads, one writes, one fetches what is
owed, one watches the time, one moves attachments; each submission or request is a
task beside them, and their number is bounded.  All decisions are the line's
(:mod:`protocol.line`) and the services'.
"""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from functools import partial
from typing import Any, Final

from aiohttp import WSCloseCode

from crypto.types import KeyId, Mailbox
from protocol.codec import decode, encode
from protocol.directory_view import Terminal
from protocol.errors import (
    BusyError,
    ErrorCode,
    ProtocolError,
)
from protocol.line.effects import (
    Effect,
    ObjectAcknowledged,
    ObjectComplete,
    Side,
    Stalled,
)
from protocol.line.frames import CloseReason, Kind
from protocol.line.machine import Line
from protocol.relay_session import Established
from protocol.requests import Answer, LogName, Notice, Request, Stored, Submit
from server.services.mailbox import delivery
from server.services.relay import Relay
from server.web.attachments import Attachments
from server.web.dispatch import MAX_REQUEST, Caller, answer, read_request
from server.web.transport import Transport

WINDOW: Final = 256  # deliveries under way; then only urgent ones
URGENT: Final = 1  # lanes up to this one go beyond the window
FETCH: Final = 64  # deliveries read from the store at a time
MAX_ASKED: Final = 64  # submissions and requests in work; then BUSY
NOTICE_LANE: Final = 1
NEWS_PAUSE: Final = 1.0  # seconds between looks when nothing was waited for
TICK: Final = 5.0  # seconds between looks at the clock, at most
SHORTEST: Final = 0.01  # seconds: nothing waits for less
ANY_LANE: Final = 4


class EndedError(Exception):
    """The session is over; ``code`` is what the peer is told."""

    def __init__(self, code: WSCloseCode) -> None:
        super().__init__(code.name)
        self.code = code


class Conversation:
    """One open session; see :class:`server.services.presence.Connected`."""

    def __init__(
        self,
        relay: Relay,
        terminal: Terminal,
        established: Established,
        transport: Transport,
    ) -> None:
        self._relay = relay
        self._terminal = terminal
        self._transport = transport
        self._line = Line(Side.RELAY)
        self._line.connect(established.sealer, established.opener, self._now())
        self._tasks = asyncio.TaskGroup()
        self._asked = 0
        self._under_way: dict[bytes, int] = {}  # object id -> cursor
        self._arrived: set[int] = set()  # cursors that the peer has, to be committed
        self._awaited: set[int] = set()  # leaves whose proof the peer will want
        self._told: set[bytes] = set()  # nacks
        self._told_keys = -1  # size of the key log in the last notice
        self._sendable = asyncio.Event()
        self._attachments = Attachments(
            relay, terminal, self._line, self._tasks.create_task, self._sendable.set
        )
        self._owed = asyncio.Event()
        self._news = asyncio.Event()
        self._nacked = asyncio.Event()
        self._over: asyncio.Future[WSCloseCode] = (
            asyncio.get_running_loop().create_future()
        )

    # --- what others may say to it

    @property
    def terminal(self) -> KeyId:
        """The key id that it proved."""
        return self._terminal.key_id

    @property
    def mailbox(self) -> Mailbox:
        """Where its envelopes are."""
        return self._terminal.mailbox

    def wake(self) -> None:
        """Say that something new may be owed."""
        self._owed.set()

    def grown(self) -> None:
        """Say that checkpoints were published."""
        self._news.set()

    def nacked(self) -> None:
        """Say that a nack has come, or that deposits were not fetched."""
        self._nacked.set()

    def end(self, *, going: bool = False) -> None:
        """Close the session: refused, or (``going``) because the relay stops."""
        code = WSCloseCode.GOING_AWAY if going else WSCloseCode.POLICY_VIOLATION
        if not self._over.done():
            self._over.set_result(code)

    # --- its life

    async def run(self) -> WSCloseCode:
        """Talk until one side ends it; return what the peer is told."""
        self._owed.set()
        self._news.set()
        self._nacked.set()
        try:
            async with self._tasks as group:
                for part in (self._end, self._read, self._write, self._fetch):
                    group.create_task(part())
                for part in (self._tell, self._pass_nacks, self._watch):
                    group.create_task(part())
                group.create_task(self._attachments.run())
        except BaseExceptionGroup as group_error:
            return _code(group_error)
        raise RuntimeError("a session ends by an exception")

    def _now(self) -> float:
        return self._relay.clock.monotonic()

    async def _end(self) -> None:
        raise EndedError(await self._over)

    async def _read(self) -> None:
        while (cell := await self._transport.receive()) is not None:
            for effect in self._line.receive(cell, self._now()):
                self._take(effect)
            self._sendable.set()
        raise EndedError(WSCloseCode.OK)  # the peer is gone

    async def _write(self) -> None:
        while True:
            self._sendable.clear()
            while cells := self._line.cells(self._now()):
                for cell in cells:
                    await self._transport.send(cell)
                self._attachments.moved()
            self._attachments.moved()
            wake = self._line.wake()
            rest = None if wake is None else max(SHORTEST, wake - self._now())
            with suppress(TimeoutError):
                async with asyncio.timeout(rest):
                    await self._sendable.wait()

    async def _watch(self) -> None:
        # Beside _write, which waits for a peer that takes nothing.
        while True:
            wake = self._line.wake()
            rest = TICK if wake is None else max(1.0, wake - self._now())
            await asyncio.sleep(min(TICK, rest))
            if any(isinstance(e, Stalled) for e in self._line.tick(self._now())):
                raise EndedError(WSCloseCode.POLICY_VIOLATION)

    # --- what the peer's cells bring

    def _take(self, effect: Effect) -> None:
        match effect:
            case ObjectComplete(Kind.SUBMISSION):
                if self._asked >= MAX_ASKED:
                    self._line.refuse(effect.id, CloseReason.BUSY)
                else:
                    self._submission(effect)
            case ObjectComplete(Kind.REQUEST):
                request = read_request(effect.content)
                if self._asked >= MAX_ASKED:
                    busy = Answer(number=request.number, code=ErrorCode.BUSY)
                    self._answer(effect.lane, busy)
                else:
                    self._start(self._request(effect.lane, request))
            case ObjectAcknowledged(object_id) if object_id in self._under_way:
                self._arrived.add(self._under_way[object_id])
                self._owed.set()
            case _:
                self._attachments.take(effect)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self._asked += 1
        self._tasks.create_task(self._counted(work))

    async def _counted(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        finally:
            self._asked -= 1
        self._sendable.set()

    def _submission(self, effect: ObjectComplete) -> None:
        try:
            submit = decode(effect.content, Submit, limit=MAX_REQUEST)
            answer = self._relay.mailbox.deposit(self._terminal, effect.lane, submit)
        except ProtocolError as error:
            self._refuse(effect.id, error)
            return
        self._asked += 1
        answer.add_done_callback(partial(self._deposited, effect.id))

    def _deposited(self, object_id: bytes, answer: asyncio.Future[Stored]) -> None:
        self._asked -= 1
        try:
            stored = answer.result()
        except ProtocolError as error:
            self._refuse(object_id, error)
        else:
            # Both leave only now, after the commit that they speak of.
            self._line.accepted(object_id, stored.index, stored.leaf)
            self._line.stored(object_id)
            self._awaited.add(stored.index)
        self._sendable.set()

    def _refuse(self, object_id: bytes, error: ProtocolError) -> None:
        busy = isinstance(error, BusyError)
        reason = CloseReason.BUSY if busy else CloseReason.NOT_WANTED
        self._line.refuse(object_id, reason)

    async def _request(self, lane: int, request: Request) -> None:
        wish = self._attachments.wish
        call = Caller(self._relay, self._terminal, lane, wish)
        self._answer(lane, await answer(call, request))

    def _answer(self, lane: int, found: Answer) -> None:
        self._line.offer(Kind.ANSWER, encode(found), lane, self._now())

    # --- what the peer is owed

    async def _fetch(self) -> None:
        while True:
            await self._owed.wait()
            self._owed.clear()
            self._attachments.look()
            await self._acknowledge()
            full = len(self._under_way) >= WINDOW
            owed = await self._relay.mailbox.owed(
                self._terminal,
                skip=self._under_way.values(),
                lane=URGENT if full else ANY_LANE,
                limit=FETCH,
            )
            for one in owed:
                content = delivery(one)
                object_id = self._line.offer(
                    Kind.DELIVERY, content, one.delivery.lane, self._now()
                )
                self._under_way[object_id] = one.delivery.cursor
                self._awaited.add(one.delivery.index)
            if len(owed) == FETCH:
                self._owed.set()
            self._sendable.set()

    async def _acknowledge(self) -> None:
        arrived, self._arrived = self._arrived, set()
        if not arrived:
            return
        await self._relay.mailbox.acknowledge(self._terminal, arrived)
        # Only now: what is not yet durably acknowledged is still owed in the store.
        self._under_way = {
            object_id: cursor
            for object_id, cursor in self._under_way.items()
            if cursor not in arrived
        }

    async def _tell(self) -> None:
        """Tell of checkpoints, but only of what the peer waits for.

        A notice each second would cost a poor line more than its messages.
        """
        while True:
            await self._news.wait()
            self._news.clear()
            published = self._relay.logs.published(LogName.MESSAGE)
            covered = {index for index in self._awaited if index < published}
            keys = self._relay.logs.published(LogName.KEY)
            if covered or keys != self._told_keys:
                self._awaited -= covered
                self._told_keys = keys
                self._notify(None)
            await asyncio.sleep(0 if covered else NEWS_PAUSE)

    async def _pass_nacks(self) -> None:
        while True:
            await self._nacked.wait()
            self._nacked.clear()
            for nack in await self._relay.mailbox.nacks(self._terminal):
                if nack not in self._told:
                    self._told.add(nack)
                    self._notify(nack)
            undelivered = await self._relay.retention.expiring(self._terminal)
            if undelivered:
                self._notify(None, undelivered)

    def _notify(self, nack: bytes | None, undelivered: int | None = None) -> None:
        content = encode(self._notice(nack, undelivered))
        self._line.offer(Kind.NOTICE, content, NOTICE_LANE, self._now())
        self._sendable.set()

    def _notice(self, nack: bytes | None, undelivered: int | None) -> Notice:
        logs = self._relay.logs
        return Notice(
            key_log=logs.published(LogName.KEY),
            message_log=logs.published(LogName.MESSAGE),
            incarnation=self._relay.incarnation,
            nack=nack,
            undelivered=undelivered,
        )


def _code(group: BaseExceptionGroup[BaseException]) -> WSCloseCode:
    """Return how the session ended; raise the first thing that no peer can cause."""
    peers, ours = group.split((EndedError, ProtocolError, ConnectionError))
    for error in () if ours is None else _flat(ours):
        raise error
    for error in () if peers is None else _flat(peers):
        if isinstance(error, EndedError):
            return error.code
    return WSCloseCode.POLICY_VIOLATION


def _flat(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _flat(error)
        else:
            yield error
