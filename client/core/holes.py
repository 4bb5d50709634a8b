"""Holes: asking for what is missing, and answering who asks us.

A stream's state moves in the transaction of the record that moved it; what it asks
for becomes a record of type *resend* to the one terminal whose stream it is.  The
answer is the same bytes the first time, and a new seal from the archive when those
did not arrive (docs/spec/delivery-and-streams.md sections 2 and 3).
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from client.core.alarms import Alarm, Alarms
from client.core.compose import Wish, action
from client.core.station import Station
from client.core.tracking import Tracking
from crypto.types import Digest, KeyId, StreamId
from protocol import delivery, streams
from protocol.errors import BusyError
from protocol.genuine import Genuine
from protocol.label import Precedence
from protocol.machine_bodies import ResendBody
from protocol.record_type import RecordType
from protocol.stream_store import dump, load

ANSWERED: Final = 64  # places in one answer: the rest is asked for again
Queue = Callable[[Wish, KeyId, int], object]  # into the outbox, for one terminal


class Holes:
    """The streams that come in, and requests about those that go out."""

    def __init__(self, station: Station) -> None:
        self._vault = station.vault
        self._beliefs = station.beliefs
        self._alarms = Alarms(station.vault)
        self._tracking = Tracking(station.vault)
        # Each terminal's stream that moved last, as it was kept: it moves again most
        # often, and is read only if the vault has other bytes.
        self._last: dict[KeyId, tuple[bytes, streams.Stream]] = {}
        self._holed = {
            (KeyId(terminal), StreamId(stream))
            for terminal, stream, state in station.vault.streams_in()
            if load(state, streams.Patience()).state is streams.State.HOLED
        }

    # --- what comes in

    def arrived(
        self, found: Genuine, *, known: bool, lane: int, now: int
    ) -> tuple[streams.Effect, ...]:
        """Return what a record does to its stream, in the caller's transaction.

        A record that is one too many above the floor is let go: its place counts as
        claimed, and is asked for when the floor comes near.
        """
        place = found.place
        event = streams.Arrived(place, found.name, known=known, lane=lane, now=now)
        try:
            return self._step(found.terminal.first, place.stream, event, now)
        except BusyError:
            claim = streams.Claimed(place.seq, now)
            self._step(found.terminal.first, place.stream, claim, now)
            return ()

    def claimed(
        self, terminal: KeyId, stream: StreamId, seq: int, now: int, queue: Queue
    ) -> None:
        """Take a heartbeat's word on how far a stream goes; ask for what lacks."""
        effects = self._step(terminal, stream, streams.Claimed(seq, now), now)
        self._ask(terminal, stream, effects, queue, now)

    def tick(self, now: int, queue: Queue) -> None:
        """Ask for what has been missing too long; durable when this returns."""
        for terminal, stream in sorted(self._holed):
            with self._vault.transaction():
                effects = self._step(terminal, stream, streams.Tick(now), now)
                self._ask(terminal, stream, effects, queue, now)
                # A crash before this commit: the next tick asks.

    def floor(self, terminal: KeyId, stream: StreamId) -> tuple[int, Digest]:
        """Return up to which place all arrived, and the record there."""
        state = self._load(terminal, stream)
        return state.floor, state.floor_name

    def _load(self, terminal: KeyId, stream: StreamId) -> streams.Stream:
        policy = self._beliefs.view().policy
        patience = streams.Patience(policy.reorder_flash, policy.reorder)
        kept = self._vault.stream_in(terminal, stream)
        if kept is None:
            return streams.Stream(stream, patience=patience)
        last, state = self._last.get(terminal, (None, None))
        if state is not None and last == kept and state.patience == patience:
            return state
        return load(kept, patience)

    def _step(
        self, terminal: KeyId, stream: StreamId, event: streams.Event, now: int
    ) -> tuple[streams.Effect, ...]:
        before = self._load(terminal, stream)
        after, effects = streams.step(before, event)
        if after != before:
            kept = dump(after)
            self._vault.set_stream_in(terminal, stream, kept)
            self._last[terminal] = kept, after
        if after.state is streams.State.HOLED:
            self._holed.add((terminal, stream))
        else:
            self._holed.discard((terminal, stream))
        if before.overdue and not after.overdue:
            self._alarms.over(Alarm.HOLE, now, None, self._post(terminal))
        return effects

    def _ask(
        self,
        terminal: KeyId,
        stream: StreamId,
        effects: Iterable[streams.Effect],
        queue: Queue,
        now: int,
    ) -> None:
        post = self._post(terminal)
        for effect in effects:
            match effect:
                case streams.AskResend(first, last):
                    wish = Wish(
                        type=RecordType.RESEND,
                        body=ResendBody(stream=stream, first=first, last=last),
                        to=action((post,), Precedence.PRIORITY),
                    )
                    queue(wish, terminal, now)
                    self._vault.add_event(now, "resend-asked", None, post)
                case streams.HoleOverdue():
                    self._alarms.tell(Alarm.HOLE, now, None, post)
                case _:
                    pass

    def _post(self, terminal: KeyId) -> str:
        found = self._beliefs.view().terminal(terminal)
        return "" if found is None else found.post

    # --- what goes out

    def asked(self, terminal: KeyId, body: ResendBody, now: int) -> list[Digest]:
        """Answer a terminal that lacks places of ours, in the caller's transaction.

        Returns the records that are to be sealed or deposited again.
        """
        span = (body.first, body.last)
        stream = StreamId(body.stream)
        again: list[Digest] = []
        for target in self._vault.targets_at(terminal, stream, span, ANSWERED):
            if target.asked:
                moved = self._tracking.move(target, delivery.Missed(), now)
            else:
                moved = self._tracking.reopen(target, now)
                self._vault.set_target(replace(moved, asked=1))
            if moved is not target:
                again.append(target.name)
                self._vault.add_event(now, "asked-again", target.name, target.post)
        return again
