"""The receiving half of a line: the peer's streams (docs/spec/line.md, 4 and 7).

Every stream is a frozen value in one table.  The frames of a cell are tried on a
:class:`Draft` of it and take effect together, or not at all.
"""

import enum
from dataclasses import dataclass, field
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


@dataclass(slots=True)
class Draft:
    """What a cell makes of the streams, before it is believed as a whole."""

    streams: dict[int, Incoming]
    answers: list[Frame] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    parts: dict[int, list[bytes]] = field(default_factory=dict)
    complete: set[int] = field(default_factory=set)  # streams joined to one object
    handed: list[bytes] = field(default_factory=list)  # ids now with the shell
    seen: int = 0  # what the peer counts of our cells; 0: it did not say


class Inbound:
    """The peer's streams of one session, and what was known before it."""

    __slots__ = ("_known", "_parts", "_peer", "_streams")

    def __init__(self, peer: Side) -> None:
        self._peer = peer
        self._streams: dict[int, Incoming] = {}
        self._parts: dict[int, list[bytes]] = {}
        # Whole objects that the shell was given, in the order they came: stored
        # or not yet.  Survives a cut, so that a lost ACK shows nothing twice.
        self._known: dict[bytes, bool] = {}

    def draft(self) -> Draft:
        """Return a copy to try frames on."""
        return Draft(dict(self._streams))

    def commit(self, draft: Draft) -> None:
        """Make what the draft says true."""
        self._streams = draft.streams
        for stream, parts in draft.parts.items():
            # One piece a cell: an object in frames of a byte or two, each kept by
            # itself, would take 25 times its size.
            self._parts.setdefault(stream, []).append(b"".join(parts))
        for stream in draft.complete | (self._parts.keys() - draft.streams.keys()):
            self._parts.pop(stream, None)
        for object_id in draft.handed:
            self._known[object_id] = False
        while len(self._known) > MAX_KNOWN:
            del self._known[next(iter(self._known))]

    def cut(self) -> None:
        """Forget the session's streams.  What was not handed on comes again."""
        self._streams = {}
        self._parts = {}

    # --- the peer's frames

    def open(self, draft: Draft, frame: Open) -> None:
        """Let a stream begin, or refuse its object."""
        if frame.kind not in self._peer.kinds or not self._theirs(frame.stream):
            raise UnexpectedMessageError
        open_ids = {incoming.id for incoming in draft.streams.values()}
        if frame.stream in draft.streams or frame.id in open_ids:
            raise UnexpectedMessageError
        if len(draft.streams) == MAX_STREAMS:
            raise BusyError
        mode = Mode.ASKED
        if frame.kind in STREAMED:
            draft.effects.append(
                ObjectOpened(frame.kind, frame.id, frame.lane, frame.total)
            )
        else:
            mode = self._whole(draft, frame)
        draft.streams[frame.stream] = Incoming(
            frame.stream, frame.lane, frame.kind, frame.total, frame.id, mode
        )

    def _whole(self, draft: Draft, frame: Open) -> Mode:
        if frame.offset:  # a whole object begins at its beginning
            raise MalformedError
        if frame.id in self._known:
            if not self._known[frame.id]:
                return Mode.REPEATED
            draft.answers.append(Ack(frame.stream, frame.total))
            return Mode.DRAIN
        collected = sum(
            incoming.total
            for incoming in draft.streams.values()
            if incoming.mode is Mode.COLLECT
        )
        if frame.total > MAX_WHOLE:
            draft.answers.append(Close(frame.stream, CloseReason.TOO_LARGE))
            return Mode.DRAIN
        if collected + frame.total > MAX_COLLECTED:
            draft.answers.append(Close(frame.stream, CloseReason.BUSY))
            return Mode.DRAIN
        return Mode.COLLECT

    def data(self, draft: Draft, frame: Data) -> None:
        """Take the next bytes of a stream."""
        before = draft.streams.get(frame.stream)
        if before is None or before.mode is Mode.ASKED:
            raise UnexpectedMessageError
        after = replace(before, received=before.received + len(frame.content))
        if after.received > after.total or frame.lane != after.lane:
            raise MalformedError
        draft.streams[frame.stream] = after
        if after.mode is Mode.STORE:
            draft.effects.append(StoreBytes(after.id, before.received, frame.content))
        elif after.mode is Mode.COLLECT:
            draft.parts.setdefault(after.stream, []).append(frame.content)
        if after.received == after.total:
            self._end(draft, after)

    def _end(self, draft: Draft, incoming: Incoming) -> None:
        if incoming.mode is Mode.DRAIN:
            del draft.streams[incoming.stream]
        if incoming.mode is not Mode.COLLECT:
            return
        earlier = self._parts.get(incoming.stream, [])
        content = b"".join((*earlier, *draft.parts[incoming.stream]))
        if H(content)[:ID_SIZE] != incoming.id:
            raise MalformedError
        kind = incoming.kind
        draft.effects.append(ObjectComplete(kind, incoming.id, incoming.lane, content))
        draft.complete.add(incoming.stream)
        if kind in VOLATILE:
            del draft.streams[incoming.stream]
        else:
            draft.handed.append(incoming.id)

    def close(self, draft: Draft, frame: Close) -> None:
        """End a stream that its sender gave up."""
        incoming = draft.streams.pop(frame.stream, None)
        if incoming is None or incoming.mode is Mode.DRAIN:
            return
        if incoming.received < incoming.total and incoming.mode is not Mode.REPEATED:
            draft.effects.append(ObjectAbandoned(incoming.id))

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

    def _finish(self, incoming: Incoming) -> None:
        # Its sender may have bytes of it under way: they end, or a CLOSE comes.
        if incoming.received == incoming.total:
            del self._streams[incoming.stream]
        else:
            self._streams[incoming.stream] = replace(incoming, mode=Mode.DRAIN)

    def _of(self, object_id: bytes) -> Incoming | None:
        for incoming in self._streams.values():
            if incoming.id == object_id and incoming.mode is not Mode.DRAIN:
                return incoming
        return None  # its session is gone

    def _theirs(self, stream: int) -> bool:
        return stream > 0 and stream & 1 == self._peer.value
