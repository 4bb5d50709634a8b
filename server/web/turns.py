"""The tasks of one session: each lives only while there is something to do.

A ministry has thousands of terminals that are connected and say nothing.  A task that
waits for an event costs some five thousand bytes, and a session had eleven of them.
So the session's own task reads, and everything else is a *step* that is asked for::

    async with turns:
        turns.ask(self._write)  # run it; if it runs already, run it once more after

A step never runs twice at a time, and what was asked for while it ran is not lost.
The first one that raises ends all others, and the reading with them.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from types import TracebackType
from typing import Self

Step = Callable[[], Awaitable[None]]


class Turns:
    """Runs the steps of one session, and ends them together."""

    __slots__ = ("_asked", "_group", "_open")

    def __init__(self) -> None:
        self._group = asyncio.TaskGroup()
        self._open = False
        self._asked: dict[Step, bool] = {}  # a step that runs: whether to run it again

    async def __aenter__(self) -> Self:
        """Let steps run until the block ends; its task is the session's own."""
        await self._group.__aenter__()
        self._open = True
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End every step.

        Raises:
            BaseExceptionGroup: of what the block or the first step raised.
        """
        self._open = False
        await self._group.__aexit__(kind, error, trace)

    def ask(self, step: Step) -> None:
        """Run ``step``, after the run that is under way; nothing once all has ended."""
        if step in self._asked:
            self._asked[step] = True
        elif self._open:
            self._asked[step] = True
            self.start(partial(self._run, step))

    def idle(self, step: Step) -> bool:
        """Say whether ``step`` could run now, and does not."""
        return self._open and step not in self._asked

    def start(self, work: Step) -> None:
        """Do ``work`` beside everything else; nothing once all has ended.

        It is called in its task: where the session ends before that, nothing is left
        of it, and no coroutine that nobody awaited.
        """
        if self._open:
            self._group.create_task(self._watched(work))

    async def _watched(self, work: Step) -> None:
        try:
            await work()
        except BaseException:
            self._open = False  # from now on the group takes no task
            raise

    async def _run(self, step: Step) -> None:
        while self._asked[step]:
            self._asked[step] = False
            await step()
        del self._asked[step]
        if not self._asked:
            self._asked = {}  # one that was used stays large
