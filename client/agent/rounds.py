"""One round of synchronising, waited for: ``koerier sync``.

It ends when both logs are followed to what the relay showed, what was to be sent is
stored, and nothing has moved for a moment.  What the relay sends later comes by
itself.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Final

from client.agent.bell import Bell
from client.agent.session import Session
from client.agent.terminal import OpenTerminal
from client.answers.news import news_of
from client.core.alarms import INTEGRITY
from protocol.delivery import State

QUIET: Final = 0.5  # seconds without a commit
MANY: Final = 1_000  # events in one look
RECEIPTS: Final = ("delivered", "read", "acknowledged", "refused")


class Rounds:
    """Rounds of one terminal with its line."""

    def __init__(
        self,
        terminal: OpenTerminal,
        session: Session,
        bell: Bell,
        failures: Callable[[], int],
        witnesses: Callable[[], Awaitable[None]],
    ) -> None:
        """Take what a round works with.

        Args:
            terminal: the vault and the core.
            session: the core's side of the line.
            bell: rung at each commit of the vault.
            failures: how many attempts to connect have failed so far.
            witnesses: asks all of them, past the relay.
        """
        self._ask_witnesses = witnesses
        self._terminal = terminal
        self._machine = terminal.machine
        self._store = terminal.vault.store
        self._session = session
        self._bell = bell
        self._failures = failures

    async def run(self, limit: float) -> dict[str, Any]:
        """Return what changed, after at most ``limit`` seconds."""
        before = self._sizes()
        event, failed = self._store.last_event(), self._failures()
        if self._machine.online:
            wall = self._terminal.clock.wall()
            self._session.carry_out(self._machine.resync(wall))
        done = False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit), asyncio.TaskGroup() as group:
                group.create_task(self._witnesses())
                with self._bell.heard() as changed:
                    while not done and self._may_yet(failed):
                        done = await self._quiet(changed) and self._settled()
        return self._result(before, event, synchronised=done)

    def _may_yet(self, failed: int) -> bool:
        return self._machine.online or failed == self._failures()

    @staticmethod
    async def _quiet(changed: asyncio.Event) -> bool:
        changed.clear()
        try:
            async with asyncio.timeout(QUIET):
                await changed.wait()
        except TimeoutError:
            return True
        return False

    async def _witnesses(self) -> None:
        """Hear what the relay may not say, in the same round."""
        await self._ask_witnesses()

    def _settled(self) -> bool:
        idle = not self._session.asking and not self._store.unstored()
        return self._machine.synced and idle

    def _sizes(self) -> tuple[int, int]:
        beliefs = self._machine.beliefs
        return beliefs.key_log.size, beliefs.message_log.size

    def _result(
        self, before: tuple[int, int], event: int, *, synchronised: bool
    ) -> dict[str, Any]:
        entries, leaves = self._sizes()
        happened: Counter[str] = Counter()
        for row in self._store.events(event, MANY):
            if news_of(row, self._store) is not None:
                happened[row.what] += 1
        waiting = (State.COMPOSED, State.SEALED)
        return {
            "online": self._machine.online,
            "synchronised": synchronised,
            "entries": entries - before[0],
            "log": leaves - before[1],
            "received": happened["received"],
            "stored": happened["stored"],
            "receipts": sum(happened[what] for what in RECEIPTS),
            "alarms": sum(happened[alarm.value] for alarm in INTEGRITY),
            "waiting": sum(len(self._store.waiting(state)) for state in waiting),
        }
