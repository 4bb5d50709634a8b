"""The line of one side: objects in, cells out, and the other way round.

Pure: no I/O, no clock, no randomness.  The shell brings what arrived and the time
(monotonic seconds), carries out the effects in order, and writes the cells::

    line = Line(Side.TERMINAL, POOR)
    line.connect(sealer, opener, now)          # from a session that is open
    line.offer(Kind.REQUEST, body, lane=0, now=now)
    for cell in line.cells(now, limit=1):      # one per write: lanes stay real
        await socket.send_bytes(cell)
    for effect in line.receive(cell, now):
        match effect:
            case ObjectComplete(Kind.DELIVERY, object_id, _, content):
                vault.commit(content)          # then, and only then:
                line.stored(object_id)         # the ACK goes out with a next cell

    line.cut(now)                              # the connection is gone
    line.connect(*frames_of_the_next_session, now)

**Objects** are opaque bytes of a kind (:mod:`protocol.line.effects` says what is
whole, volatile or streamed); their id is H(object)[:16].  Offering one that is still
here changes nothing, so a shell may offer again after any doubt.  A streamed object
is announced by id and length and fed in pieces: after each ``receive`` and ``cells``
look at ``line.wants()``.  On the other side it is ``accept``-ed at the offset that is
already durable there, and each ``StoreBytes`` is answered by ``stored(id, offset)``.

**When to call** ``cells``: after every call that could give something to send
(offer, feed, receive, stored, accept, refuse), when the socket's buffer has emptied,
and at ``line.wake()``.  Take one cell per write, and none while the transport holds
more than two: what is written can no longer be overtaken.

**A refused cell changes nothing**: its frames take effect together.  After a
``ProtocolError`` the session is over; close it, then ``cut``.  What was offered and
not acknowledged stays, and goes to the next session.

Source: docs/spec/line.md.
"""

from typing import Final

from crypto.digest import H
from protocol.errors import BusyError, MalformedError, UnexpectedMessageError
from protocol.line import outbound
from protocol.line.cells import (
    Opener,
    Sealer,
    capacity,
    fitting,
    open_cell,
    seal_cell,
)
from protocol.line.credit import Credit
from protocol.line.effects import (
    AUTO,
    MAX_WHOLE,
    STREAMED,
    Effect,
    Profile,
    Side,
    Stalled,
)
from protocol.line.frames import (
    ID_SIZE,
    MAX_TOTAL,
    Accept,
    Ack,
    Close,
    CloseReason,
    Data,
    Frame,
    Kind,
    Open,
    Seen,
    write,
)
from protocol.line.inbound import Draft, Inbound
from protocol.line.outbound import Outbound, Outgoing, Want

SEEN_CELLS: Final = 2  # cells with data that arrive before SEEN is worth a cell
SEEN_DELAY: Final = 0.2  # seconds that SEEN waits for something to travel with
SEEN_SIZE: Final = 7  # bytes of a SEEN frame
MAX_CONTROL: Final = 4_096  # control frames that wait for a cell


