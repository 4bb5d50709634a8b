"""A terminal: the real core, vault, session, line and link, over a disk that outlives
them; its people write, read and acknowledge."""

import asyncio
from collections import Counter
from collections.abc import Callable

from client.agent.process import STEADY, TICK
from client.agent.session import MAX_ANSWER, Session
from client.agent.transfers import Job, Transfers
from client.core.alarms import Alarm
from client.core.compose import Composed, Wish
from client.core.machine import Machine
from client.core.rows import EventRow
from client.net.link import Link
from client.net.transport import LinkError
from client.vault.database import Database
from client.vault.spool import Spool
from client.vault.store import Store
from protocol.backoff import delay
from protocol.codec import decode
from protocol.handshake import RootRelay
from protocol.line.effects import Effect, ObjectComplete, Side
from protocol.line.frames import Kind
from protocol.line.machine import Line
from protocol.requests import Delivery
from tests.support.machines import machine_over
from tests.support.ministry import OwnPost
from tests.support.sim.disk import Mortal, Sheet, SimDatabase, SimSeeds, new_vault
from tests.support.sim.loop import Process
from tests.support.sim.network import TerminalEnd
from tests.support.sim.stage import Stage


class Noting(Session):
    """A session that notes which deliveries came, and which came again."""

    came: Counter[int]

    def effect(self, effect: Effect) -> None:
        if isinstance(effect, ObjectComplete) and effect.kind is Kind.DELIVERY:
            delivery = decode(effect.content, Delivery, limit=MAX_ANSWER)
            self.came[delivery.cursor] += 1
        super().effect(effect)


class SimTerminal:
    """One terminal of a post, through all its lives."""

    def __init__(self, stage: Stage, post: OwnPost) -> None:
        self.name = post.post
        self.post = post
        self.lives = 0
        self.process = Process(self.name)
        self.mortal = Mortal(self.process, lambda _: None)
        self.on_commit: Callable[[SimTerminal], None] = lambda _: None
        self.died: Callable[[str], None] = lambda _: None
        self._loop = stage.loop
        self._chance = stage.chance
        self._network = stage.network
        self._ministry = stage.ministry
        self._clock = stage.clock
        self._disk = new_vault()
        self._sheet = Sheet()
        self._spool = Spool(stage.folder / self.name)
        self.machine: Machine
        self.session: Noting
        self.came: Counter[int] = Counter()  # deliveries by cursor
        self.sessions = 0
        self._seen = 0  # the last event that was looked at
        self.up = False  # whether this life has its machine
        self.disk = Store(Database(self._disk))  # for those who only look

    # --- lives

    def start(self) -> None:
        self.lives += 1
        self.up = False
        self.process = self._loop.process(self.name)
        self.mortal = Mortal(self.process, self.died)
        self.mortal.after_commit = self._committed
        self._loop.spawn(self.process, self._main())

    def crash(self) -> None:
        self._loop.kill(self.process)
        self._network.dead(self.process)

    def lose_prekeys(self) -> None:
        """Lose the key sheet: what was sealed to it is unreadable."""
        self._sheet.held.clear()

    def _committed(self) -> None:
        self.on_commit(self)

    async def _main(self) -> None:
        store = Store(SimDatabase(self._disk, self.mortal))
        self.machine = self._machine(store)
        line = Line(Side.TERMINAL)
        jobs: asyncio.Queue[Job] = asyncio.Queue()
        attachments, clock = self.machine.attachments, self._clock
        transfers = Transfers(attachments, line, self._spool, clock, jobs.put_nowait)
        entropy = self._chance.entropy(f"{self.name}/link/{self.lives}")

        def nudge() -> None:
            link.nudge()

        self.session = Noting(self.machine, line, clock, nudge, transfers)
        self.session.came = self.came
        link = Link(line, self.session, clock, entropy)
        self.up = True
        async with asyncio.TaskGroup() as group:
            group.create_task(self._connect(link))
            group.create_task(self._tick())

    def _machine(self, store: Store) -> Machine:
        seeds = SimSeeds(self._sheet, self.mortal)
        entropy = self._chance.entropy(f"{self.name}/{self.lives}")
        return machine_over(self._ministry, self.post, store, seeds, entropy)

    async def _connect(self, link: Link) -> None:
        """Keep a connection, as :class:`client.agent.process.Agent` does."""
        entropy = self._chance.entropy(f"{self.name}/pauses/{self.lives}")
        failures = 0
        while True:
            started = self._clock.monotonic()
            try:
                await self._attempt(link)
            except LinkError as error:
                if error.alarm:
                    self.machine.alarm(Alarm.RELAY_NOT_OURS, self._clock.wall())
            if self._clock.monotonic() - started > STEADY or self.session.progressed:
                failures = 0
            self.session.cut()
            failures += 1
            urgent = self.machine.urgent()
            await asyncio.sleep(delay(failures, entropy, urgent=urgent))

    async def _attempt(self, link: Link) -> None:
        root = self._ministry.directory.root
        relay = root.document.relay
        connection = await self._network.connect(self.process, link.day_key)
        at_once = self._chance.network.choice((1, 1, 4))
        try:
            await link.over(
                TerminalEnd(connection, at_once),
                RootRelay(relay.key.parsed(), root.document.suite, root.realm),
                self.post.terminal.key,
                self.machine.beliefs.witnessed,
            )
        finally:
            self.sessions += self.machine.online
            connection.hang_up()

    async def _tick(self) -> None:
        while True:
            self.session.tick()
            await asyncio.sleep(TICK)

    # --- people

    @property
    def ready(self) -> bool:
        """Whether people can write: a directory was once synchronised."""
        there = self.process.alive and self.up
        return there and self.machine.beliefs.directory is not None

    def write(self, wish: Wish) -> Composed:
        """Compose as the agent's command does; call it in the terminal's process."""
        composed = self.machine.compose(wish, self._clock.wall())
        self.session.carry_out(self.machine.pump(self._clock.wall()))
        return composed

    def news(self) -> list[EventRow]:
        """Return the events since the last look."""
        found = self.disk.events(self._seen, 100_000)
        if found:
            self._seen = found[-1].number
        return found
