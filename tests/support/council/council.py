"""A council: the relay, its witnesses, the terminals, and the log as it truly is.

What people and thieves do in it is :mod:`tests.support.council.operators` and
:mod:`tests.support.council.people`; here stands what they act upon.  After each command
:meth:`Council.check` looks at everything that moved.
"""

from collections import Counter
from functools import partial
from pathlib import Path

from client.core.machine import Machine
from client.core.questions import Effect
from crypto.digest import H
from crypto.merkle import Frontier, leaf_hash
from crypto.types import Digest, Mailbox
from protocol.bulletins import MAX_SERVED, Bulletins
from protocol.codec import Message, decode
from protocol.directory_view import Terminal
from protocol.envelope import parse_envelope
from protocol.errors import ProtocolError, UnauthenticatedError
from protocol.leaf import message_leaf
from protocol.requests import (
    Acknowledge,
    Ask,
    Delivery,
    KeyLog,
    LogName,
    Stored,
    Submit,
)
from protocol.requests import Checkpoint as CheckpointRequest
from server.app import Parts
from server.services.mailbox import delivery
from tests.support.council.beginning import beginning
from tests.support.council.booth import Booth, BoothHttp
from tests.support.council.checks import Checks
from tests.support.council.clerk import Paper, apprentice
from tests.support.council.facts import Restriction
from tests.support.council.lies import Lie, lied
from tests.support.council.model import Model, Seat
from tests.support.council.relay import CouncilRelay, FakeSession, RelayDiedError
from tests.support.council.terminal import CouncilTerminal
from tests.support.council.wish import UNTIL
from tests.support.ministry import OwnPost, OwnTerminal
from tests.support.sim.chance import Chance
from tests.support.sim.loop import SimLoop
from tests.support.sim.network import Network
from tests.support.sim.stage import SimClock, Stage

WITNESSES = ("w1", "w2", "w3")
STEP = 7  # seconds that a command takes
ENOUGH = 1_000  # deliveries at once


