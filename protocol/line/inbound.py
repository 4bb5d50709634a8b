"""The receiving half of a line: the peer's streams (docs/spec/line.md, 4 and 7).

Every stream is a frozen value in one table.  The frames of a cell change it one by
one and note in a :class:`Draft` what stood there before: a cell that is refused is
undone, so its frames take effect together or not at all.
"""

import enum
from typing import Final

import msgspec
from msgspec.structs import replace

from crypto.digest import H
from protocol.errors import BusyError, MalformedError, UnexpectedMessageError
from protocol.line.effects import (
    MAX_COLLECTED,
    MAX_WHOLE,
    STREAMED,
    VOLATILE,
    Effect,
    ObjectAbandoned,
    ObjectComplete,
    ObjectOpened,
    Side,
    StoreBytes,
)
from protocol.line.frames import (
    ID_SIZE,
    Accept,
    Ack,
    Close,
    CloseReason,
    Data,
    Frame,
    Kind,
    Open,
)

MAX_STREAMS: Final = 64  # open at a time and direction: bounds state and a scan
MAX_KNOWN: Final = 1_024  # ids of finished objects that are recognised when repeated


class Mode(enum.Enum):
    """What happens to the bytes of a stream."""

    COLLECT = enum.auto()  # a whole object, in memory
    REPEATED = enum.auto()  # a whole object that the shell already has: not kept
    ASKED = enum.auto()  # streamed, not yet accepted: no byte may come
    STORE = enum.auto()  # streamed: handed on as they come
    DRAIN = enum.auto()  # refused or already durable: not kept, until its end


class Incoming(msgspec.Struct, frozen=True):
    """One stream of the peer."""

    stream: int
    lane: int
    kind: Kind
    total: int
    id: bytes
    mode: Mode
    received: int = 0


class Draft(msgspec.Struct):
    """What a cell brings, and what undoes it."""

    before: dict[int, Incoming | None] = {}  # each stream that it changed; None: new
    answers: list[Frame] = []
    effects: list[Effect] = []
    parts: dict[int, list[bytes]] = {}
    ended: list[int] = []  # streams whose earlier parts are needed no more
    handed: list[bytes] = []  # ids now with the shell
    counts: bool = False  # it carries data: the peer wants to hear that it came
    seen: int = 0  # what the peer counts of our cells; 0: it did not say

    def end(self, stream: int) -> None:
        """Keep no part of a stream; its number may be taken again in this cell."""
        self.parts.pop(stream, None)
        self.ended.append(stream)


