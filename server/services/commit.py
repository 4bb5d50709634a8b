"""Group commit: what arrives while a commit runs is committed together, next.

One place owns the writing transaction.  It takes everything that waits, writes it in
one transaction (envelopes, deliveries, leaves of both logs, tiles, heads), and only
when that is durable does anybody hear of it::

    stored = await committer.submit(submission)     # returns after the commit

Where the store has a process or a thread for its writer, the next batch may begin
before the loop has heard of the last one: it has a few hundred cells to open meanwhile,
and a disk that waits for that is a disk that idles.  Each batch is drafted on the one
before it, and what was drafted on one that is not written begins again.

What comes alone, while the disk is quick, is committed in the loop, where it waits for
nobody (:mod:`server.services.lone` says when, and what a slow disk can do then).

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
from server.services.lone import Lone
from server.services.quotas import Ledger
from server.services.staging import Staging, Trees
from server.storage.interfaces import Store, StoreFullError, Tables, Turn

MAX_BATCH: Final = 256  # submissions, and jobs, in one transaction
MAX_BATCH_BYTES: Final = 16 * 1024 * 1024  # of envelopes, unless one alone is more
MAX_WAITING: Final = 4_096  # submissions, and jobs; then BUSY and nothing is kept

T = TypeVar("T")
R = TypeVar("R")
# A job checks everything before its first write: what it raises refuses it alone,
# and what it had written by then would stay.
Job = Callable[[Tables, Staging], Awaitable[R]]


Told = Callable[[R | ProtocolError], None]  # in the loop, once, after the commit


@dataclass(frozen=True, slots=True)
class Waiting(Generic[T, R]):
    """Something to commit, and how to tell whoever waits for it."""

    work: T
    told: Told[R]


@dataclass(frozen=True, slots=True)
class Written:
    """What a transaction wrote; it counts when that is durable."""

    jobs: Sequence[Any]  # what each returned, or why it was refused
    submissions: Sequence[Stored | ProtocolError]
    staging: Staging
    after: Trees


@dataclass(slots=True)
class Batch:
    """What one transaction writes, and what it makes of memory."""

    submissions: Sequence[Waiting[Submission, Stored]]
    jobs: Sequence[Waiting[Job[Any], Any]]
    began: float  # monotonic seconds
    draft: Callable[["Batch"], Staging]
    written: Written | None = None  # the last time that it ran

    async def work(self, tables: Tables) -> Written:
        """Write all of it; run again, it begins anew."""
        staging = self.draft(self)
        # Entries first: a revocation counts for what came with it.
        done = [await _try(one.work, tables, staging) for one in self.jobs]
        batch = [one.work for one in self.submissions]
        stored = await store_batch(tables, staging, batch) if batch else []
        await staging.write(tables)
        staging.quota.adopt()
        self.written = Written(done, stored, staging, staging.trees)
        return self.written

    def undo(self) -> None:
        """Let memory be as if it had never run: nothing of it is on the disk."""
        if self.written is not None:
            self.written.staging.quota.undo()
            self.written = None

    def tell(self, jobs: Sequence[Any], submissions: Sequence[Any]) -> None:
        """Tell everybody who waits."""
        for waiting, answer in zip(self.submissions, submissions, strict=True):
            waiting.told(answer)
        for job, outcome in zip(self.jobs, jobs, strict=True):
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
        self._durable = trees  # where the store writes; the loop hears of it later
        self._under_way: deque[Batch] = deque()  # begun, and not known to be durable
        self._submissions: deque[Waiting[Submission, Stored]] = deque()
        self._jobs: deque[Waiting[Job[Any], Any]] = deque()
        self._lone = Lone()
        self._turn = False  # whether the loop committed one since it last went round
        self._failed: Exception | None = None  # the disk, while the loop committed
        self._arrived = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._stirred = asyncio.Event()  # as much waits as goes into one batch

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

        That may be before this returns.  It must not raise.  Of each thousand
        submissions that wait, none needs a task or a future of its own.

        Raises:
            BusyError: too much waits, or an older disk: nothing was kept.
        """
        if self.behind:
            raise BusyError
        waiting: Waiting[Submission, Stored] = Waiting(submission, told)
        if self._arrived.is_set() or not self._here(waiting):
            self._enqueue(self._submissions, waiting)

    def _here(self, waiting: Waiting[Submission, Stored]) -> bool:
        """Commit what comes alone, here and now; False: it is for the writer."""
        if self._turn:
            self._lone.crowded()
        began = self._clock.monotonic()
        if not self._lone.allows(waiting.work, began):
            return False
        batch = Batch([waiting], (), began, self._draft)
        self._under_way.append(batch)  # alone there: the writer has nothing to do
        try:
            written = self._store.here(batch.work)
        except StoreFullError as error:
            self._done(error)()
            return True
        except Exception as error:  # noqa: BLE001 -- `run` raises it, and the process ends
            self._failed = error
            self._arrived.set()
            return True
        if written is None:
            self._under_way.pop()
            return False
        self._done(written)()
        now = self._clock.monotonic()
        self._lone.stalled(now - began, now)
        self._turn = True
        asyncio.get_running_loop().call_soon(self._gone_round)
        return True

    def _gone_round(self) -> None:
        self._turn = False

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
        if len(queue) >= MAX_BATCH:
            self._stirred.set()

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
            if self._failed is not None:
                raise self._failed
            await self._store.write_each(self._next, self._done, self._stirred)
            if not self.waiting:
                self._arrived.clear()
                self._idle.set()

    def _next(self, *, least: int = 0, most: int | None = None) -> Turn[Written] | None:
        """Take what waits; where the store writes, between two transactions."""
        wait = len(self._submissions)
        if wait < min(least, MAX_BATCH) or (most is not None and wait > most):
            return None
        submissions, jobs = self._take(), _front(self._jobs, MAX_BATCH)
        if not submissions and not jobs:
            return None
        batch = Batch(submissions, jobs, self._clock.monotonic(), self._draft)
        self._under_way.append(batch)
        return Turn(batch.work, again=not jobs)

    def _draft(self, batch: Batch) -> Staging:
        """Return the draft of a batch that begins, or begins again."""
        begun = list(self._under_way)
        place = begun.index(batch)
        for one in begun[place:]:  # what was built on it begins again too
            one.undo()
        before = begun[place - 1].written if place else None
        trees = self._durable if before is None else before.after
        return Staging(trees, self._clock.wall(), self._ledger.draft())

    def _done(self, written: Written | StoreFullError) -> Callable[[], None]:
        """Let memory follow the disk, where the store writes; return what to tell."""
        # The commit point has passed: from here on a crash loses nothing but the
        # answers, and these are asked again.
        batch = self._under_way.popleft()
        took = self._clock.monotonic() - batch.began
        if isinstance(written, StoreFullError):
            batch.undo()
            return partial(self._full, batch)
        self._durable = written.after
        self._lone.wrote(len(batch.submissions), took)
        return partial(self._tell, batch, written, took)

    def _full(self, batch: Batch) -> None:
        self.counts.busy += len(batch.submissions)
        busy = BusyError()
        batch.tell([busy] * len(batch.jobs), [busy] * len(batch.submissions))

    def _tell(self, batch: Batch, written: Written, took: float) -> None:
        self.trees = written.after
        self._count(written.submissions, took)
        self._committed(written.staging)
        batch.tell(written.jobs, written.submissions)

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
