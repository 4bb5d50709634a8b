"""A thread that does one thing after another for an event loop.

An executor's futures, locks and callbacks cost more than a small transaction, and a
submission that is alone waits for each of them.
"""

import asyncio
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

R = TypeVar("R")
Task = tuple[Callable[[], Any], "asyncio.Future[Any]"]


class Worker:
    """The thread; :meth:`close` ends it after what it was given."""

    def __init__(self, name: str) -> None:
        self._tasks: SimpleQueue[Task | None] = SimpleQueue()
        # A daemon: a process that ends without closing its store ends as in a crash.
        self._thread = Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def do(self, function: Callable[[], R]) -> asyncio.Future[R]:
        """Call ``function`` in the thread; the future has what it returns or raises."""
        outcome: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._tasks.put((function, outcome))
        return outcome

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            function, outcome = task
            try:
                result = function()
            except BaseException as error:  # noqa: BLE001 -- raised where it is awaited
                _tell(outcome, outcome.set_exception, error)
            else:
                _tell(outcome, outcome.set_result, result)
            del task, function, outcome  # nothing is kept while it waits

    def close(self) -> None:
        """End the thread when it has done what it was given."""
        self._tasks.put(None)
        self._thread.join()


def _tell(outcome: asyncio.Future[R], say: Callable[[Any], None], what: object) -> None:
    def told() -> None:
        if not outcome.done():  # else nobody waits any more
            say(what)

    loop = outcome.get_loop()
    if not loop.is_closed():
        loop.call_soon_threadsafe(told)
