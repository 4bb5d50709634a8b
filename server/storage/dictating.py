"""Who writes which transaction: the scribe, or the relay itself.

The scribe gets what only writes: deposits, which are taken to be new
(:mod:`server.storage.presuming`).  Whatever reads runs in the relay, when the scribe
has nothing under way.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Dialect

from server.storage.dictation import Outcome
from server.storage.executor import driven
from server.storage.interfaces import (
    Done,
    Next,
    StoreBrokenError,
    StoreFullError,
    Turn,
    Work,
)
from server.storage.presuming import Presumption, presuming
from server.storage.scribe import Dictated, ReadsError, Scribe

# So many submissions in one transaction, and it goes to the scribe: a smaller one is
# done before two processes have woken each other.
MANY: Final = 32
WHOLE: Final = 1 << 30  # as many as go into one


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A transaction at the scribe, and what to tell when it is durable."""

    work: Work[Any]
    outcome: Any


class Dictation:
    """Transactions on their way to the scribe and back; it lives as long as that."""

    def __init__(
        self,
        scribe: Scribe,
        dialect: Dialect,
        locally: Callable[[Work[Any]], Awaitable[Any]],
    ) -> None:
        """Begin.

        Args:
            scribe: with nothing under way.
            dialect: its engine's.
            locally: runs a transaction in the relay.
        """
        self._scribe = scribe
        self._dialect = dialect
        self._locally = locally
        self._under_way: deque[UnderWay] = deque()
        self._again: list[UnderWay] = []  # the scribe did not write them
        self._presumption = Presumption()

    async def run(
        self,
        following: Next[Any],
        done: Done[Any],
        stirred: asyncio.Event,
        waited: Callable[[], bool],
    ) -> bool:
        """Run transactions until few wait, or ``waited`` says that others do.

        Returns whether there was any.

        Raises:
            StoreBrokenError: the scribe is gone, or could not write.
        """
        self._scribe.wake = stirred.set
        ran = False
        while True:
            await self._hear(done)
            if not waited() and (turn := self._next(following)) is not None:
                ran = True
                if not self._dictated(turn):
                    await self._answered(done, stirred)
                    await self._run(turn.work, done)
            elif self._under_way:
                await stirred.wait()
                stirred.clear()
            else:
                return ran

    def _next(self, following: Next[Any]) -> Turn[Any] | None:
        if not self._under_way:
            return following(least=MANY)
        # What the scribe does not begin at once may as well grow until it can.
        room = self._scribe.room and not self._again
        return following(least=WHOLE) if room else None

    def _dictated(self, turn: Turn[Any]) -> bool:
        """Say whether the scribe has it."""
        if not turn.again or not self._presumption.holds():
            return False
        dictated = Dictated(self._dialect)
        try:
            outcome = driven(turn.work(presuming(dictated)))
            self._scribe.ask(dictated.steps)
        except ReadsError:
            return False
        self._under_way.append(UnderWay(turn.work, outcome))
        return True

    async def _answered(self, done: Done[Any], stirred: asyncio.Event) -> None:
        """Wait until nothing is under way."""
        while self._under_way:
            await stirred.wait()
            stirred.clear()
            await self._hear(done)

    async def _hear(self, done: Done[Any]) -> None:
        for outcome, fault in self._scribe.answers():
            one = self._under_way.popleft()
            match outcome:
                case Outcome.DONE:
                    done(one.outcome)()
                case Outcome.FULL:
                    done(StoreFullError(fault))()
                case Outcome.BROKEN:
                    raise StoreBrokenError(fault)
                case Outcome.CONFLICT:
                    self._presumption.failed()
                    self._again.append(one)
                case Outcome.STALE:
                    self._again.append(one)
        if not self._under_way:
            again, self._again = self._again, []
            for one in again:
                await self._run(one.work, done)

    async def _run(self, work: Work[Any], done: Done[Any]) -> None:
        try:
            outcome = await self._locally(work)
        except StoreFullError as error:
            outcome = error
        done(outcome)()