class Inbound:
    """The peer's streams of one session, and what was known before it."""

    __slots__ = (
        "_bit",
        "_collecting",
        "_ids",
        "_kinds",
        "_known",
        "_parts",
        "_streams",
    )

    def __init__(self, peer: Side) -> None:
        # Asked for at each stream, and an enumeration's own words are slow.
        self._kinds = peer.kinds
        self._bit: int = peer.value
        self._streams: dict[int, Incoming] = {}
        self._ids: dict[bytes, int] = {}  # of every stream above: one per object
        self._collecting = 0  # bytes that those in COLLECT announced
        self._parts: dict[int, list[bytes]] = {}
        # Whole objects that the shell was given, in the order they came: stored
        # or not yet.  Survives a cut, so that a lost ACK shows nothing twice.
        self._known: dict[bytes, bool] = {}

    def commit(self, draft: Draft) -> None:
        """Keep what the cell changed."""
        for stream in draft.ended:
            self._parts.pop(stream, None)
        for stream, parts in draft.parts.items():
            # One piece a cell: an object in frames of a byte or two, each kept by
            # itself, would take 25 times its size.
            self._parts.setdefault(stream, []).append(b"".join(parts))
        for object_id in draft.handed:
            self._known[object_id] = False
        while len(self._known) > MAX_KNOWN:
            del self._known[next(iter(self._known))]

    def undo(self, draft: Draft) -> None:
        """Take back what a refused cell changed."""
        for stream, before in draft.before.items():
            if before is None:
                self._streams.pop(stream, None)
            else:
                self._streams[stream] = before
        self._ids = {one.id: one.stream for one in self._streams.values()}
        self._collecting = sum(map(_collected, self._streams.values()))

    def cut(self) -> None:
        """Forget the session's streams.  What was not handed on comes again."""
        self._streams = {}
        self._ids = {}
        self._collecting = 0
        self._parts = {}

    # --- the peer's frames

    def open(self, draft: Draft, frame: Open) -> None:
        """Let a stream begin, or refuse its object."""
        draft.counts = True
        if frame.kind not in self._kinds or not self._theirs(frame.stream):
            raise UnexpectedMessageError
        if frame.stream in self._streams or frame.id in self._ids:
            raise UnexpectedMessageError
        if len(self._streams) == MAX_STREAMS:
            raise BusyError
        mode = Mode.ASKED
        if frame.kind in STREAMED:
            draft.effects.append(
                ObjectOpened(frame.kind, frame.id, frame.lane, frame.total)
            )
        else:
            mode = self._whole(draft, frame)
        draft.before.setdefault(frame.stream, None)
        self._add(
            Incoming(frame.stream, frame.lane, frame.kind, frame.total, frame.id, mode)
        )

    def _whole(self, draft: Draft, frame: Open) -> Mode:
        if frame.offset:  # a whole object begins at its beginning
            raise MalformedError
        if frame.id in self._known:
            if not self._known[frame.id]:
                return Mode.REPEATED
            draft.answers.append(Ack(frame.stream, frame.total))
            return Mode.DRAIN
        if frame.total > MAX_WHOLE:
            draft.answers.append(Close(frame.stream, CloseReason.TOO_LARGE))
            return Mode.DRAIN
        if self._collecting + frame.total > MAX_COLLECTED:
            draft.answers.append(Close(frame.stream, CloseReason.BUSY))
            return Mode.DRAIN
        return Mode.COLLECT

    def data(self, draft: Draft, frame: Data) -> None:
        """Take the next bytes of a stream."""
        draft.counts = True
        before = self._streams.get(frame.stream)
        if before is None or before.mode is Mode.ASKED:
            raise UnexpectedMessageError
        after = replace(before, received=before.received + len(frame.content))
        if after.received > after.total or frame.lane != after.lane:
            raise MalformedError
        draft.before.setdefault(frame.stream, before)
        self._streams[frame.stream] = after
        if after.mode is Mode.STORE:
            draft.effects.append(StoreBytes(after.id, before.received, frame.content))
        elif after.mode is Mode.COLLECT:
            self._collect(draft, after, frame.content)
        elif after.mode is Mode.DRAIN and after.received == after.total:
            self._remove(draft, after)

    def _collect(self, draft: Draft, incoming: Incoming, content: bytes) -> None:
        if len(content) < incoming.total:  # else one frame holds all of it
            stream = incoming.stream
            parts = draft.parts.setdefault(stream, [])
            parts.append(content)
            if incoming.received < incoming.total:
                return
            earlier = () if stream in draft.ended else self._parts.get(stream, ())
            content = b"".join((*earlier, *parts))
            draft.end(stream)
        if H(content)[:ID_SIZE] != incoming.id:
            raise MalformedError
        kind = incoming.kind
        draft.effects.append(ObjectComplete(kind, incoming.id, incoming.lane, content))
        if kind in VOLATILE:
            self._remove(draft, incoming)
        else:
            draft.handed.append(incoming.id)

    def close(self, draft: Draft, frame: Close) -> None:
        """End a stream that its sender gave up."""
        incoming = self._streams.get(frame.stream)
        if incoming is None:
            return
        self._remove(draft, incoming)
        if incoming.mode is Mode.DRAIN:
            return
        if incoming.received < incoming.total and incoming.mode is not Mode.REPEATED:
            draft.effects.append(ObjectAbandoned(incoming.id))

    def _remove(self, draft: Draft, incoming: Incoming) -> None:
        draft.before.setdefault(incoming.stream, incoming)
        draft.end(incoming.stream)
        self._forget(incoming)

    # --- the shell's word

    def accept(self, object_id: bytes, offset: int) -> Frame | None:
        """Return the ACK that starts a streamed object; None after a cut."""
        incoming = self._of(object_id)
        if incoming is None:
            return None
        if incoming.mode is not Mode.ASKED or not 0 <= offset <= incoming.total:
            raise ValueError("not offered, or no such offset")
        accepted = replace(incoming, mode=Mode.STORE, received=offset)
        self._streams[incoming.stream] = accepted
        return self._ack(accepted, offset)

    def refuse(self, object_id: bytes, reason: CloseReason) -> Frame | None:
        """Return the CLOSE of an object that is not taken; None after a cut."""
        self._known.pop(object_id, None)
        incoming = self._of(object_id)
        if incoming is None:
            return None
        self._finish(incoming)
        return Close(incoming.stream, reason)

    def stored(self, object_id: bytes, offset: int | None) -> Frame | None:
        """Return the ACK of what is now durable; None after a cut."""
        if object_id in self._known:
            self._known[object_id] = True
        incoming = self._of(object_id)
        if incoming is None:
            return None
        durable = incoming.total if offset is None else offset
        if durable > incoming.received and incoming.mode is not Mode.REPEATED:
            raise ValueError("bytes that did not arrive cannot be durable")
        return self._ack(incoming, durable)

    def accepted(self, object_id: bytes, index: int, leaf: bytes) -> Frame | None:
        """Return the ACCEPT of a submission, before its ACK; None after a cut."""
        incoming = self._of(object_id)
        return None if incoming is None else Accept(incoming.stream, index, leaf)

    def _ack(self, incoming: Incoming, offset: int) -> Frame:
        if offset == incoming.total:
            self._finish(incoming)
        return Ack(incoming.stream, offset)

    def _of(self, object_id: bytes) -> Incoming | None:
        stream = self._ids.get(object_id)
        if stream is None:
            return None  # its session is gone
        incoming = self._streams[stream]
        return None if incoming.mode is Mode.DRAIN else incoming

    # --- the tables

    def _theirs(self, stream: int) -> bool:
        return stream > 0 and stream & 1 == self._bit

    def _add(self, incoming: Incoming) -> None:
        self._streams[incoming.stream] = incoming
        self._ids[incoming.id] = incoming.stream
        self._collecting += _collected(incoming)

    def _forget(self, incoming: Incoming) -> None:
        del self._streams[incoming.stream]
        del self._ids[incoming.id]
        self._collecting -= _collected(incoming)

    def _finish(self, incoming: Incoming) -> None:
        # Its sender may have bytes of it under way: they end, or a CLOSE comes.
        self._forget(incoming)
        if incoming.received < incoming.total:
            self._add(replace(incoming, mode=Mode.DRAIN))


def _collected(incoming: Incoming) -> int:
    return incoming.total if incoming.mode is Mode.COLLECT else 0
