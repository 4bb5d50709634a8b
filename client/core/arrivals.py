"""What an admitted record sets in motion: receipts, obligations, other machines' words.

Called once per record, in the transaction that keeps it: a record that comes again
is a duplicate and gets here no more.
"""

from collections.abc import Callable
from typing import Final

from client.core.alarms import Alarm, Alarms
from client.core.compose import Wish, action
from client.core.credit import Credit
from client.core.deadlines import Deadlines
from client.core.heartbeats import Heartbeats
from client.core.holes import Holes, Queue
from client.core.renewal import Renewal
from client.core.station import Station
from client.core.withdrawals import note_withdrawal
from crypto.types import Digest
from protocol import streams
from protocol.admit import Admitted
from protocol.bodies import WithdrawalBody
from protocol.genuine import Genuine
from protocol.label import Precedence
from protocol.machine_bodies import Alarm as Told
from protocol.machine_bodies import AlarmBody, HeartbeatBody, ResendBody
from protocol.record_type import RecordType

# What a peer noticed about us, and what our own people are told because of it.
_TOLD: Final = {
    Told.FORK: Alarm.STREAM_ODD,
    Told.TWO_STREAMS: Alarm.STREAM_ODD,
    Told.SPLIT_VIEW: Alarm.SPLIT_VIEW,
    Told.OVERDUE: Alarm.OVERDUE,
}


class Arrivals:
    """Gives each accepted record its meaning."""

    def __init__(
        self,
        station: Station,
        holes: Holes,
        heartbeats: Heartbeats,
        deadlines: Deadlines,
        again: Callable[[Digest], None],
    ) -> None:
        """``again`` is told each record that is to be sealed anew."""
        self._vault = station.vault
        self._post = station.identity.post
        self._holes = holes
        self._heartbeats = heartbeats
        self._deadlines = deadlines
        self._credit = Credit(station, deadlines)
        self._alarms = Alarms(station.vault)
        self._again = again
        self.renewal = Renewal(station, again)

    def accepted(self, outcome: Admitted, now: int, queue: Queue) -> None:
        """Carry out what an admitted record means."""
        found, post = outcome.genuine, outcome.genuine.record.sender
        self._heartbeats.arrived(found, now)
        self._credit.take(outcome.receipts, found.name, now)
        self._deadlines.received(found.name, found.record, now)
        match outcome.body:
            case HeartbeatBody() as body:
                self._heartbeats.beat(found, body, now, queue)
            case ResendBody() as body:
                for name in self._holes.asked(found.terminal.first, body, now):
                    self._again(name)
            case AlarmBody() as body if body.alarm in _TOLD:
                self._alarms.tell(_TOLD[body.alarm], now, None, post)
                if body.alarm is Told.FORK:
                    terminal = found.terminal.first
                    self.renewal.frozen(terminal, post, body.stream, now)
            case WithdrawalBody() as body:
                note_withdrawal(self._vault, found.name, body.target, post, now)
                self._deadlines.acted(Digest(body.target), self._post, now)
            case _:
                pass

    def forked(
        self, found: Genuine, effect: streams.Effect, now: int, queue: Queue
    ) -> None:
        """Tell the other end, once, that its stream has two records in one place."""
        if not isinstance(effect, streams.Fork):
            return  # of a stream that was frozen then
        other = () if effect.other is None else (effect.other,)
        body = AlarmBody(
            alarm=Told.FORK,
            stream=found.place.stream,
            seq=effect.seq,
            records=(found.name, *other),
        )
        wish = Wish(
            type=RecordType.ALARM,
            body=body,
            to=action((found.record.sender,), Precedence.IMMEDIATE),
        )
        queue(wish, found.terminal.first, now)
