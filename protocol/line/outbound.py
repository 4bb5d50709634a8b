"""The sending half of a line: our objects (docs/spec/line.md, sections 4, 6 and 7).

An object waits until a stream number is free, is opened, sent by the order of
:mod:`protocol.line.lanes`, and forgotten when the peer's ACK covers all of it.  Each
object is a frozen value in one table; a cell's frames are tried on a copy of it.
"""

from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec.structs import replace

from protocol.errors import BusyError, MalformedError
from protocol.line.effects import (
    STREAMED,
    VOLATILE,
    Effect,
    ObjectAccepted,
    ObjectAcknowledged,
    ObjectLost,
    ObjectRefused,
    Side,
)
from protocol.line.frames import (
    DATA_HEADER,
    OPEN_SIZE,
    Accept,
    Ack,
    Close,
    CloseReason,
    Data,
    Frame,
    Kind,
    Open,
)
from protocol.line.inbound import MAX_STREAMS
from protocol.line.lanes import Lanes

MAX_OBJECTS: Final = 1_024  # offered at a time: the shell keeps the rest
AHEAD: Final = 64 * 1024  # bytes of a streamed object that are asked for at a time
# Bytes of all streamed objects together that are given to the line and not durable at
# the peer: what a cut may cost, and what a receiver may have to hold.
UNCONFIRMED: Final = 256 * 1024
# Streams that objects of a lane may hold together with the lanes below: so that an
# urgent object never waits for a number that bulk or routine traffic holds.
_SHARE: Final = (MAX_STREAMS, *(MAX_STREAMS - 4,) * 3, MAX_STREAMS // 2)
_STREAM_NUMBERS: Final = 1 << 16


class Outgoing(msgspec.Struct, frozen=True):
    """One object of ours, from its offer to its ACK."""

    id: bytes
    kind: Kind
    lane: int
    total: int
    since: float  # seconds: when it was offered
    content: bytes  # the bytes from ``start`` on that are at hand
    start: int = 0
    stream: int = 0  # 0: no number yet
    opened: bool = False
    waiting: bool = False  # for the ACK that says where a streamed object begins
    sent: int = 0
    durable: int = 0

    @property
    def at_hand(self) -> int:
        """The offset up to which bytes could be sent."""
        return self.start + len(self.content)

    @property
    def ready(self) -> bool:
        """Whether a cell could carry something of it now."""
        return not self.opened or (not self.waiting and self.sent < self.at_hand)


@dataclass(frozen=True, slots=True)
class Want:
    """``line.feed`` the bytes of a streamed object from ``offset`` on."""

    id: bytes
    offset: int
    size: int


Draft = dict[bytes, Outgoing | None]  # what a cell changes; None: ended


class Outbound:
    """Our objects, those of earlier sessions that are not acknowledged included."""

    __slots__ = ("_next", "_objects", "_pending", "_ready", "_side", "_streams")

    def __init__(self, side: Side) -> None:
        self._side = side
        self._objects: dict[bytes, Outgoing] = {}
        self._begin()

    def _begin(self) -> None:
        self._streams: dict[int, bytes] = {}
        self._pending = Lanes()  # without a stream number
        self._ready = Lanes()  # with something to send
        self._next = 2 - self._side.value  # odd from the terminal, even from the relay

    def __len__(self) -> int:
        return len(self._objects)

    # --- the shell's word

    def offer(self, outgoing: Outgoing, now: float) -> None:
        """Take an object; offering one again that is still here changes nothing.

        Raises:
            BusyError: MAX_OBJECTS are here.
        """
        if outgoing.id in self._objects:
            return
        if len(self._objects) == MAX_OBJECTS:
            raise BusyError
        self._objects[outgoing.id] = outgoing
        self._pending.add(outgoing.id, outgoing.lane, outgoing.since, now)

    def feed(self, object_id: bytes, offset: int, content: bytes, now: float) -> None:
        """Take bytes of a streamed object; drop what is not, or no longer, wanted.

        Raises:
            ValueError: more bytes than the object has.
        """
        before = self._objects.get(object_id)
        if before is None or before.waiting or before.at_hand != offset:
            return
        if offset + len(content) > before.total:
            raise ValueError("more bytes than the object has")
        rest = before.content[before.sent - before.start :]
        self._put(replace(before, content=rest + content, start=before.sent), now)

    def wants(self) -> tuple[Want, ...]:
        """Return what streamed objects need next, the same until it is fed."""
        moving = [
            one
            for one in map(self._objects.__getitem__, self._streams.values())
            if one.kind in STREAMED and one.opened and not one.waiting
        ]
        room = UNCONFIRMED - sum(one.at_hand - one.durable for one in moving)
        wants: list[Want] = []
        for one in moving:
            size = min(AHEAD, one.total - one.at_hand, room)
            if size > 0 and one.at_hand - one.sent < AHEAD:
                wants.append(Want(one.id, one.at_hand, size))
                room -= size
        return tuple(wants)

    def withdraw(self, object_id: bytes) -> Frame | None:
        """Forget an object; return the CLOSE that says so, if it was opened."""
        gone = self._objects.get(object_id)
        if gone is None:
            return None
        self._drop(gone)
        return Close(gone.stream, CloseReason.DONE) if gone.opened else None

    def cut(self, now: float) -> tuple[Effect, ...]:
        """Begin again with every object that is not acknowledged."""
        objects, self._objects = self._objects, {}
        self._begin()
        lost: list[Effect] = []
        for one in objects.values():
            if one.kind in VOLATILE:
                lost.append(ObjectLost(one.id))
            else:
                self.offer(_again(one), now)
        return tuple(lost)

    # --- sending

    def assign(self, now: float) -> None:
        """Give stream numbers to those whose turn it is."""
        while (object_id := self._pending.choose(now)) is not None:
            one = self._objects[object_id]
            if len(self._streams) >= _SHARE[one.lane]:
                return
            while self._next in self._streams:
                self._step()
            self._pending.discard(object_id)
            self._streams[self._next] = object_id
            self._put(replace(one, stream=self._next), now)
            self._step()

    def _step(self) -> None:
        self._next = (self._next + 2) % _STREAM_NUMBERS or 2

    def urgent(self, now: float) -> bool:
        """Tell whether an object of lane 0 has something to send."""
        if self._pending:
            self.assign(now)
        return self._ready.urgent

    def fill(self, room: int, now: float) -> list[Frame]:
        """Return the frames that use at most ``room`` bytes, by lanes."""
        frames: list[Frame] = []
        if not self._objects:
            return frames
        if self._pending:
            self.assign(now)
        while (object_id := self._ready.choose(now)) is not None:
            one = self._objects[object_id]
            if not one.opened:
                if room < OPEN_SIZE:
                    break
                room -= OPEN_SIZE
                frames.append(
                    Open(one.stream, one.lane, one.kind, one.total, one.durable, one.id)
                )
                one = replace(one, opened=True, waiting=one.kind in STREAMED)
            size = min(room - DATA_HEADER, one.at_hand - one.sent)
            if size > 0 and not one.waiting:
                begin = one.sent - one.start
                content = one.content[begin : begin + size]
                frames.append(Data(one.stream, one.lane, content))
                room -= DATA_HEADER + size
                one = replace(one, sent=one.sent + size)
            elif one is self._objects[object_id]:
                break  # not even one byte has room
            self._ready.sent(object_id, now)
            self._put(one, now)
        return frames

    # --- the peer's frames, tried on a draft

    def ack(self, draft: Draft, frame: Ack) -> list[Effect]:
        """Take what the peer says is durable."""
        one = self._by_stream(draft, frame.stream)
        if one is None:
            return []
        if one.kind not in STREAMED:
            # All or nothing, and perhaps before all of it left: an earlier session
            # brought it, and its ACK was lost.
            legal = frame.offset == one.total
        else:
            legal = frame.offset <= (one.total if one.waiting else one.sent)
        if not legal:
            raise MalformedError
        if frame.offset == one.total:
            draft[one.id] = None
        elif one.waiting:  # begin where the peer says, even before what it once had
            draft[one.id] = replace(_from(one, frame.offset), waiting=False)
        elif frame.offset > one.durable:
            draft[one.id] = replace(one, durable=frame.offset)
        else:
            return []
        return [ObjectAcknowledged(one.id, frame.offset, one.total)]

    def close(self, draft: Draft, frame: Close) -> list[Effect]:
        """Take back an object that the peer refuses."""
        one = self._by_stream(draft, frame.stream)
        if one is None:
            return []
        draft[one.id] = None
        return [ObjectRefused(one.id, frame.reason)]

    def accept(self, draft: Draft, frame: Accept) -> list[Effect]:
        """Take the place of a submission's leaf."""
        one = self._by_stream(draft, frame.stream)
        return [] if one is None else [ObjectAccepted(one.id, frame.index, frame.leaf)]

    def commit(self, draft: Draft, now: float) -> list[Frame]:
        """Make the draft true; return the CLOSE of what was ended half sent."""
        closes: list[Frame] = []
        for object_id, after in draft.items():
            before = self._objects[object_id]
            if after is not None:
                self._put(after, now)
                continue
            self._drop(before)
            if before.sent < before.total:
                closes.append(Close(before.stream, CloseReason.DONE))
        return closes

    def _by_stream(self, draft: Draft, stream: int) -> Outgoing | None:
        # None: a number that is not ours, or whose object has already ended.
        object_id = self._streams.get(stream)
        if object_id is None:
            return None
        one = draft.get(object_id, self._objects[object_id])
        return one if one is not None and one.opened else None

    # --- the table

    def _put(self, one: Outgoing, now: float) -> None:
        """Keep ``one``, and let it wait for a cell if it has something to send."""
        self._objects[one.id] = one
        if not one.ready:
            self._ready.discard(one.id)
            if one.sent == one.total and one.kind in VOLATILE:
                self._drop(one)
        elif one.id not in self._ready:
            self._ready.add(one.id, one.lane, one.since, now)

    def _drop(self, one: Outgoing) -> None:
        del self._objects[one.id]
        self._streams.pop(one.stream, None)
        if not self._objects:  # a dictionary that was used stays large
            self._objects, self._streams = {}, {}
        self._pending.discard(one.id)
        self._ready.discard(one.id)


def _again(one: Outgoing) -> Outgoing:
    """Return ``one`` as it is offered to the next session."""
    fresh = replace(one, stream=0, opened=False, waiting=False)
    return _from(fresh, one.durable) if one.kind in STREAMED else replace(fresh, sent=0)


def _from(one: Outgoing, offset: int) -> Outgoing:
    """Return a streamed object of which the peer has all before ``offset``."""
    return replace(one, sent=offset, durable=offset, start=offset, content=b"")
