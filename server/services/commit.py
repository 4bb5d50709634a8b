"""Group commit: what arrives while a commit runs is committed together, next.

One task owns the writing transaction.  It takes everything that waits, writes it in
one transaction (envelopes, deliveries, leaves of both logs, tiles, heads), and only
when that is durable does anybody hear of it::

    stored = await committer.submit(submission)     # returns after the commit

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
from typing import Any, Final, Generic, TypeVar

from protocol.errors import BusyError, ProtocolError
from protocol.requests import Stored
from server.clock import Clock
from server.services.intake import Submission, store_batch
from server.services.quotas import Ledger
from server.services.staging import Staging, Trees
from server.storage.interfaces import Store, StoreFullError, Tables

MAX_BATCH: Final = 256  # submissions, and jobs, in one transaction
MAX_BATCH_BYTES: Final = 16 * 1024 * 1024  # of envelopes, unless one alone is more
MAX_WAITING: Final = 4_096  # submissions, and jobs; then BUSY and nothing is kept

T = TypeVar("T")
R = TypeVar("R")
# A job checks everything before its first write: what it raises refuses it alone,
# and what it had written by then would stay.
Job = Callable[[Tables, Staging], Awaitable[R]]
Outcomes = tuple[list[Any], list[Stored | ProtocolError]]


@dataclass(frozen=True, slots=True)
class Waiting(Generic[T, R]):
    """Something to commit, and who waits for it."""

    work: T
    answer: asyncio.Future[R]

    def settle(self, outcome: R | ProtocolError) -> None:
        """Tell whoever waits, if anybody still does."""
        if self.answer.done():  # its session ended; the work was done all the same
            return
        if isinstance(outcome, ProtocolError):
            self.answer.set_exception(outcome)
        else:
            self.answer.set_result(outcome)


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
        self._submissions: deque[Waiting[Submission, Stored]] = deque()
        self._jobs: deque[Waiting[Job[Any], Any]] = deque()
        self._arrived = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def submit(self, submission: Submission) -> asyncio.Future[Stored]:
        """Store and log ``submission``; the answer comes when that is durable.

        A future, and no coroutine: of each thousand submissions that wait, none needs
        a task of its own.  It raises what
        :func:`server.services.intake.store_batch` says, or BusyError.

        Raises:
            BusyError: too much waits, or an older disk: nothing was kept.
        """
        if self.behind:
            raise BusyError
        return self._enqueue(self._submissions, submission)

    async def perform(self, job: Job[R]) -> R:
        """Do ``job`` in the next transaction; return when that is durable.

        Raises:
            BusyError: too much waits, or the disk is full: nothing was kept.
            ProtocolError: what the job raised.
        """
        answer: R = await self._enqueue(self._jobs, job)
        return answer

    def _enqueue(self, queue: deque[Waiting[T, R]], work: T) -> asyncio.Future[R]:
        if len(queue) >= MAX_WAITING:
            self.counts.busy += 1
            raise BusyError
        answer: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        queue.append(Waiting(work, answer))
        self._idle.clear()
        self._arrived.set()
        return answer

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
            self._arrived.clear()
            while self._submissions or self._jobs:
                await self._commit(self._take(), _front(self._jobs, MAX_BATCH))
            self._idle.set()

    def _take(self) -> list[Waiting[Submission, Stored]]:
        taken: list[Waiting[Submission, Stored]] = []
        size = 0
        while self._submissions and len(taken) < MAX_BATCH:
            size += self._submissions[0].work.size
            if taken and size > MAX_BATCH_BYTES:
                break
            taken.append(self._submissions.popleft())
        return taken

    async def _commit(
        self,
        submissions: Sequence[Waiting[Submission, Stored]],
        jobs: Sequence[Waiting[Job[Any], Any]],
    ) -> None:
        staging = Staging(self.trees, self._clock.wall(), self._ledger.draft())
        batch = [one.work for one in submissions]

        async def work(tables: Tables) -> Outcomes:
            # Entries first: a revocation counts for what came with it.
            done = [await _try(one.work, tables, staging) for one in jobs]
            stored = await store_batch(tables, staging, batch) if batch else []
            await staging.write(tables)
            return done, stored

        start = self._clock.monotonic()
        try:
            done, stored = await self._store.write(work)
        except StoreFullError:
            self.counts.busy += len(batch)
            for waiting in submissions:
                waiting.settle(BusyError())
            for job in jobs:
                job.settle(BusyError())
            return
        # The commit point has passed: from here on a crash loses nothing but the
        # answers, and these are asked again.
        self.trees = staging.trees
        staging.quota.adopt()
        self._count(stored, self._clock.monotonic() - start)
        self._committed(staging)
        for waiting, answer in zip(submissions, stored, strict=True):
            waiting.settle(answer)
        for job, outcome in zip(jobs, done, strict=True):
            job.settle(outcome)

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


def _front(queue: deque[T], most: int) -> list[T]:
    return [queue.popleft() for _ in range(min(most, len(queue)))]
