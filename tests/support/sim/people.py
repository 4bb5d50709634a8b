"""Who writes, reads and acknowledges in a world, and when."""

import asyncio

from client.core.compose import Wish, action
from client.core.rows import IN
from protocol.bodies import CableBody, Paragraph
from protocol.label import Label, Level, Precedence
from protocol.record_type import RecordType
from tests.support.sim.loop import SimLoop
from tests.support.sim.terminal import SimTerminal
from tests.support.sim.world import World

LANES = (
    Precedence.FLASH,
    Precedence.IMMEDIATE,
    Precedence.PRIORITY,
    Precedence.ROUTINE,
    Precedence.ROUTINE,
)
SIZES = (40, 400, 400, 400, 2_000, 2_000, 9_000)  # bytes of text
LABEL = Label(level=Level.DEP_V, until=1_900_000_000)


class People:
    """Writes a number of messages, and deals with what comes."""

    def __init__(self, world: World, messages: int, pace: float) -> None:
        self.left = messages
        self.wrote: list[tuple[str, bytes]] = []  # sender, H(record): they saw it
        self._world = world
        self._loop: SimLoop = world.loop
        self._pace = pace  # seconds between two acts, about
        self._rng = world.chance.people
        self._number = 0

    async def run(self) -> None:
        while self.left:
            await asyncio.sleep(self._rng.expovariate(1 / self._pace))
            who = self._rng.choice(sorted(self._world.terminals))
            act = self._rng.random()
            terminal = self._world.terminals[who]
            if not terminal.ready:
                continue
            if act < 0.75:
                self.left -= 1
                self._loop.spawn(
                    terminal.process, self._write(terminal, self._wish(who))
                )
            else:
                self._loop.spawn(terminal.process, self._deal(terminal))

    def _wish(self, sender: str) -> Wish:
        others = [post for post in sorted(self._world.terminals) if post != sender]
        most = self._rng.choice((1, 1, 1, 2, len(others)))
        posts = self._rng.sample(others, most)
        self._number += 1
        size = self._rng.choice(SIZES)
        text = f"Bericht {self._number}. ".ljust(size, "x")
        return Wish(
            type=RecordType.CABLE,
            body=CableBody(subject="Aan de post", paragraphs=(Paragraph(text=text),)),
            to=action(sorted(posts), self._rng.choice(LANES)),
            label=LABEL,
        )

    async def _write(self, terminal: SimTerminal, wish: Wish) -> None:
        composed = terminal.write(wish)
        self.wrote.append((terminal.name, composed.name))
        self._world.loop.note(f"wrote {terminal.name}")

    async def _deal(self, terminal: SimTerminal) -> None:
        """Read what came last, and take it on."""
        now = self._world.clock.wall()
        for row in terminal.disk.records(IN, 3):
            if row.type == RecordType.CABLE and row.refused is None:
                terminal.machine.read(row, now)
                terminal.machine.acknowledge(row, now)
        terminal.session.carry_out(terminal.machine.pump(now))
