"""What goes on in an open session: cells in, cells out, requests, deliveries.

The session's own task reads.  Writing, fetching what is owed and moving attachments
are steps (:mod:`server.web.turns`) that run while there is something to do; a request
is a task beside them, and their number is bounded.  One timer stands only while the
line waits for something.  So a session that is idle is one task and no timer of its
own.  All decisions are the line's (:mod:`protocol.line`) and the services'.
"""

import asyncio
from functools import partial
from typing import Final

from aiohttp import WSCloseCode

from crypto.types import Digest, KeyId, Mailbox
from protocol.codec import encode
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
from protocol.requests import (
    Answer,
    LogName,
    Notice,
    Request,
    Stored,
    read_submit,
)
from server.services.mailbox import delivery
from server.services.relay import Relay
from server.web.attachments import Attachments
from server.web.dispatch import MAX_REQUEST, Caller, answer, read_request
from server.web.ending import EndedError, code_of, raised
from server.web.transport import Transport
from server.web.turns import Turns

WINDOW: Final = 256  # deliveries under way; then only urgent ones
URGENT: Final = 1  # lanes up to this one go beyond the window
FETCH: Final = 64  # deliveries read from the store at a time
MAX_ASKED: Final = 64  # submissions and requests in work; then BUSY
NOTICE_LANE: Final = 1
FLASH: Final = 0  # the lane
TICK: Final = 5.0  # seconds between looks at the clock, at most
SHORTEST: Final = 0.01  # seconds: nothing waits for less
STUCK: Final = 1.0  # seconds, at least, between looks while a cell does not leave
ANY_LANE: Final = 4


