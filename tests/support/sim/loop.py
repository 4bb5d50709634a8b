"""An event loop in virtual time: whatever it decides, it decides from one seed.

It is a real asyncio loop: tasks, groups, timeouts and queues of the standard library
run on it unchanged.  What runs belongs to a :class:`Process` (a relay, a terminal, a
witness), by the context of its callback.  Within a process callbacks run in the order
in which they were made, as asyncio promises; which process goes next is drawn.  When
nothing is ready the clock jumps to the next timer.  Nothing here ever sleeps.

:meth:`SimLoop.kill` is SIGKILL: from that step on nothing of the process runs any more,
no ``finally`` and no ``except``.  Its tasks lie where they were until
:meth:`SimLoop.bury`, after everything was checked.
"""

import asyncio
import hashlib
import heapq
import itertools
import random
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from typing import Any

BURIAL = 200_000  # steps that the unwinding of dead tasks may take


class Killed(BaseException):
    """The process died inside this step."""


class DeadlockError(Exception):
    """Nothing is ready and no timer is set."""


class Process:
    """Something that can be killed as a whole."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive = True
        self.tasks: set[asyncio.Task[Any]] = set()
        self.ready: deque[tuple[int, asyncio.Handle]] = deque()

    def require_alive(self) -> None:
        """Return if it lives.

        Raises:
            Killed: it died in this very step.
        """
        if not self.alive:
            raise Killed


# None: what belongs to nobody, the network and the faults.
PROCESS: ContextVar[Process | None] = ContextVar("process", default=None)
Timer = tuple[float, int, Process, asyncio.Handle]


class SimLoop(asyncio.AbstractEventLoop):
    """See the module."""

    def __init__(self, seed: str) -> None:
        self.steps = 0
        self.faults: list[BaseException] = []  # what no task of ours took
        self.after_step: Callable[[], None] = lambda: None
        self._rng = random.Random(f"{seed}/schedule")
        self._trace = hashlib.blake2b(digest_size=16)
        self._world = Process("world")
        self._ready: list[Process] = []  # those with something to do
        self._timers: list[Timer] = []
        self._now = 0.0
        self._numbers = itertools.count()
        self._processes: list[Process] = []
        self._burying = False

    # --- what asyncio asks of a loop

    def time(self) -> float:
        return self._now

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def call_soon(  # type: ignore[override]
        self,
        callback: Callable[..., object],
        *args: Any,  # noqa: ANN401 -- the callback's own
        context: Context | None = None,
    ) -> asyncio.Handle:
        context = copy_context() if context is None else context
        handle = events.Handle(callback, args, self, context)
        self._soon(context.get(PROCESS), next(self._numbers), handle)
        return handle

    def _soon(
        self, process: Process | None, number: int, handle: asyncio.Handle
    ) -> None:
        process = process or self._world
        if not process.ready and process.alive:
            self._ready.append(process)
        process.ready.append((number, handle))

    def call_at(  # type: ignore[override]
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,  # noqa: ANN401 -- the callback's own
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        context = copy_context() if context is None else context
        handle = events.TimerHandle(when, callback, args, self, context)
        process = context.get(PROCESS) or self._world
        entry = (when, next(self._numbers), process, handle)
        heapq.heappush(self._timers, entry)
        return handle

    def call_later(  # type: ignore[override]
        self,
        delay: float,
        callback: Callable[..., object],
        *args: Any,  # noqa: ANN401 -- the callback's own
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Do nothing: a cancelled timer is skipped when its time has come."""

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]
        self,
        coro: Coroutine[Any, Any, Any],
        *,
        name: str | None = None,
        context: Context | None = None,
    ) -> asyncio.Task[Any]:
        # Names given by asyncio count through the whole interpreter.
        task = asyncio.Task(coro, loop=self, name=name or "task", context=context)
        of = copy_context() if context is None else context
        process = of.get(PROCESS) or self._world
        process.tasks.add(task)
        task.add_done_callback(process.tasks.discard)
        return task

    def run_in_executor(  # type: ignore[override]
        self,
        _executor: object,
        func: Callable[..., Any],
        *args: Any,  # noqa: ANN401 -- the function's own
    ) -> asyncio.Future[Any]:
        """Run ``func`` whole in a later step: a thread's work, without the thread."""
        done = self.create_future()

        def run() -> None:
            if done.done():
                return
            try:
                done.set_result(func(*args))
            except Exception as error:  # noqa: BLE001 -- whoever awaits it gets it
                done.set_exception(error)

        self.call_soon(run)
        return done

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if self._burying or isinstance(error, Killed):
            return
        self.faults.append(error or RuntimeError(context.get("message")))

    # --- processes

    def process(self, name: str) -> Process:
        """Return a new process."""
        made = Process(name)
        self._processes.append(made)
        return made

    def spawn(
        self, process: Process, work: Coroutine[Any, Any, Any]
    ) -> asyncio.Task[Any]:
        """Start a task of ``process``."""
        context = copy_context()
        context.run(PROCESS.set, process)
        task = self.create_task(work, name=process.name, context=context)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None and not self._burying and not isinstance(error, Killed):
            self.faults.append(error)

    def kill(self, process: Process) -> None:
        """End a process at once; nothing of it runs any more."""
        process.alive = False
        if process in self._ready:
            self._ready.remove(process)

    def bury(self) -> None:
        """Unwind what dead and living processes left; nothing is checked any more."""
        self._burying = True
        self.after_step = lambda: None
        everybody = [self._world, *self._processes]
        for process in self._processes:
            process.alive = False  # their stores refuse, whatever they still do
        for _ in range(BURIAL):
            left = [task for one in everybody for task in one.tasks]
            if not left:
                return
            for task in left:
                task.cancel()
            for process in everybody:
                while process.ready:
                    _, handle = process.ready.popleft()
                    if not handle.cancelled():
                        handle._run()  # noqa: SLF001 -- what every loop does
        raise RuntimeError("a task that cannot be cancelled")

    # --- running

    @property
    def trace(self) -> str:
        """A digest of every step so far: what ran, of whom, when."""
        return self._trace.hexdigest()

    def note(self, what: str) -> None:
        """Put something that happened into the trace."""
        self._trace.update(what.encode() + b";")

    def run(self, until: Callable[[], bool], limit: float) -> bool:
        """Run until ``until`` holds, at most ``limit`` virtual seconds.

        Raises:
            DeadlockError: nothing will ever happen any more.
        """
        before = events._get_running_loop()  # noqa: SLF001 -- what every loop does
        events._set_running_loop(self)  # noqa: SLF001 -- looked into
        try:
            end = self._now + limit
            while not until():
                if self._now > end:
                    return False
                self._step()
        finally:
            events._set_running_loop(before)  # noqa: SLF001 -- looked into
        return True

    def _step(self) -> None:
        ready = self._ready
        while not ready:
            self._advance()
        place = self._rng.randrange(len(ready)) if len(ready) > 1 else 0
        process = ready[place]
        number, handle = process.ready.popleft()
        if not process.ready:
            ready.remove(process)
        if handle.cancelled():
            return
        self.steps += 1
        name = process.name.encode()
        self._trace.update(b"%d.%d.%s;" % (number, self._now * 1e6, name))
        handle._run()  # noqa: SLF001 -- what every loop does
        self.after_step()
        if self.faults:
            raise self.faults[0]

    def pass_time(self, seconds: float) -> None:
        """Let it be later; what is due by then runs with the next step."""
        self._now += seconds

    def _advance(self) -> None:
        timers = self._timers
        if not timers:
            raise DeadlockError
        self._now = max(self._now, timers[0][0])
        while timers and timers[0][0] <= self._now:
            _, number, process, handle = heapq.heappop(timers)
            if not handle.cancelled():
                self._soon(process, number, handle)
