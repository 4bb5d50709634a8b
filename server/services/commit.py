"""Group commit: what arrives while a commit runs is committed together, next.

One place owns the writing transaction.  It takes everything that waits, writes it in
one transaction (envelopes, deliveries, leaves of both logs, tiles, heads), and only
when that is durable does anybody hear of it::

    stored = await committer.submit(submission)     # returns after the commit

Where the store has a thread for its writer, the next batch begins there as soon as the
last one is durable.  The loop hears of it when it comes to it: it has a few hundred
cells to open meanwhile, and a disk that waits for that is a disk that idles.

So throughput is the disk's number of commits times what arrives during one, and the
promise stays whole: *stored* is never said of what a power cut could take.

A crash before the commit: nobody was told, the senders ask again and the hash of the
envelope finds nothing.  A crash after it and before the answer: they ask again and
get the first answer.  (docs/decisions/0013-group-commit-and-storage.md)
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, TypeVar

from protocol.errors import BusyError, ProtocolError
from protocol.requests import Stored
from server.clock import Clock
from server.services.intake import Submission, store_batch
from server.services.quotas import Ledger
from server.services.staging import Staging, Trees
from server.storage.interfaces import Store, StoreFullError, Tables, Work

MAX_BATCH: Final = 256  # submissions, and jobs, in one transaction
MAX_BATCH_BYTES: Final = 16 * 1024 * 1024  # of envelopes, unless one alone is more
MAX_WAITING: Final = 4_096  # submissions, and jobs; then BUSY and nothing is kept

T = TypeVar("T")
R = TypeVar("R")
# A job checks everything before its first write: what it raises refuses it alone,
# and what it had written by then would stay.
Job = Callable[[Tables, Staging], Awaitable[R]]
Outcomes = tuple[list[Any], list[Stored | ProtocolError]]


Told = Callable[[R | ProtocolError], None]  # in the loop, once, after the commit


@dataclass(frozen=True, slots=True)
class Waiting(Generic[T, R]):
    """Something to commit, and how to tell whoever waits for it."""

    work: T
    told: Told[R]


@dataclass(slots=True)
class Batch:
    """What one transaction writes, and what it makes of memory."""

    submissions: Sequence[Waiting[Submission, Stored]]
    jobs: Sequence[Waiting[Job[Any], Any]]
    staging: Staging
    began: float  # monotonic seconds
    after: Trees  # what holds when it is durable; until then, what held before

    async def work(self, tables: Tables) -> Outcomes:
        """Write all of it."""
        # Entries first: a revocation counts for what came with it.
        done = [await _try(one.work, tables, self.staging) for one in self.jobs]
        batch = [one.work for one in self.submissions]
        stored = await store_batch(tables, self.staging, batch) if batch else []
        await self.staging.write(tables)
        return done, stored

    def tell(self, outcomes: Outcomes) -> None:
        """Tell everybody who waits."""
        done, stored = outcomes
        for waiting, answer in zip(self.submissions, stored, strict=True):
            waiting.told(answer)
        for job, outcome in zip(self.jobs, done, strict=True):
            job.told(outcome)


@dataclass(slots=True)
class Counts:
    """What was done since the start."""

    stored: int = 0  # submissions, those asked again too
    busy: int = 0
    refused: int = 0
    commits: int = 0
    seconds: float = 0.0  # of commits, together


class Committer:
    """The one writer of the relay's store."""

    def __init__(
        self,
        store: Store,
        trees: Trees,
        clock: Clock,
        ledger: Ledger,
        committed: Callable[[Staging], None],
    ) -> None:
        self.counts = Counts()
        self.trees = trees  # as of the last commit; frozen
        self.behind = False  # the disk is an older one: nothing is stored on it
        self._store = store
        self._clock = clock
        self._ledger = ledger
        self._committed = committed
        self._batch = Batch((), (), Staging(trees, 0, ledger.draft()), 0.0, trees)
        self._submissions: deque[Waiting[Submission, Stored]] = deque()
        self._jobs: deque[Waiting[Job[Any], Any]] = deque()
        self._arrived = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def submit(self, submission: Submission) -> asyncio.Future[Stored]:
        """Store and log ``submission``; the answer comes when that is durable.

        It raises what :func:`server.services.intake.store_batch` says, or BusyError.

        Raises:
            BusyError: too much waits, or an older disk: nothing was kept.
        """
        answer: asyncio.Future[Stored] = asyncio.get_running_loop().create_future()
        self.deposit(submission, partial(_settle, answer))
        return answer

    def deposit(self, submission: Submission, told: Told[Stored]) -> None:
        """Begin :meth:`submit`; ``told`` is called in the loop, after the commit.

        It must not raise.  Of each thousand submissions that wait, none needs a task
        or a future of its own.

        Raises:
            BusyError: too much waits, or an older disk: nothing was kept.
        """
        if self.behind:
            raise BusyError
        waiting: Waiting[Submission, Stored] = Waiting(submission, told)
        self._enqueue(self._submissions, waiting)

    async def perform(self, job: Job[R]) -> R:
        """Do ``job`` in the next transaction; return when that is durable.

        Raises:
            BusyError: too much waits, or the disk is full: nothing was kept.
            ProtocolError: what the job raised.
        """
        answer: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        waiting: Waiting[Job[Any], Any] = Waiting(job, partial(_settle, answer))
        self._enqueue(self._jobs, waiting)
        return await answer

    def _enqueue(self, queue: deque[T], waiting: T) -> None:
        if len(queue) >= MAX_WAITING:
            self.counts.busy += 1
            raise BusyError
        queue.append(waiting)
        self._idle.clear()
        self._arrived.set()

    @property
    def waiting(self) -> int:
        """How many submissions and jobs wait for the next transaction."""
        return len(self._submissions) + len(self._jobs)

    async def drained(self) -> None:
        """Return when nothing waits."""
        await self._idle.wait()

    async def run(self) -> None:
        """Commit until cancelled.

        Raises:
            StoreBrokenError: what is durable is unknown; the process ends, nobody
                who waits is told anything.
        """
        while True:
            await self._arrived.wait()
            await self._store.write_each(self._next, self._done)
            if not self.waiting:
                self._arrived.clear()
                self._idle.set()

    def _next(self) -> Work[Outcomes] | None:
        """Take what waits; where the store writes, between two transactions."""
        submissions, jobs = self._take(), _front(self._jobs, MAX_BATCH)
        if not submissions and not jobs:
            return None
        before = self._batch.after
        staging = Staging(before, self._clock.wall(), self._ledger.draft())
        began = self._clock.monotonic()
        self._batch = Batch(submissions, jobs, staging, began, before)
        return self._batch.work

    def _done(self, outcomes: Outcomes | StoreFullError) -> Callable[[], None]:
        """Let memory follow the disk, where the store writes; return what to tell."""
        # The commit point has passed: from here on a crash loses nothing but the
        # answers, and these are asked again.
        batch, took = self._batch, self._clock.monotonic() - self._batch.began
        if isinstance(outcomes, StoreFullError):
            return partial(self._full, batch)
        batch.after = batch.staging.trees
        batch.staging.quota.adopt()
        return partial(self._tell, batch, outcomes, took)

    def _full(self, batch: Batch) -> None:
        self.counts.busy += len(batch.submissions)
        busy = BusyError()
        batch.tell(([busy] * len(batch.jobs), [busy] * len(batch.submissions)))

    def _tell(self, batch: Batch, outcomes: Outcomes, took: float) -> None:
        self.trees = batch.after
        self._count(outcomes[1], took)
        self._committed(batch.staging)
        batch.tell(outcomes)

    def _take(self) -> list[Waiting[Submission, Stored]]:
        taken: list[Waiting[Submission, Stored]] = []
        size = 0
        while self._submissions and len(taken) < MAX_BATCH:
            size += self._submissions[0].work.size
            if taken and size > MAX_BATCH_BYTES:
                break
            taken.append(self._submissions.popleft())
        return taken

    def _count(self, outcomes: Sequence[Stored | ProtocolError], took: float) -> None:
        self.counts.commits += 1
        self.counts.seconds += took
        for outcome in outcomes:
            if isinstance(outcome, Stored):
                self.counts.stored += 1
            elif isinstance(outcome, BusyError):
                self.counts.busy += 1
            else:
                self.counts.refused += 1


async def _try(job: Job[R], tables: Tables, staging: Staging) -> R | ProtocolError:
    try:
        return await job(tables, staging)
    except ProtocolError as error:
        return error


def _settle(answer: asyncio.Future[R], outcome: R | ProtocolError) -> None:
    if answer.done():  # its session ended; the work was done all the same
        return
    if isinstance(outcome, ProtocolError):
        answer.set_exception(outcome)
    else:
        answer.set_result(outcome)


def _front(queue: deque[T], most: int) -> list[T]:
    return [queue.popleft() for _ in range(min(most, len(queue)))]