class Conversation:
    """One open session; see :class:`server.services.presence.Connected`."""

    # Most sessions are idle most of the time: no dictionary of its own, an empty one
    # instead of a set (64 bytes for 216), and nothing for blobs before the first.
    __slots__ = (
        "_answers",
        "_arrived",
        "_asked",
        "_awaited",
        "_blobs",
        "_line",
        "_over",
        "_relay",
        "_soon",
        "_terminal",
        "_timer",
        "_told",
        "_told_keys",
        "_transport",
        "_turns",
        "_under_way",
        "_urgent",
    )

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
        self._turns = Turns()
        self._asked = 0
        self._urgent = 0  # of them submissions of lane 0, for which nothing else leaves
        self._answers: list[tuple[bytes, int, Stored | ProtocolError]] = []
        self._soon = False  # whether _flush was asked for
        self._under_way: dict[bytes, int] = {}  # object id -> cursor
        self._arrived: list[int] = []  # cursors that the peer has, to be committed
        self._awaited: dict[int, None] = {}  # leaves whose proof the peer will want
        self._told: dict[bytes, None] = {}  # nacks
        self._told_keys = -1  # size of the key log in the last notice
        self._blobs: Attachments | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._over: WSCloseCode | None = None

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
        self._turns.ask(self._fetch)

    def grown(self) -> None:
        """Say that checkpoints were published."""
        try:
            self._tell()
        except ProtocolError:  # too many objects wait, and it takes none
            self.end()

    def nacked(self) -> None:
        """Say that a nack has come, or that deposits were not fetched."""
        self._turns.ask(self._pass_nacks)

    def end(self, *, going: bool = False) -> None:
        """Close the session: refused, or (``going``) because the relay stops."""
        if not going and self._over is not WSCloseCode.POLICY_VIOLATION:
            self._over = WSCloseCode.POLICY_VIOLATION
            self._turns.start(partial(raised, EndedError(self._over)))
        elif self._over is None:
            self._over = WSCloseCode.GOING_AWAY
            self._send()  # it ends there, when what was taken is answered

    @property
    def _attachments(self) -> Attachments:
        if self._blobs is None:
            self._blobs = Attachments(
                self._relay, self._terminal, self._line, self._turns, self._send
            )
        return self._blobs

    # --- its life

    async def run(self) -> WSCloseCode:
        """Talk until one side ends it; return what the peer is told."""
        try:
            async with self._turns:
                self._begin()
                while (cell := await self._transport.receive()) is not None:
                    self._received(cell)
                    del cell  # nor is it kept while the next one is waited for
                raise EndedError(WSCloseCode.OK)  # the peer is gone
        except BaseExceptionGroup as group_error:
            return code_of(group_error)
        finally:
            if self._timer is not None:
                self._timer.cancel()

    def _now(self) -> float:
        return self._relay.clock.monotonic()

    def _begin(self) -> None:
        if self._over is not None:  # it ended before it began
            raise EndedError(self._over)
        self.wake()
        self.nacked()
        self._tell()

    def _send(self) -> None:
        """Send what there is, when the loop has gone round: cells fill up until then.

        What a peer takes at once needs no task; a step is begun only to wait for it.
        """
        if not self._soon:
            self._soon = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._soon = False
        self._answer_submissions()
        if self._over is None and self._blobs is None and self._turns.idle(self._write):
            while self._transport.empty:
                cells = () if self._urgent else self._line.cells(self._now())
                if not cells:
                    self._time(SHORTEST)
                    return
                for cell in cells:
                    self._transport.put(cell)
        self._turns.ask(self._write)

    async def _write(self) -> None:
        # What left while a FLASH is made durable would stand before its *stored*.
        while not self._urgent and (cells := self._line.cells(self._now())):
            self._time(SHORTEST)  # before it waits for a peer that takes nothing
            for cell in cells:
                await self._transport.send(cell)
            if self._blobs is not None:
                self._blobs.moved()
        if self._blobs is not None:
            self._blobs.moved()
        self._time(SHORTEST)
        if self._over is not None and not self._asked:
            raise EndedError(self._over)

    def _time(self, least: float) -> None:
        """Look again when the line wants it, in ``least`` to TICK seconds."""
        wake = self._line.wake()
        if wake is None:
            return  # a timer that stands finds nothing to do
        loop = asyncio.get_running_loop()
        at = loop.time() + min(TICK, max(least, wake - self._now()))
        if self._timer is not None:
            if self._timer.when() <= at:
                return
            self._timer.cancel()
        self._timer = loop.call_at(at, self._tick)

    def _tick(self) -> None:
        self._timer = None
        if any(isinstance(e, Stalled) for e in self._line.tick(self._now())):
            self.end()
            return
        self._send()
        self._time(STUCK)

    # --- what the peer's cells bring

    def _received(self, cell: bytes) -> None:
        for effect in self._line.receive(cell, self._now()):
            self._take(effect)
        self._send()

    def _take(self, effect: Effect) -> None:
        match effect:
            case ObjectComplete() if self._over is not None:
                pass  # not taken any more: it is sent again in the next session
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
                    self._start(effect.lane, request)
            case ObjectAcknowledged(object_id) if object_id in self._under_way:
                self._arrived.append(self._under_way[object_id])
                self.wake()
            case _:
                self._attachments.take(effect)

    def _start(self, lane: int, request: Request) -> None:
        self._asked += 1
        self._turns.start(partial(self._request, lane, request))

    def _submission(self, effect: ObjectComplete) -> None:
        try:
            submit = read_submit(effect.content, limit=MAX_REQUEST)
            told = partial(self._deposited, effect.id, effect.lane)
            self._relay.mailbox.deposit(self._terminal, effect.lane, submit, told)
        except ProtocolError as error:
            self._refuse(effect.id, error)
            return
        self._asked += 1
        self._urgent += effect.lane == FLASH

    def _deposited(
        self, object_id: bytes, lane: int, outcome: Stored | ProtocolError
    ) -> None:
        self._answers.append((object_id, lane, outcome))
        self._send()

    def _answer_submissions(self) -> None:
        answers, self._answers = self._answers, []
        for object_id, lane, outcome in answers:
            self._asked -= 1
            self._urgent -= lane == FLASH
            if isinstance(outcome, ProtocolError):
                self._refuse(object_id, outcome)
            else:
                # Both leave only now, after the commit that they speak of.
                self._line.accepted(object_id, outcome.index, outcome.leaf)
                self._line.stored(object_id)
                self._awaited[outcome.index] = None

    def _refuse(self, object_id: bytes, error: ProtocolError) -> None:
        busy = isinstance(error, BusyError)
        reason = CloseReason.BUSY if busy else CloseReason.NOT_WANTED
        self._line.refuse(object_id, reason)

    async def _request(self, lane: int, request: Request) -> None:
        call = Caller(self._relay, self._terminal, lane, self._wish)
        try:
            self._answer(lane, await answer(call, request))
        finally:
            self._asked -= 1
        self._send()

    def _wish(self, name: Digest) -> None:
        self._attachments.wish(name)

    def _answer(self, lane: int, found: Answer) -> None:
        self._line.offer(Kind.ANSWER, encode(found), lane, self._now())

    # --- what the peer is owed

    async def _fetch(self) -> None:
        if self._blobs is not None:
            self._blobs.look()
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
            self._awaited[one.delivery.index] = None
        if len(owed) == FETCH:
            self.wake()
        if owed:
            self._send()

    async def _acknowledge(self) -> None:
        if not self._arrived:
            return
        arrived, self._arrived = frozenset(self._arrived), []
        await self._relay.mailbox.acknowledge(self._terminal, arrived)
        # Only now: what is not yet durably acknowledged is still owed in the store.
        self._under_way = {
            object_id: cursor
            for object_id, cursor in self._under_way.items()
            if cursor not in arrived
        }

    def _tell(self) -> None:
        """Tell of checkpoints, but only of what the peer waits for.

        A notice each second would cost a poor line more than its messages.
        """
        published = self._relay.logs.published(LogName.MESSAGE)
        later = {index: None for index in self._awaited if index >= published}
        keys = self._relay.logs.published(LogName.KEY)
        if len(later) < len(self._awaited) or keys != self._told_keys:
            self._awaited = later
            self._told_keys = keys
            self._notify(None)

    async def _pass_nacks(self) -> None:
        for nack in await self._relay.mailbox.nacks(self._terminal):
            if nack not in self._told:
                self._told[nack] = None
                self._notify(nack)
        undelivered = await self._relay.retention.expiring(self._terminal)
        if undelivered:
            self._notify(None, undelivered)

    def _notify(self, nack: bytes | None, undelivered: int | None = None) -> None:
        content = encode(self._notice(nack, undelivered))
        self._line.offer(Kind.NOTICE, content, NOTICE_LANE, self._now())
        self._send()

    def _notice(self, nack: bytes | None, undelivered: int | None) -> Notice:
        logs = self._relay.logs
        return Notice(
            key_log=logs.published(LogName.KEY),
            message_log=logs.published(LogName.MESSAGE),
            incarnation=self._relay.incarnation,
            nack=nack,
            undelivered=undelivered,
        )
