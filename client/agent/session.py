"""Between the core and the line: questions become requests, objects become events.

No decisions: the core's effects are written into the line, and what the line brings
is given to the core with the time.  An answer finds its question by number; what a
cut lost is asked again by the core, from the vault.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from client.agent.transfers import Transfers
from client.clock import Clock
from client.core.machine import Machine
from client.core.questions import Deposited, Drop, Effect, Question, Tag, Upload
from crypto.types import Digest
from protocol.codec import decode, encode
from protocol.errors import BusyError, MalformedError
from protocol.limits import MAX_ENVELOPE
from protocol.line import effects as line_effects
from protocol.line.frames import Kind
from protocol.line.inbound import MAX_STREAMS
from protocol.line.machine import Line
from protocol.requests import Answer, Delivery, Notice, Request

MAX_ANSWER = 2 * MAX_ENVELOPE
BATCH: Final = MAX_STREAMS  # deliveries in one commit: all that may be under way
_PROGRESS = (
    line_effects.ObjectAccepted,
    line_effects.ObjectAcknowledged,
    line_effects.StoreBytes,
)


class Session:
    """The core's side of one line, through any number of connections."""

    def __init__(
        self,
        machine: Machine,
        line: Line,
        clock: Clock,
        nudge: Callable[[], None],
        transfers: Transfers,
    ) -> None:
        self._machine = machine
        self._transfers = transfers
        transfers.carry_out = self.carry_out
        self._line = line
        self._clock = clock
        self._nudge = nudge
        self.progressed = False  # this session moved something that a cut keeps
        self._number = 0
        self._tags: dict[int, Tag] = {}
        self._requests: dict[bytes, int] = {}  # object id -> request number
        self._deposits: dict[bytes, Digest] = {}  # object id -> H(envelope)
        self._waiting: deque[Effect] = deque()  # the line is full: later
        # Came in this turn of the loop, or before the directory did.
        self._early: dict[bytes, Delivery] = {}
        self._fresh = 0  # of them that the core has not seen

    @property
    def asking(self) -> bool:
        """Whether something was asked that is not answered yet."""
        return bool(self._tags or self._waiting)

    # --- from the core

    def carry_out(self, effects: Iterable[Effect]) -> None:
        """Give effects of the core to the line."""
        self._waiting.extend(effects)
        while self._waiting:
            try:
                self._offer(self._waiting[0])
            except BusyError:
                break
            self._waiting.popleft()
        self._nudge()

    def _offer(self, effect: Effect) -> None:
        now = self._clock.monotonic()
        match effect:
            case Question(tag, ask, body, lane):
                number = self._number + 1
                request = Request(number=number, ask=ask, body=encode(body))
                sent = self._line.offer(Kind.REQUEST, encode(request), lane, now)
                self._number = number
                self._tags[number] = tag
                self._requests[sent] = number
            case Deposited(envelope, body, lane):
                sent = self._line.offer(Kind.SUBMISSION, encode(body), lane, now)
                self._deposits[sent] = envelope
            case Upload():
                self._transfers.begin(effect)
            case Drop(file):
                self._transfers.drop(file)

    # --- from the line (client.net.link.Handler)

    def connected(self) -> None:
        """Take note that a session is open."""
        self.carry_out(self._machine.connected(self._clock.wall()))

    def tick(self) -> None:
        """Let the core do what the time asks for."""
        self.carry_out(self._machine.tick(self._clock.wall()))

    def cut(self) -> None:
        """Take note that the session ended; the core asks anew in the next one."""
        self.progressed = False
        self._machine.disconnected()
        self._transfers.cut()
        self._tags.clear()
        self._requests.clear()
        self._waiting.clear()
        self._early.clear()
        self._fresh = 0

    def effect(self, effect: line_effects.Effect) -> None:
        """Carry out one effect of the line; what must be durable is, on return."""
        self.progressed |= isinstance(effect, _PROGRESS)
        match effect:
            case line_effects.ObjectComplete():
                self._complete(effect)
            case line_effects.ObjectAccepted(sent, index, leaf):
                envelope = self._deposits.pop(sent, None)
                if envelope is not None:
                    now = self._clock.wall()
                    self._machine.stored(envelope, index, leaf, now)
                    self.carry_out(self._machine.pump(now))  # its attachments follow
            case line_effects.ObjectRefused(sent) if sent in self._requests:
                self._gone(sent)
            case _:
                self._transfers.effect(effect)
        if self._waiting:
            self.carry_out(())

    def turn(self) -> None:
        """Hand what came at once to the core, which keeps it in one commit."""
        if self._fresh:
            self._deliver()
            self.carry_out(self._machine.pump(self._clock.wall()))

    def feed(self) -> None:
        """Give the line the bytes that it wants."""
        self._transfers.feed()

    def _complete(self, effect: line_effects.ObjectComplete) -> None:
        try:
            match effect.kind:
                case Kind.ANSWER:
                    self._answer(decode(effect.content, Answer, limit=MAX_ANSWER))
                case Kind.DELIVERY:
                    came = decode(effect.content, Delivery, limit=MAX_ANSWER)
                    self._early[effect.id] = came
                    self._fresh += 1
                    if self._fresh >= BATCH:
                        self.turn()
                case Kind.NOTICE:
                    notice = decode(effect.content, Notice)
                    now = self._clock.wall()
                    self.carry_out(self._machine.told_life(notice.incarnation, now))
                    asked = self._machine.noticed(notice.key_log, notice.message_log)
                    if notice.nack is not None:
                        now = self._clock.wall()
                        asked = [*asked, *self._machine.nacked(notice.nack, now)]
                    if notice.undelivered is not None:
                        asked = [*asked, *self._machine.expiring()]
                    self.carry_out(asked)
                case _:
                    self._line.stored(effect.id)  # nothing that v1 knows
        except MalformedError:
            self._line.stored(effect.id)  # a relay that talks nonsense is let talk

    def _answer(self, answer: Answer) -> None:
        tag = self._tags.pop(answer.number, None)
        if tag is None:
            return
        self._requests = {s: n for s, n in self._requests.items() if n in self._tags}
        body = None if answer.code else answer.body
        effects = self._machine.answered(tag, body, self._clock.wall())
        if self._deliver():
            effects = [*effects, *self._machine.pump(self._clock.wall())]
        self.carry_out(effects)

    def _deliver(self) -> bool:
        """Hand what came to the core, and tell whether it took anything.

        What it cannot take yet is tried again after the next answer.
        """
        now, waiting, taken = self._clock.wall(), list(self._early.items()), False
        self._fresh = 0
        for start in range(0, len(waiting), BATCH):
            batch = waiting[start : start + BATCH]
            kept = self._machine.delivered([came for _, came in batch], now)
            for (sent, _), durable in zip(batch, kept, strict=True):
                if durable:
                    del self._early[sent]
                    self._line.stored(sent)  # the ACK leaves after the vault's commit
                    taken = True
        return taken

    def _gone(self, sent: bytes) -> None:
        tag = self._tags.pop(self._requests.pop(sent), None)
        if tag is not None:
            self.carry_out(self._machine.answered(tag, None, self._clock.wall()))