class Council:
    """See the module."""

    until = UNTIL

    def __init__(self, folder: Path) -> None:
        began = self.began = beginning()
        self.clerk = apprentice(began.clerk)
        self.loop = SimLoop("council")  # type: ignore[abstract]  # as in whole worlds
        chance = Chance("council")
        self.clock = SimClock(self.loop, began.ministry.now + 600)
        network = Network(self.loop, chance)
        stage = Stage(self.loop, chance, network, began.ministry, self.clock, folder)
        self.sometimes: Counter[str] = Counter()
        self.booths = {
            name: Booth(name, stage, self.loop.process(name), began=began)
            for name in WITNESSES
        }
        for booth in self.booths.values():
            booth.open()
        self.relay = CouncilRelay(stage, began.leaves[0], BoothHttp(self.booths))
        self.relay.reborn = self._all_cut
        self.relay.start()
        # The key log as it is: what each leaf means, and the tree's root at each size.
        self.log: list[bytes] = []
        self.models: list[Model] = [Model(began.model.root)]
        self.tree = Frontier()
        self.roots: list[Digest] = [self.tree.root()]
        self.drawer: list[Paper] = []  # every document that was made
        self.terminals: dict[str, CouncilTerminal] = {}  # by its seat's first key
        self.sessions: dict[CouncilTerminal, FakeSession] = {}
        self.notes: dict[LogName, list[bytes]] = {log: [] for log in LogName}
        self.injected: dict[Mailbox, list[Delivery]] = {}
        self.lie = Lie.NONE
        self.checks = Checks(self)
        self._sealed: set[Digest] = set()
        for leaf in began.leaves[1:]:
            self.relay.append(leaf)
        self.follow()
        for post in sorted(self.model.posts):
            self.open(self.seats(post, terminals=True)[0])
        self.publish()
        for terminal in self.terminals.values():
            self.synchronise(terminal)
        self.publish()
        self.check()

    @property
    def model(self) -> Model:
        """What the whole log means."""
        return self.models[-1]

    def now(self, of: CouncilTerminal) -> int:
        if of.stolen:  # whoever has it sets its clock to what it last believed
            return max(of.machine.beliefs.witnessed, 1)
        return self.clock.wall() + of.skew

    # --- the log

    def follow(self) -> None:
        """Read what the relay's key log has become."""
        for leaf in self.relay.leaves(LogName.KEY, len(self.log)):
            fact = self.clerk.book.by_leaf.get(leaf)
            if not self.log:
                self.models.append(self.model)  # the founding
            else:
                after = self.model.after(fact, len(self.log))
                self.models.append(self.model if after is None else after)
            self.log.append(leaf)
            self.tree = self.tree.append(leaf)
            self.roots.append(self.tree.root())

    def publish(self) -> None:
        """Let the relay have its logs cosigned."""
        self.loop.pass_time(301.0)  # so that unchanged ones are cosigned again
        try:
            self.relay.publish()
        except RelayDiedError:
            self.sometimes["relay died while it published"] += 1
        for log in LogName:
            note = self.relay.parts.relay.logs.last(log).note
            if note and note not in self.notes[log]:
                self.notes[log].append(note)

    def witnessed(self, size: int) -> int:
        """Return how many witnesses cosigned the key log at ``size``."""
        origin = self.began.ministry.directory.root.document.key_log.origin
        return sum(
            size in booth.cosigned.get(origin, {}) for booth in self.booths.values()
        )

    def check(self) -> None:
        """Check everything that moved."""
        self.follow()
        self.checks.relay()
        died = sum(terminal.died for terminal in self.terminals.values())
        if died:
            self.sometimes["terminal died at a commit"] = died
        for terminal in self.terminals.values():
            self.looked(terminal)

    def looked(self, terminal: CouncilTerminal) -> None:
        """Look at a terminal that may have moved."""
        self.follow()
        self.checks.terminal(terminal)
        for event in terminal.news():
            self.sometimes[f"event {event.what}"] += 1
            if event.what == "received":
                self.checks.shown(terminal, event)

    # --- terminals

    def seats(self, post: str, *, terminals: bool) -> list[Seat]:
        """Return the live seats of a post."""
        found = self.model.posts.get(post)
        live = () if found is None else found.live()
        return [seat for seat in live if bool(seat.new.number) is terminals]

    def open(self, seat: Seat) -> CouncilTerminal:
        """Let a terminal begin in a seat, with the first member of its post."""
        post = self.model.owner[seat.current]
        key = self.clerk.key
        terminal = OwnTerminal(
            post, seat.new.number, key(seat.current), Mailbox(seat.new.mailbox)
        )
        members = [key(one.current) for one in self.seats(post, terminals=False)]
        paper = key(self.model.posts[post].paper)
        own = OwnPost(post, paper, [terminal], members[:1])
        made = CouncilTerminal(self.began.ministry, own, self, UNTIL)
        self.terminals[seat.keys[0]] = made
        made.looked = self.looked
        return made

    def meet(self, of: CouncilTerminal) -> Terminal:
        """Return the relay's idea of who asks.

        Raises:
            UnauthenticatedError: it may have no session.
        """
        hostile = of.stolen or self.lie is not Lie.NONE
        return self.relay.meet(of.own.terminal.key.id, honest=not hostile)

    def synchronise(self, of: CouncilTerminal) -> bool:
        """Let a terminal follow both logs and empty its outbox; False: it could not."""
        self.loop.pass_time(STEP)
        try:
            caller = self.meet(of)
        except UnauthenticatedError:
            self.hang_up(of)
            return False
        session = self.sessions.get(of)
        if session is not None and not session.ended and of.machine.online:
            lived = of.resync()
        else:
            if self.lie is Lie.NONE:
                self.sessions[of] = self.relay.join(caller)
            lived = of.connect()
        logs = self.relay.parts.relay.logs
        sizes = [logs.published(log) for log in LogName]
        if not lived:
            return False
        if not of.take(lambda core: core.noticed(*sizes)):
            return False
        for nack in self._nacks(caller):
            of.take(partial(_nacked, nack=nack, now=self.now(of)))
        return of.machine.online

    def _nacks(self, caller: Terminal) -> list[bytes]:
        async def work(parts: Parts) -> list[bytes]:
            return list(await parts.relay.mailbox.nacks(caller))

        return self.relay.call(work)

    def _all_cut(self) -> None:
        """Take note that the relay died: all sessions are gone."""
        self.sessions.clear()
        for terminal in self.terminals.values():
            if not terminal.stolen:
                terminal.cut()
        self.sometimes["relay died"] += 1

    def hang_up(self, of: CouncilTerminal) -> None:
        of.cut()
        session = self.sessions.pop(of, None)
        if session is not None:
            self.relay.parts.relay.presence.leave(session)

    def fetch(self, of: CouncilTerminal) -> int:
        """Let a terminal take what its mailbox holds; return how much came."""
        self.loop.pass_time(STEP)
        try:
            caller = self.meet(of)
        except UnauthenticatedError:
            self.hang_up(of)
            return 0

        async def work(parts: Parts) -> list[Delivery]:
            mailbox = parts.relay.mailbox
            owed = await mailbox.owed(caller, skip=(), lane=3, limit=ENOUGH)
            return [decode(delivery(one), Delivery) for one in owed]

        came = [*self.relay.call(work), *self.injected.pop(caller.mailbox, [])]
        kept = of.delivered(came)
        if not kept:
            return 0
        pairs = zip(came, kept, strict=True)
        done = tuple(one.cursor for one, durable in pairs if durable)
        if done:
            self.ask(of, Ask.ACKNOWLEDGE, Acknowledge(cursors=done))
        return len(came)

    def hears(self, of: CouncilTerminal, board: bytes) -> None:
        """Note what a terminal must make of a witness's bulletins."""
        if of.directory is None:
            return
        model, heard = self.models[of.directory.size], of.eyes.heard
        for bulletin in decode(board, Bulletins, limit=MAX_SERVED).bulletins:
            fact = self.clerk.book.by_leaf[bulletin]
            assert isinstance(fact, Restriction)
            if fact.name in model.cuts:
                continue
            before, since = heard.get(fact.name, (None, of.machine.beliefs.witnessed))
            standing = {name: cut for name, (cut, _) in heard.items()} | {**model.cuts}
            cut = model.cut(fact, standing, before, None)
            if cut is not None:
                heard[fact.name] = cut, since
                self.sometimes["heard a bulletin"] += 1

    # --- the window

    def ask(self, of: CouncilTerminal, ask: Ask, body: Message) -> bytes | None:
        if of.stolen and isinstance(body, KeyLog | CheckpointRequest):
            return None  # its thief wants no news
        answer = lied(self, of, body)
        if answer is not None:
            return answer
        try:
            return self.relay.ask(self.meet(of), ask, body)
        except (UnauthenticatedError, RelayDiedError):
            return None

    def deposit(self, of: CouncilTerminal, body: Submit, lane: int) -> Stored | None:
        name = H(body.envelope)
        self.checks.sealed(of, body, now=name not in self._sealed and not of.reborn)
        self._sealed.add(name)
        if of.stolen:
            return self._smuggled(body)
        try:
            caller = self.meet(of)
            stored = self.relay.call(
                lambda parts: parts.relay.mailbox.submit(caller, lane, body)
            )
        except (ProtocolError, RelayDiedError):
            self.sometimes["deposit refused"] += 1
            return None
        self.follow()
        self.checks.taken(self.clerk.names[caller.key_id], body)
        return stored

    def _smuggled(self, body: Submit) -> Stored:
        """Log and hand out a thief's envelope, whatever the directory says."""
        envelope = parse_envelope(body.envelope)
        leaf = message_leaf(body.commitment, H(envelope.body))
        index = self.relay.inject(leaf)
        for wrap in envelope.wraps:
            split = envelope.split(wrap.mailbox)
            cursor = (1 << 40) + index
            came = Delivery(cursor=cursor, index=index, envelope=split)
            self.injected.setdefault(wrap.mailbox, []).append(came)
        self.sometimes["thief's envelope smuggled in"] += 1
        return Stored(index=index, leaf=leaf_hash(leaf))

    # --- the end

    def close(self) -> None:
        """Unwind everything."""
        self.loop.bury()
        for booth in self.booths.values():
            if booth.service is not None:
                booth.service.close()


def _nacked(core: Machine, nack: bytes, now: int) -> list[Effect]:
    return core.nacked(nack, now)
