"""Every row of the delivery table, taken by real cores: what chance seldom brings.

Two terminals play over a relay in memory that is slow to answer, forgets, or hands out
one receipt before another, each a thing that a relay may do.  Whatever row a delivery
took, in the end its message was shown once, and its sender knows of it all.

The whole table is taken in each run; ``test_whole_world.py`` takes what chance brings
in worlds that break at random, and says which rows those are.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pytest

from client.core.beliefs import Beliefs
from client.core.questions import Deposited, Effect, Question
from crypto.types import ZERO_DIGEST, Digest
from protocol.delivery import State
from protocol.directory_snapshot import Snapshot
from protocol.label import Clearance, Level
from protocol.requests import Ask
from tests.support.desk import Desk, box_of, exchange
from tests.support.fake_relay import FakeRelay
from tests.support.ministry import Ministry, ministry
from tests.support.rotating import terminal_rotated
from tests.support.sim.table import ROWS, counted

GRACE = 1801  # seconds: a hole is asked for
RECEIPTS = (State.DELIVERED, State.READ, State.ACKNOWLEDGED)
CONFIRMED = (State.STORED, State.ACCEPTED)
DEPOSITED = (State.SEALED, *CONFIRMED)
ON_ITS_WAY = (State.COMPOSED, *DEPOSITED)


class SlowDesk(Desk):
    """A terminal whose relay keeps some of its answers back."""

    def __init__(self, people: Ministry, post: str, relay: FakeRelay) -> None:
        super().__init__(people, people.posts[post], relay)
        self.late: set[Ask] = set()  # what is not answered yet
        self._kept: list[Callable[[], object]] = []

    def carry_out(self, effect: Effect) -> None:
        match effect:
            case Deposited(envelope, body) if Ask.SUBMIT in self.late:
                own = self.machine.identity.terminal.id
                index, leaf = self.relay.submit(body, own)  # type: ignore[arg-type]
                self._kept.append(
                    lambda: self.machine.stored(envelope, index, leaf, self.now)
                )
            case Question(_, ask, _) if ask in self.late:
                self._kept.append(lambda: Desk.carry_out(self, effect))
            case _:
                super().carry_out(effect)

    def answered(self) -> None:
        """Let the relay answer everything that it kept back."""
        self.late.clear()
        kept, self._kept = self._kept, []
        for answer in kept:
            answer()
        self.say()

    def say(self) -> None:
        """Send what waits."""
        self.effects.extend(self.machine.pump(self.now))
        self.run()


def lowered(desk: Desk, patch: pytest.MonkeyPatch) -> None:
    """Let a desk's own directory say that its terminal may read nothing classified."""
    real, own = Beliefs.view, desk.post.terminal.key.id

    def view(beliefs: Beliefs) -> Snapshot:
        found = real(beliefs)
        known = found.terminal(own)
        if beliefs is desk.machine.beliefs and known is not None:
            low = replace(known, clearance=Clearance(level=Level.ONGERUBRICEERD))
            patch.setitem(found._terminals, own, low)  # noqa: SLF001 -- as if it were so
        return found

    patch.setattr(Beliefs, "view", view)


@dataclass
class Play:
    """Bern, who sends, and TFC."""

    bern: SlowDesk
    tfc: SlowDesk
    name: Digest = field(default=ZERO_DIGEST)  # of the message that it is about

    @property
    def state(self) -> State:
        (target,) = self.bern.store.targets(self.name)
        return target.delivery.state

    def stands(self, state: State) -> None:
        assert self.state is state

    def reach(self, state: State) -> None:
        """Let Bern's message come to a state, its envelope at the relay."""
        if state is State.SEALED:
            self.bern.late.add(Ask.SUBMIT)
        self.name = self.write()
        if state is State.ACCEPTED:
            self.proven()
        self.stands(state)

    def write(self) -> Digest:
        written = self.bern.write("tfc")
        self.bern.run()
        return written.name

    def proven(self) -> None:
        """Let Bern ask for proofs of what is stored."""
        self.bern.relay.now += 1
        self.bern.notice()

    def unseal(self) -> None:
        """Let Bern change its key, and wait for a prekey to seal to again."""
        terminal_rotated(self.bern)
        self.bern.late.add(Ask.PREKEYS)
        self.bern.notice()

    def hand_out(self, number: int) -> None:
        """Give Bern one of the things that lie in its mailbox; the first is 0."""
        assert self.bern.takes(box_of(self.bern)[number])

    def hole(self) -> None:
        """Lose the delivery and let TFC ask for it: by what comes next."""
        box_of(self.tfc).clear()
        self.write()
        self.tfc.fetch()
        self.tfc.tick(GRACE)

    def healed(self, *, end: State = State.ACKNOWLEDGED) -> None:
        """Let all go well from here: shown once, and Bern knows how it ended."""
        self.bern.answered()
        exchange(self.bern, self.tfc)
        (row,) = (row for row in self.tfc.inbox() if row.name == self.name)
        if end is State.ACKNOWLEDGED:
            assert row.refused is None
            self.tfc.machine.read(row, self.tfc.now)
            self.tfc.machine.acknowledge(row, self.tfc.now)
            self.tfc.say()
        exchange(self.bern, self.tfc)
        assert self.state is end
        (target,) = self.bern.store.targets(self.name)
        assert target.delivery.released
        events = [one.what for one in self.tfc.store.events_of(self.name)]
        assert events.count("received") == (end is State.ACKNOWLEDGED)


