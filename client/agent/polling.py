"""When a terminal asks which witness: one at a time, at random minutes.

Not at fixed times, so that a relay that wants to show itself honest at the right moment
does not know it; one witness of the list at a time, all of them in a round, because a
poll costs a poor line as much as a message.  The first comes soon after the start: what
was restricted meanwhile counts before much is sealed.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Final

from client.core.witnesses import Said
from client.home import Home
from client.net.witness import SilentError, ask_witness
from crypto.entropy import Entropy
from protocol.requests import LogName
from protocol.root import RootDocument
from protocol.witness_policy import WitnessKey

SOON: Final = 5.0  # seconds to the first one, at most
SHORTEST: Final = 120.0  # seconds between polls
LONGEST: Final = 600.0
PATIENCE: Final = 10.0  # seconds that somebody waits for all of them
STEPS: Final = 1 << 16


class Polling:
    """The polls of one running terminal."""

    def __init__(
        self,
        home: Home,
        root: Callable[[], RootDocument],
        hear: Callable[[Said], None],
        entropy: Entropy,
    ) -> None:
        self._home = home
        self._root = root
        self._hear = hear
        self._entropy = entropy
        self._round: list[str] = []

    async def everybody(self) -> None:
        """Ask all witnesses at once: a person wants to know, and waits so long."""
        root = self._root()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
                for witness in root.witnesses.witnesses:
                    group.create_task(self._ask(root, witness))

    async def run(self) -> None:
        """Poll until cancelled."""
        pause = self._between(0.0, SOON)
        while True:
            await self._wait(pause)
            await self.once()
            pause = self._between(SHORTEST, LONGEST)

    async def once(self) -> None:
        """Ask the next witness; a silent one is asked again in its next turn."""
        root = self._root()
        known = {witness.name: witness for witness in root.witnesses.witnesses}
        self._round = [name for name in self._round if name in known]
        if not self._round:
            self._round = list(self._shuffled(list(known)))
        await self._ask(root, known[self._round.pop()])

    async def _ask(self, root: RootDocument, witness: WitnessKey) -> None:
        address = self._home.config().witnesses.get(witness.name, witness.address)
        origins = {
            LogName.KEY: root.key_log.origin,
            LogName.MESSAGE: root.message_log.origin,
        }
        try:
            said = await ask_witness(witness.name, address, origins)
        except SilentError:
            return
        self._hear(said)

    async def _wait(self, pause: float) -> None:
        await asyncio.sleep(pause)

    def _between(self, least: float, most: float) -> float:
        return least + (most - least) * self._drawn(STEPS) / STEPS

    def _shuffled(self, names: list[str]) -> Iterator[str]:
        while names:
            yield names.pop(self._drawn(len(names)))

    def _drawn(self, below: int) -> int:
        return int.from_bytes(self._entropy(8), "big") % below
