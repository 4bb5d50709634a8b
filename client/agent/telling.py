"""Bringing bulletins to the witnesses that were silent, again and again.

What waits is the vault's (:mod:`client.core.posting`), so a restart forgets nothing;
how often it failed is this process's alone.  Between rounds in which somebody stayed
silent the pause grows and is this terminal's own (:mod:`protocol.backoff`): the boards
of a ministry must not be asked by all operators at the same second.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from typing import Final

from client.agent.polling import PATIENCE
from client.core.posting import Due, Posting
from client.home import Home
from client.net.witness import SilentError, post_bulletin
from client.vault.database import DiskError
from crypto.entropy import Entropy
from protocol.backoff import delay
from protocol.root import RootDocument

IDLE: Final = 30.0  # seconds between looks while nothing waits


class Telling:
    """The bulletins of one running terminal, on their way to the witnesses."""

    def __init__(
        self,
        home: Home,
        root: Callable[[], RootDocument],
        posting: Posting,
        entropy: Entropy,
    ) -> None:
        self._home = home
        self._root = root
        self._posting = posting
        self._entropy = entropy

    async def run(self) -> None:
        """Bring what waits until cancelled."""
        failures = 0
        while True:
            failures = 0 if await self.once() else failures + 1
            pause = delay(failures, self._entropy, urgent=False) if failures else IDLE
            await self._wait(pause)

    async def hurried(self) -> None:
        """Bring what waits while a person waits for it, and no longer than they do."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self.once()

    async def once(self) -> bool:
        """Bring everything to everybody who lacks it; whether nothing is left."""
        try:
            due = self._posting.due()
        except DiskError:
            return False
        names = {name for one in due for name in one.witnesses}
        told = await asyncio.gather(*(self._tell(name, due) for name in sorted(names)))
        return all(told)

    async def _tell(self, name: str, due: Iterable[Due]) -> bool:
        """Bring one witness what it lacks, oldest first; whether it has it all."""
        address = self._addresses()[name]
        whole = True
        for one in due:
            if name not in one.witnesses:
                continue
            try:
                kept = await post_bulletin(address, one.data)
            except SilentError:
                return False
            if not kept:  # it may not know the signer yet, or have no room now
                whole = False
                continue
            with contextlib.suppress(DiskError):  # it is brought once more
                self._posting.kept(one.document, (name,))
        return whole

    def _addresses(self) -> dict[str, str]:
        named = {w.name: w.address for w in self._root().witnesses.witnesses}
        return {**named, **self._home.config().witnesses}

    async def _wait(self, pause: float) -> None:
        await asyncio.sleep(pause)
