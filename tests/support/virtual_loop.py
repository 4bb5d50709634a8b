"""An event loop whose time passes only when nobody has anything to do.

Timers fire in order, at once; what would run in a thread runs here and now and takes
no time.  Nothing depends on the machine: the same program gives the same times, and an
hour on a slow line takes seconds.  Real sockets have no place in it.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

R = TypeVar("R")


class DeadlockError(Exception):
    """Everybody waits, and nobody for a time."""


class _Leaping(selectors.DefaultSelector):
    """Where the loop would sleep, the clock leaps."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise DeadlockError
            self.now += max(0.0, timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """See the module."""

    def __init__(self) -> None:
        self._leaping = _Leaping()
        super().__init__(self._leaping)

    def time(self) -> float:
        return self._leaping.now

    def run_in_executor(
        self,
        executor: object,  # noqa: ARG002 -- there is none here
        func: Callable[..., R],
        *args: object,
    ) -> asyncio.Future[R]:
        future: asyncio.Future[R] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 -- it belongs to who awaits
            future.set_exception(error)
        return future


def done_here(_: object, function: Callable[[], R]) -> asyncio.Future[R]:
    """Do a writer's work here and now, in the place of ``Worker.do``."""
    return asyncio.get_running_loop().run_in_executor(None, function)


class LoopClock:
    """The clocks of a relay or a terminal in virtual time."""

    def __init__(self, start: int) -> None:
        self._start = start

    def wall(self) -> int:
        return self._start + int(self.monotonic())

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


def run(main: Coroutine[Any, Any, R]) -> R:
    """Return what ``main`` returns, in virtual time from 0."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
