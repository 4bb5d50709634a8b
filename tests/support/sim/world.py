"""One world: a relay, its witnesses and some terminals, from one seed.

::

    world = World("20261127/quick/0", tmp_path)
    world.open()               # everybody synchronised and reachable
    world.live(messages=100)   # people write while everything breaks
    world.heal()               # the last fault; then all must arrive
    world.close()
"""

from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path

from protocol.requests import LogName
from tests.support.ministry import Ministry, ministry
from tests.support.sim.chance import Chance
from tests.support.sim.loop import SimLoop
from tests.support.sim.network import Network
from tests.support.sim.relay import SimRelay
from tests.support.sim.stage import SimClock, Stage
from tests.support.sim.terminal import SimTerminal
from tests.support.sim.witness import SimWitness, WitnessHttp

POSTS = ("tfc", "bern", "oslo", "lima")
OPENING = 600.0  # virtual seconds until everybody is reachable


@cache
def _ministry() -> Ministry:
    made = ministry()
    for post in POSTS[2:]:
        made.enrol(post)
    return made


class World:
    """See the module."""

    def __init__(self, seed: str, folder: Path) -> None:
        self.seed = seed
        loop = SimLoop(seed)  # type: ignore[abstract]  # the rest is never asked for
        chance = Chance(seed)
        made = _ministry().fork()
        self.loop, self.chance = loop, chance
        self.network = Network(loop, chance)
        self.clock = SimClock(loop, made.now + 60)
        stage = Stage(loop, chance, self.network, made, self.clock, folder)
        self.process = loop.process("world")
        self.sometimes: Counter[str] = Counter()
        self.losing = 0.0  # chance that a word with a witness is lost
        self.witnesses = {
            name: SimWitness(name, stage, loop.process(name))
            for name in ("w1", "w2", "w3")
        }
        http = WitnessHttp(
            self.witnesses, lambda: chance.network.random() < self.losing
        )
        self.relay = SimRelay(stage, http)
        self.terminals = {post: SimTerminal(stage, made.posts[post]) for post in POSTS}

    def open(self) -> None:
        """Start everything, and let all terminals become reachable."""
        for witness in self.witnesses.values():
            witness.start()
        self.relay.start()
        for terminal in self.terminals.values():
            terminal.start()
        if not self.loop.run(self._reachable, OPENING):
            raise AssertionError("not everybody became reachable")

    def _reachable(self) -> bool:
        return all(self._published(one) for one in self.terminals.values())

    def _published(self, terminal: SimTerminal) -> bool:
        """Say whether the log names a manifest that this terminal made."""
        if not terminal.ready:
            return False
        notice = terminal.machine.beliefs.view().notice(terminal.post.terminal.key.id)
        ours = terminal.disk.get("manifest.published")
        return notice is not None and notice.notice.manifest == ours

    @property
    def sizes(self) -> tuple[int, ...]:
        """Sizes of both logs, and of their published notes, at the relay that lives."""
        parts = self.relay.parts
        if parts is None:
            return ()
        logs = parts.relay.logs
        return (
            *(logs.size(log) for log in LogName),
            *(logs.published(log) for log in LogName),
        )

    def counted(self) -> Counter[str]:
        """Return how often things happened, once all is over."""
        found = Counter(self.sometimes)
        for terminal in self.terminals.values():
            found["delivered again"] += terminal.came.total() - len(terminal.came)
            found["reconnected"] += max(0, terminal.sessions - terminal.lives)
        return found

    def every(self, seconds: float, look: Callable[[], bool]) -> Callable[[], bool]:
        """Return ``look``, looked at only now and then: it is expensive."""
        due = 0.0

        def holds() -> bool:
            nonlocal due
            if self.loop.time() < due:
                return False
            due = self.loop.time() + seconds
            return look()

        return holds

    def close(self) -> None:
        """Unwind everything."""
        self.loop.bury()
        for witness in self.witnesses.values():
            if witness.service is not None:
                witness.service.close()
