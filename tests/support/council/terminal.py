"""A terminal of a council: the real core over a vault that outlives it.

It is a whole Desk without a line: questions are answered at once, by whoever stands at
the relay's window.  It may die at any of its commits, or between what it fetched and
what it adopts.
"""

from collections import deque
from collections.abc import Callable
from typing import Protocol

from client.core.compose import Composed, Wish, action
from client.core.machine import Machine
from client.core.questions import Deposited, Effect, Question
from client.core.rows import IN, EventRow, RecordRow
from client.vault.store import Store
from crypto.types import Digest
from protocol.bodies import CableBody, Paragraph
from protocol.codec import Message
from protocol.label import Label, Level, Precedence
from protocol.record_type import RecordType
from protocol.requests import Ask, Delivery, Stored, Submit
from protocol.trusted_directory import TrustedDirectory
from tests.support.council.eyes import Batch, Eyes
from tests.support.keys import drawn
from tests.support.machines import machine_over
from tests.support.ministry import Ministry, OwnPost
from tests.support.sim.disk import Mortal, Sheet, SimDatabase, SimSeeds, new_vault
from tests.support.sim.loop import Killed, Process

LABEL = Label(level=Level.DEP_V, until=1_900_000_000)


class Window(Protocol):
    """Where a terminal asks."""

    def now(self, of: "CouncilTerminal") -> int:
        """Return the wall clock of this terminal."""

    def ask(self, of: "CouncilTerminal", ask: Ask, body: Message) -> bytes | None:
        """Return the answer; None: refused."""

    def deposit(self, of: "CouncilTerminal", body: Submit, lane: int) -> Stored | None:
        """Return where it was logged; None: refused."""


class CouncilTerminal:
    """One terminal through all its lives and keys."""

    def __init__(
        self, ministry: Ministry, own: OwnPost, window: Window, until: int
    ) -> None:
        self.own = own
        self.eyes = Eyes(until)
        self.message_heads: list[tuple[int, int]] = []  # size, W
        self.stolen = False
        self.skew = 0  # seconds that its wall clock is ahead
        self.lives = 0
        self.died = 0
        self.reborn = False  # what it seals again may have been sealed in another life
        self.looked: Callable[[CouncilTerminal], None] = lambda _: None
        self.disk: Store
        self.machine: Machine
        self.effects: deque[Effect] = deque()
        self._ministry = ministry
        self._window = window
        self._vault = new_vault()
        self._sheet = Sheet()
        self._mortal = Mortal(Process("terminal"), lambda _: None)
        self._seen = 0
        self.start()

    @property
    def post(self) -> str:
        return self.own.post

    @property
    def directory(self) -> TrustedDirectory | None:
        return self.machine.beliefs.directory

    def now(self) -> int:
        return self._window.now(self)

    # --- lives

    def start(self) -> None:
        """Begin, or begin again with what the vault holds."""
        self.lives += 1
        self.effects.clear()
        self._mortal = Mortal(Process(self.post), lambda _: None)
        self.disk = Store(SimDatabase(self._vault, self._mortal))
        seeds = SimSeeds(self._sheet, self._mortal)
        entropy = drawn(f"{self.own.terminal.key.id.hex()}/{self.lives}")
        self.machine = machine_over(self._ministry, self.own, self.disk, seeds, entropy)

    def doom(self, commits: int, side: str) -> None:
        self._mortal.doom(commits, side)

    def spare(self) -> None:
        self._mortal.spare()

    def take(self, work: Callable[[Machine], list[Effect]]) -> bool:
        """Let the core do something, and carry out what it wants; False: it died."""
        try:
            self.effects.extend(work(self.machine))
            self._look()
            self._run()
        except Killed:
            self.died += 1
            self.reborn = True
            self.start()
            self._look()
            return False
        return True

    def _run(self) -> None:
        while self.effects:
            effect = self.effects.popleft()
            match effect:
                case Question(tag, ask, body):
                    answer = self._window.ask(self, ask, body)
                    more = self.machine.answered(tag, answer, self.now())
                    self.effects.extend(more)
                case Deposited(envelope, body, lane):
                    assert isinstance(body, Submit)
                    stored = self._window.deposit(self, body, lane)
                    if stored is not None:
                        place = (stored.index, stored.leaf)
                        self.machine.stored(envelope, *place, self.now())
                        self.effects.extend(self.machine.pump(self.now()))
                case _:
                    raise AssertionError(effect)
            self._look()

    def _look(self) -> None:
        """Note what was adopted just now; then whoever watches looks."""
        found = self.directory
        if found is not None:
            batches = self.eyes.batches
            size = batches[-1].size if batches else 0
            if found.size > size:
                batches.append(Batch(found.size, self.last, found.witnessed))
            self.last = found.witnessed
        log = self.machine.beliefs.message_log
        head = (log.size, log.witnessed)
        if log.size and head not in self.message_heads:
            self.message_heads.append(head)
        self.looked(self)

    last = 0  # W of the key log as it was adopted last

    # --- the relay

    def connect(self) -> bool:
        lived = self.take(lambda core: core.connected(self.now()))
        self.reborn = self.reborn and not lived
        return lived

    def resync(self) -> bool:
        return self.take(lambda core: core.resync(self.now()))

    def cut(self) -> None:
        self.effects.clear()
        self.machine.disconnected()

    def delivered(self, came: list[Delivery]) -> list[bool]:
        """Take deliveries; none is acknowledged if it died."""
        kept: list[bool] = []

        def work(core: Machine) -> list[Effect]:
            kept.extend(core.delivered(came, self.now()))
            return core.pump(self.now())

        return kept if self.take(work) else []

    # --- people

    def write(
        self, to: str, text: str, precedence: Precedence = Precedence.ROUTINE
    ) -> Composed | None:
        """Write a cable; None: it died."""
        wish = Wish(
            type=RecordType.CABLE,
            body=CableBody(subject="Aan de post", paragraphs=(Paragraph(text=text),)),
            to=action((to,), precedence),
            label=LABEL,
        )
        composed: list[Composed] = []

        def work(core: Machine) -> list[Effect]:
            composed.append(core.compose(wish, self.now()))
            return core.pump(self.now())

        return composed[0] if self.take(work) and composed else None

    def news(self) -> list[EventRow]:
        """Return the events since the last look."""
        found = self.disk.events(self._seen, 100_000)
        if found:
            self._seen = found[-1].number
        return found

    def record(self, name: Digest) -> RecordRow | None:
        return self.disk.record(name)

    def inbox(self) -> list[RecordRow]:
        return [r for r in self.disk.records(IN, 1_000) if r.refused is None]
