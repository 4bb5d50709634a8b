"""What breaks in a world: lines, processes, in any order, at any step.

Each fault is counted under its name, so that a campaign can show that it happened.
"""

import asyncio
from collections.abc import Callable
from contextvars import copy_context
from functools import partial

from tests.support.sim.relay import SimRelay
from tests.support.sim.terminal import SimTerminal
from tests.support.sim.world import World

SIDES = ("before", "after")
DAY = 86_400.0


class Faults:
    """Breaks something every few seconds, and puts it right again."""

    def __init__(self, world: World, pace: float) -> None:
        self._world = world
        self._pace = pace  # virtual seconds between two faults, about
        self._rng = world.chance.faults
        self._over = False
        self._nobody = copy_context()  # of no process
        self.check: Callable[[], None] = lambda: None  # after each fault
        world.relay.died = self._relay_died
        for terminal in world.terminals.values():
            terminal.died = partial(self._terminal_died, terminal)
        faults: tuple[tuple[int, Callable[[], None]], ...] = (
            (6, self._cut),
            (3, self._vanish),
            (3, self._freeze),
            (2, self._partition),
            (4, self._doom_relay),
            (2, self._kill_relay),
            (4, self._doom_terminal),
            (2, self._kill_terminal),
            (2, self._kill_witness),
            (2, self._refuse),
            (2, self._deaf_witnesses),
            (1, self._away),
            (1, self._lose_prekeys),
        )
        self._kinds = [fault for weight, fault in faults for _ in range(weight)]

    async def run(self) -> None:
        while not self._over:
            await asyncio.sleep(self._rng.expovariate(1 / self._pace))
            if not self._over:
                fault = self._rng.choice(self._kinds)
                self._world.loop.note(fault.__name__)
                fault()
                self.check()

    def heal(self) -> None:
        """Let no other fault happen, and put right what is wrong."""
        self._over = True
        world = self._world
        world.network.partitioned.clear()
        world.network.refusing = world.losing = 0.0
        everybody: list[SimRelay | SimTerminal] = [*world.terminals.values()]
        for one in (world.relay, *everybody):
            one.mortal.spare()
            if not one.process.alive:
                one.start()
        for witness in world.witnesses.values():
            if not witness.process.alive:
                witness.start()

    def _later(self, seconds: float, work: Callable[[], None]) -> None:
        """Do ``work`` later, unless everything was healed before."""

        def due() -> None:
            if not self._over:
                work()

        # Not of the process that dies in this step: its timers die with it.
        self._world.loop.call_later(seconds, due, context=self._nobody)

    def _count(self, what: str) -> None:
        self._world.sometimes[what] += 1

    # --- lines

    def _cut(self) -> None:
        open_ = [one for one in self._world.network.connections if not one.over]
        if open_:
            self._rng.choice(open_).cut()
            self._count("line cut")

    def _vanish(self) -> None:
        open_ = [one for one in self._world.network.connections if not one.over]
        if open_:
            self._rng.choice(open_).vanish()
            self._count("line lost without a word")

    def _freeze(self) -> None:
        open_ = [one for one in self._world.network.connections if not one.over]
        if open_:
            self._rng.choice(open_).freeze(self._rng.uniform(1, 50))
            self._count("line frozen")

    def _partition(self) -> None:
        terminal = self._terminal()
        self._world.network.partition(terminal.process)
        self._count("terminal cut off")
        names = self._world.network.partitioned
        self._later(self._rng.uniform(5, 120), lambda: names.discard(terminal.name))

    def _refuse(self) -> None:
        network = self._world.network
        network.refusing = 0.7
        self._count("connects refused")
        self._later(self._rng.uniform(5, 60), lambda: setattr(network, "refusing", 0.0))

    def _deaf_witnesses(self) -> None:
        world = self._world
        world.losing = 0.6
        self._count("witnesses hard to reach")
        self._later(self._rng.uniform(5, 60), lambda: setattr(world, "losing", 0.0))

    # --- processes

    def _terminal(self) -> SimTerminal:
        terminals = self._world.terminals
        return terminals[self._rng.choice(sorted(terminals))]

    def _relay_died(self, side: str) -> None:
        self._count(f"relay died {side} a commit")
        self._crash_relay()

    def _terminal_died(self, terminal: SimTerminal, side: str) -> None:
        self._count(f"terminal died {side} a commit")
        self._crash_terminal(terminal, self._rng.uniform(0.1, 20))

    def _doom_relay(self) -> None:
        mortal = self._world.relay.mortal
        mortal.doom(self._rng.randrange(4), self._rng.choice(SIDES))

    def _doom_terminal(self) -> None:
        mortal = self._terminal().mortal
        mortal.doom(self._rng.randrange(12), self._rng.choice(SIDES))

    def _kill_relay(self) -> None:
        if self._world.relay.process.alive:
            self._count("relay killed")
            self._crash_relay()

    def _crash_relay(self) -> None:
        relay = self._world.relay
        relay.crash()
        self._later(self._rng.uniform(0.1, 20), relay.start)

    def _kill_terminal(self) -> None:
        terminal = self._terminal()
        if terminal.process.alive:
            self._count("terminal killed")
            self._crash_terminal(terminal, self._rng.uniform(0.1, 20))

    def _lose_prekeys(self) -> None:
        """Let a terminal die, and its key sheet with it."""
        terminal = self._terminal()
        if terminal.process.alive:
            self._count("key sheet lost")
            terminal.lose_prekeys()
            self._crash_terminal(terminal, self._rng.uniform(0.1, 20))

    def _away(self) -> None:
        terminal = self._terminal()
        if terminal.process.alive:
            self._count("terminal away for hours")
            self._crash_terminal(terminal, self._rng.uniform(600, 8 * 3_600))

    def _crash_terminal(self, terminal: SimTerminal, seconds: float) -> None:
        terminal.crash()

        def start() -> None:
            if not terminal.process.alive:
                terminal.start()

        self._later(seconds, start)

    def _kill_witness(self) -> None:
        witnesses = self._world.witnesses
        witness = witnesses[self._rng.choice(sorted(witnesses))]
        if witness.process.alive:
            self._count("witness killed")
            witness.crash()
            self._later(self._rng.uniform(0.1, 60), witness.start)