# --- what may happen on the way


def receipts(play: Play, state: State) -> None:
    """Let all three receipts lie there while the sender is in a state."""
    play.reach(State.STORED if state is State.COMPOSED else state)
    play.tfc.fetch()
    (row,) = play.tfc.inbox()
    for say in (play.tfc.machine.read, play.tfc.machine.acknowledge):
        say(row, play.tfc.now)
        play.tfc.say()
    if state is State.COMPOSED:
        play.unseal()
    play.stands(state)


def receipt_first(play: Play, state: State, receipt: State) -> None:
    """The relay hands out one receipt before the others."""
    receipts(play, state)
    play.hand_out(RECEIPTS.index(receipt))
    play.stands(receipt)
    play.healed()


def acknowledged_before_read(play: Play) -> None:
    """The member's two receipts come in the other order."""
    receipts(play, State.ACCEPTED)
    play.hand_out(0)
    play.hand_out(2)
    play.stands(State.ACKNOWLEDGED)
    play.healed()


def refused(play: Play, state: State) -> None:
    """TFC's rights were lowered: it keeps the message unread, and says so."""
    play.reach(State.STORED if state is State.COMPOSED else state)
    with pytest.MonkeyPatch.context() as patch:
        lowered(play.tfc, patch)
        play.tfc.fetch()
    if state is State.COMPOSED:
        play.unseal()
    play.stands(state)
    play.hand_out(0)
    play.stands(State.REFUSED)
    play.healed(end=State.REFUSED)


def key_sheet_lost(play: Play, state: State) -> None:
    """TFC cannot open it, and asks for another seal."""
    play.reach(state)
    play.tfc.seeds.held.clear()
    play.tfc.restart()
    play.tfc.connect()
    play.tfc.fetch()
    play.stands(state)
    (nack,) = play.bern.relay.nacks[play.bern.machine.identity.terminal.id]
    play.bern.machine.nacked(nack, play.bern.now)
    play.stands(State.COMPOSED)
    play.healed()


def key_rotated(play: Play, state: State) -> None:
    """Bern changes its key while the message lies at the relay."""
    play.reach(state)
    play.unseal()
    play.stands(State.COMPOSED)
    play.healed()


def disk_lost(play: Play, state: State) -> None:
    """The relay lost its disk; the logs came back, the envelopes did not."""
    play.bern.notice()  # it has heard of the relay's life
    play.reach(state)
    play.bern.relay.lose(play.bern.relay.sizes[1])
    play.bern.late.add(Ask.SUBMIT)
    for desk in (play.bern, play.tfc):
        desk.machine.disconnected()
        desk.connect()
    play.bern.notice()
    play.stands(State.SEALED)
    play.healed()


def never_handed_out(play: Play, state: State) -> None:
    """The relay says that it has the message, and TFC asks for it twice."""
    play.reach(state)
    play.hole()
    play.bern.fetch()  # the same bytes are the answer
    if state is State.ACCEPTED:
        play.proven()
    play.stands(state)
    play.tfc.tick(GRACE)
    play.bern.late.add(Ask.PREKEYS)
    play.bern.fetch()
    play.stands(State.COMPOSED)
    play.healed()


def proof_overtaken(play: Play) -> None:
    """A proof comes for what is deposited again meanwhile."""
    play.reach(State.STORED)
    play.bern.late.add(Ask.PROVE)
    play.proven()
    play.hole()
    play.bern.late.add(Ask.SUBMIT)
    play.bern.fetch()
    play.stands(State.SEALED)
    play.bern.answered()
    play.stands(State.ACCEPTED)
    play.tfc.tick(GRACE)  # the same bytes did not help
    play.healed()


def scenarios() -> Iterator[tuple[Callable[..., None], tuple[State, ...]]]:
    """Yield what may happen, and in which state of the message."""
    for state in ON_ITS_WAY:
        yield refused, (state,)
        for receipt in RECEIPTS:
            yield receipt_first, (state, receipt)
    for scenario in (key_sheet_lost, key_rotated):
        for state in DEPOSITED:
            yield scenario, (state,)
    for scenario in (disk_lost, never_handed_out):
        for state in CONFIRMED:
            yield scenario, (state,)
    yield proof_overtaken, ()
    yield acknowledged_before_read, ()


def begun() -> Play:
    """Return two terminals that know each other."""
    people = ministry()
    relay = FakeRelay(people)
    bern, tfc = SlowDesk(people, "bern", relay), SlowDesk(people, "tfc", relay)
    for desk in (bern, tfc):
        desk.connect()
    exchange(bern, tfc)
    return Play(bern, tfc)


def test_every_row_of_the_delivery_table_is_taken() -> None:
    taken: Counter[str] = Counter()
    for scenario, states in scenarios():
        with counted() as rows:
            scenario(begun(), *states)
        taken += rows
    assert set(taken) == ROWS