class Line:
    """One side's line, through any number of sessions, one at a time."""

    __slots__ = (
        "_control",
        "_credit",
        "_inbound",
        "_opener",
        "_outbound",
        "_owed",
        "_owed_since",
        "_received",
        "_sealer",
        "_side",
        "profile",
    )

    def __init__(self, side: Side, profile: Profile = AUTO) -> None:
        self.profile = profile  # may be set while no session is connected
        self._side = side
        self._outbound = Outbound(side)
        self._inbound = Inbound(side.peer)
        self._sealer: Sealer | None = None
        self._opener: Opener | None = None
        self._control: list[bytes] = []
        self._credit = Credit(profile, 0.0)
        self._received = 0  # cells of this session
        self._owed = 0  # cells with data that were not counted to the peer
        self._owed_since = 0.0

    # --- sessions

    @property
    def connected(self) -> bool:
        """Whether a session carries this line now."""
        return self._sealer is not None

    def connect(self, sealer: Sealer, opener: Opener, now: float) -> None:
        """Go on over a session that is open.

        Raises:
            RuntimeError: the last one was not ended by ``cut``.
        """
        if self.connected:
            raise RuntimeError("one session at a time")
        self._sealer, self._opener = sealer, opener
        self._credit = Credit(self.profile, now)

    def cut(self, now: float) -> tuple[Effect, ...]:
        """End the session; return an ObjectLost for each volatile object."""
        self._sealer = self._opener = None
        self._control.clear()
        self._received = self._owed = 0
        self._inbound.cut()
        return self._outbound.cut(now)

    # --- what we send

    def offer(self, kind: Kind, content: bytes, lane: int, now: float) -> bytes:
        """Take a whole object to send, and return its id.

        Raises:
            BusyError: too many objects wait; offer it when one has gone.
            ValueError: a kind that this side does not send whole, or a wrong size.
        """
        if kind in STREAMED or not 0 < len(content) <= MAX_WHOLE:
            raise ValueError("not a whole object")
        object_id = H(content)[:ID_SIZE]
        self._offer(Outgoing(object_id, kind, lane, len(content), now, content), now)
        return object_id

    def offer_streamed(
        self, kind: Kind, object_id: bytes, total: int, lane: int, now: float
    ) -> None:
        """Announce a streamed object of ``total`` bytes; feed it as ``wants`` says.

        Raises:
            BusyError: too many objects wait; offer it when one has gone.
            ValueError: a kind that this side does not stream, or a wrong size.
        """
        if kind not in STREAMED or not 0 < total <= MAX_TOTAL:
            raise ValueError("not a streamed object")
        self._offer(Outgoing(object_id, kind, lane, total, now, b""), now)

    def _offer(self, outgoing: Outgoing, now: float) -> None:
        if outgoing.kind not in self._side.kinds:
            raise ValueError("the other side sends this kind")
        self._outbound.offer(outgoing, now)

    def wants(self) -> tuple[Want, ...]:
        """Return what streamed objects need next; the same until it is fed."""
        return self._outbound.wants()

    def feed(self, object_id: bytes, offset: int, content: bytes, now: float) -> None:
        """Give bytes that ``wants`` named; what is no longer wanted is dropped."""
        self._outbound.feed(object_id, offset, content, now)

    def withdraw(self, object_id: bytes) -> None:
        """Stop sending an object.  The peer may have it already."""
        self._queue(self._outbound.withdraw(object_id))

    @property
    def waiting(self) -> int:
        """How many of our objects have not ended."""
        return len(self._outbound)

    def cells(self, now: float, limit: int = 1) -> tuple[bytes, ...]:
        """Return at most ``limit`` sealed cells to write now, in this order."""
        made: list[bytes] = []
        while len(made) < limit and (cell := self._cell(now)) is not None:
            made.append(cell)
        return tuple(made)

    def _cell(self, now: float) -> bytes | None:
        if self._sealer is None:
            return None
        room = capacity(self._credit.k)
        encoded = self._take_control(room - SEEN_SIZE)
        used = sum(map(len, encoded))
        data: list[Frame] = []
        if self._credit.allows(now, urgent=self._outbound.urgent(now)):
            data = self._outbound.fill(room - SEEN_SIZE - used, now)
        if not encoded and not data and not self._seen_due(now):
            return None
        if self._owed:
            encoded.append(write(Seen(self._received)))
            self._owed = 0
        encoded.extend(map(write, data))
        frames = b"".join(encoded)
        k = 0 if not data and len(frames) <= capacity(0) else fitting(len(frames))
        cell = seal_cell(self._sealer, frames, k)
        self._credit.sent(len(cell) if data else 0, now)
        return cell

    def _take_control(self, room: int) -> list[bytes]:
        count = 0
        for frame in self._control:
            if len(frame) > room:
                break
            room -= len(frame)
            count += 1
        taken = self._control[:count]
        del self._control[:count]
        return taken

    def _seen_due(self, now: float) -> bool:
        if self._owed >= SEEN_CELLS:
            return True
        return self._owed > 0 and now - self._owed_since >= SEEN_DELAY

    # --- what we receive

    def receive(self, cell: bytes, now: float) -> tuple[Effect, ...]:
        """Take a cell that arrived; return what the shell must do, in order.

        Raises:
            MalformedError: the cell does not open, or is not as specified.
            UnexpectedMessageError: a frame at a moment where it means nothing.
            BusyError: more streams than there may be, or than MAX_CONTROL answers
                that the peer did not let us send.
        """
        if self._opener is None:
            raise UnexpectedMessageError
        if len(self._control) > MAX_CONTROL:
            raise BusyError  # it asks for answers and does not take them
        frames = open_cell(self._opener, cell)
        draft = Draft()
        changed: outbound.Draft = {}
        try:
            for frame in frames:
                self._try(draft, changed, frame)
        except BaseException:
            self._inbound.undo(draft)
            raise
        self._inbound.commit(draft)
        for answer in (*draft.answers, *self._outbound.commit(changed, now)):
            self._queue(answer)
        self._received += 1
        if draft.counts:
            if not self._owed:
                self._owed_since = now
            self._owed += 1
        if draft.seen:
            self._credit.seen(draft.seen, now)
        return tuple(draft.effects)

    def _try(self, draft: Draft, changed: outbound.Draft, frame: Frame) -> None:
        match frame:
            case Data():
                self._inbound.data(draft, frame)
            case Open():
                self._inbound.open(draft, frame)
            case Close(stream) if stream & 1 == self._side.peer.value:
                self._inbound.close(draft, frame)
            case Close():
                draft.effects.extend(self._outbound.close(changed, frame))
            case Ack():
                draft.effects.extend(self._outbound.ack(changed, frame))
            case Accept():
                draft.effects.extend(self._outbound.accept(changed, frame))
            case Seen(cells):
                if cells > self._credit.cells:
                    raise MalformedError
                draft.seen = cells
            case _:  # SHAPE is reserved: nobody sends it in v1
                raise UnexpectedMessageError

    def accept(self, object_id: bytes, offset: int = 0) -> None:
        """Let an offered streamed object come, from what is durable here on."""
        self._queue(self._inbound.accept(object_id, offset))

    def refuse(self, object_id: bytes, reason: CloseReason) -> None:
        """Do not take an object: an offered one, or one that cannot be stored."""
        self._queue(self._inbound.refuse(object_id, reason))

    def stored(self, object_id: bytes, offset: int | None = None) -> None:
        """Acknowledge what is durable: all of an object, or all before ``offset``."""
        self._queue(self._inbound.stored(object_id, offset))

    def accepted(self, object_id: bytes, index: int, leaf: bytes) -> None:
        """Name the leaf of a submission; before ``stored``, which ends its stream."""
        self._queue(self._inbound.accepted(object_id, index, leaf))

    def _queue(self, frame: Frame | None) -> None:
        if frame is not None and self.connected:
            self._control.append(write(frame))

    # --- time

    def loss(self, now: float) -> None:
        """Note that the transport reported a retransmission."""
        self._credit.loss(now)

    def wake(self) -> float | None:
        """Return when ``cells`` or ``tick`` has something to do by time alone."""
        times = []
        if self._owed:
            times.append(self._owed_since + SEEN_DELAY)
        if self._credit.in_flight:
            times.append(self._credit.progress + self.profile.stall)
        return min(times, default=None)

    def tick(self, now: float) -> tuple[Effect, ...]:
        """Return Stalled if the peer has made no progress for the profile's time."""
        credit = self._credit
        if credit.in_flight and now - credit.progress >= self.profile.stall:
            return (Stalled(),)
        return ()
