"""Heartbeats: both ends say daily how far their streams go, while anything waits.

A terminal with something unconfirmed for a day names both streams of the pair.  The
peer asks for what it lacks, and answers with one of its own if it has got since its
last one what is kept until then; so receipts, requests and their like are let go, a
relay that holds records back is found out, and no two terminals keep each other
talking (docs/spec/delivery-and-streams.md sections 4 and 8).
"""

from dataclasses import replace
from functools import lru_cache
from typing import Final

from client.core.alarms import Alarm, Alarms
from client.core.compose import Wish, action
from client.core.holes import Holes, Queue
from client.core.placing import PlacedSealing
from client.core.rows import PeerRow
from client.core.station import Station
from client.core.tracking import Tracking
from crypto.types import KeyId, StreamId
from protocol.clone_watch import NewStream, TwoStreams, Watch, advanced
from protocol.codec import Message, decode, encode
from protocol.fields import StreamIdField, UInt32, UInt48
from protocol.genuine import Genuine
from protocol.heartbeat import DAY, Pair, due, minute
from protocol.label import Precedence
from protocol.machine_bodies import HeartbeatBody
from protocol.record_type import RULES, RecordType, rule_of

MINUTE: Final = 60  # seconds: nobody can guess a heartbeat's minute, nor see its second
_AWAITED: Final = "awaits."  # .terminal: it sent what only a heartbeat confirms


class _Watch(Message):
    streams: tuple[StreamIdField, ...]
    current: StreamIdField | None
    sealed: UInt48
    turns: UInt32


class Heartbeats:
    """What this terminal knows of its traffic with each other one."""

    def __init__(self, station: Station, holes: Holes) -> None:
        self._vault = station.vault
        self._beliefs = station.beliefs
        self._identity = station.identity
        self._entropy = station.entropy
        self._holes = holes
        self._sealing = PlacedSealing(station)
        self._alarms = Alarms(station.vault)
        self._tracking = Tracking(station.vault)
        self._next = 0  # wall clock: when to look again

    # --- what comes in, in the transaction of its record

    def arrived(self, found: Genuine, now: int) -> None:
        """Take note of a record that was accepted, of whatever type."""
        terminal, post = found.terminal.first, found.record.sender
        peer = self._peer(terminal)
        before, sealed = _watch(peer), found.slip.dir.message_size
        watch, effects = advanced(before, found.place.stream, sealed)
        if watch != before:
            self._vault.set_peer(replace(peer, watch=_kept(watch)))
        for effect in effects:
            match effect:
                case NewStream():
                    self._alarms.tell(Alarm.RESTORED, now, None, post)
                case TwoStreams():
                    self._alarms.tell(Alarm.TWO_STREAMS, now, None, post)
        rule = rule_of(found.record.type)
        if rule is not None and not rule.receipted and not _is_beat(found):
            self._vault.put(_AWAITED + terminal.hex(), b"1")

    def beat(self, found: Genuine, body: HeartbeatBody, now: int, queue: Queue) -> None:
        """Take a heartbeat: what it confirms, what it claims, whether it is answered.

        Its word on our stream is checked against what we gave: a place never given,
        or another record there, means that somebody else sends in our name.
        """
        terminal, post = found.terminal.first, found.record.sender
        self._vault.set_peer(replace(self._peer(terminal), exchanged=now))
        if not self._confirmed(terminal, body, now):
            self._alarms.tell(Alarm.STREAM_ODD, now, None, post)
        stream = StreamId(body.sent_stream)
        self._holes.claimed(terminal, stream, body.sent, now, queue)
        today = self._beliefs.time(now) // DAY * DAY
        awaited = self._vault.get(_AWAITED + terminal.hex()) == b"1"
        if awaited and self._peer(terminal).beaten < today:
            self._send(terminal, post, stream, now, queue)

    def _confirmed(self, terminal: KeyId, body: HeartbeatBody, now: int) -> bool:
        """Let go of what the heartbeat covers; False: it is not what we gave."""
        given = self._vault.stream_out(terminal)
        stream = body.received_stream
        if given is None or stream != given.stream or not body.received:
            # Of a stream that was ended: its records were given anew.
            return True
        if body.received > given.seq:
            return False
        at_floor = (body.received, body.received)
        there = self._vault.targets_at(terminal, given.stream, at_floor, 1)
        if there and there[0].name != body.received_hash:
            return False
        covered = (1, body.received)
        for target in self._vault.open_at(terminal, given.stream, covered):
            row = self._vault.record(target.name)
            if row is not None and not RULES[RecordType(row.type)].receipted:
                self._tracking.settle(target, now)
        return True

    # --- what goes out

    def tick(self, now: int, queue: Queue) -> None:
        """Send the heartbeats that are due; durable when this returns."""
        if self._next - MINUTE <= now < self._next:
            return
        self._next = now + MINUTE
        clock = self._beliefs.time(now)
        today = clock - clock % DAY
        for terminal, post, since in self._vault.unconfirmed():
            peer = self._peer(terminal)
            with self._vault.transaction():
                if peer.day != today // DAY:
                    drawn = minute(self._entropy)
                    peer = replace(peer, day=today // DAY, minute=drawn)
                    self._vault.set_peer(peer)
                pair = Pair(
                    unconfirmed=True,
                    exchanged=max(peer.exchanged, since),
                    beaten=peer.beaten,
                )
                if due(pair, peer.minute, clock):
                    stream = _watch(peer).current
                    self._send(terminal, post, stream, now, queue)

    def _send(
        self,
        terminal: KeyId,
        post: str,
        incoming: StreamId | None,
        now: int,
        queue: Queue,
    ) -> None:
        given = self._vault.stream_out(terminal)
        if given is None:
            sent, own = 0, self._sealing.stream()
        else:
            sent, own = given.seq, given.stream
        floor, name = (
            (0, None) if incoming is None else self._holes.floor(terminal, incoming)
        )
        body = HeartbeatBody(
            sent=sent,
            sent_stream=own,
            received=floor,
            received_stream=incoming,
            received_hash=name if floor else None,
            heads=self._beliefs.heads,
        )
        wish = Wish(
            type=RecordType.HEARTBEAT,
            body=body,
            to=action((post,), Precedence.ROUTINE),
        )
        queue(wish, terminal, now)
        beaten = self._beliefs.time(now)
        self._vault.set_peer(replace(self._peer(terminal), beaten=beaten))
        self._vault.put(_AWAITED + terminal.hex(), b"0")
        # A crash before the caller's commit: no heartbeat, and none that was counted.

    def _peer(self, terminal: KeyId) -> PeerRow:
        return self._vault.peer(terminal) or PeerRow(terminal)


def _is_beat(found: Genuine) -> bool:
    return found.record.type == RecordType.HEARTBEAT


def _watch(peer: PeerRow) -> Watch:
    return _read(peer.watch) if peer.watch else Watch()


@lru_cache(maxsize=256)
def _read(watch: bytes) -> Watch:
    kept = decode(watch, _Watch)
    streams = tuple(StreamId(stream) for stream in kept.streams)
    current = None if kept.current is None else StreamId(kept.current)
    return Watch(streams, current, kept.sealed, kept.turns)


def _kept(watch: Watch) -> bytes:
    return encode(
        _Watch(
            streams=watch.streams,
            current=watch.current,
            sealed=watch.sealed,
            turns=watch.turns,
        )
    )
