"""Retention: nothing stays for ever, and nothing that nobody had goes unsaid.

* What its mailbox has acknowledged is erased after ``acknowledged_hours``.
* What nobody fetched for ``undelivered_days`` *expires*: its depositor's terminal is
  told when it is connected, names what it has noted, and only ``told_hours`` after
  that the delivery is dropped.  A depositor that never comes back keeps it here (its
  quota bounds how much); one whose key has ended can be told nothing, and what it left
  is dropped and counted as orphaned.
* Nacks older than their life are erased.

Of an erased envelope the hashes stay, so that the log stays provable and a sender who
asks again gets the same answer.  A sender that deposits again what was dropped gets it
owed again, under the same leaf.

Every drop is counted in the metrics and written in the log, by number.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from crypto.types import KeyId, Mailbox
from protocol.directory_view import Terminal
from protocol.requests import MAX_EXPIRING, Expiring, Expiry, Undelivered
from server.clock import Clock
from server.config import Retention as Rules
from server.logbook import logbook
from server.services.commit import Committer
from server.services.mailbox import NACK_LIFE
from server.services.presence import Presence
from server.services.staging import Staging
from server.storage.erasure_interfaces import Lingering, Row
from server.storage.interfaces import Store, Tables

PAUSE: Final = 600.0  # seconds between rounds
PAGE: Final = 500  # deliveries in one transaction: others wait for it
HOUR: Final = 3_600
DAY: Final = 24 * HOUR
BEFORE_ALL: Final = (-1, Mailbox(b""))

_log = logbook()


@dataclass(slots=True)
class Gone:
    """What went since the start, in deliveries."""

    delivered: int = 0
    undelivered: int = 0  # its depositor was told
    orphaned: int = 0  # its depositor is no more


class Retention:
    """Lets go of what is here for nothing any more."""

    def __init__(
        self,
        store: Store,
        committer: Committer,
        presence: Presence,
        clock: Clock,
        rules: Rules,
    ) -> None:
        self.gone = Gone()
        self.untold = 0  # deliveries that expired and whose depositor was not told
        self._untold_to: frozenset[KeyId] = frozenset()  # these depositors
        self._store = store
        self._committer = committer
        self._presence = presence
        self._clock = clock
        self._rules = rules

    async def run(self) -> None:
        """Look every PAUSE until cancelled."""
        while True:
            await self.round()
            await asyncio.sleep(PAUSE)

    async def round(self) -> None:
        """Erase what is to go now, and have the depositors told of what will."""
        before = self.gone.delivered, self.gone.undelivered, self.gone.orphaned
        await self._erase_delivered()
        await self._expire()
        await self._committer.perform(self._forget_nacks)
        after = self.gone.delivered, self.gone.undelivered, self.gone.orphaned
        if after != before:
            await self._store.scrub()
            delivered, undelivered, orphaned = (
                new - old for new, old in zip(after, before, strict=True)
            )
            _log.info(
                "erased",
                delivered=delivered,
                undelivered=undelivered,
                orphaned=orphaned,
            )

    async def _forget_nacks(self, tables: Tables, staging: Staging) -> None:
        await tables.erasure.forget_nacks(staging.now - NACK_LIFE)

    async def _erase_delivered(self) -> None:
        async def job(tables: Tables, staging: Staging) -> int:
            until = staging.now - self._rules.acknowledged_hours * HOUR
            rows = await tables.erasure.done(until, PAGE)
            await tables.erasure.erase(rows, staging.now)
            return len(rows)

        while erased := await self._committer.perform(job):
            self.gone.delivered += erased

    async def _expire(self) -> None:
        untold: set[KeyId] = set()
        waiting, after = 0, BEFORE_ALL
        while page := await self._lingering(after):
            now = self._clock.wall()
            admits = self._committer.trees.directory.admits
            old = [one for one in page if one.received < self._expired(now)]
            orphaned = [one for one in old if not admits(one.sender, now)]
            known = [one for one in old if admits(one.sender, now)]
            last = now - self._rules.told_hours * HOUR
            told = [one for one in known if one.told is not None and one.told < last]
            self.gone.undelivered += await self._drop(told)
            self.gone.orphaned += await self._drop(orphaned)
            fresh = [one for one in known if one.told is None]
            untold.update(one.sender for one in fresh)
            waiting += len(fresh)
            if len(old) < len(page):
                break  # indexes rise with time: the rest is younger
            after = (page[-1].index, page[-1].mailbox)
        self.untold = waiting
        self._untold_to = frozenset(untold)
        self._presence.nacked(untold)

    async def _lingering(self, after: tuple[int, Mailbox]) -> Sequence[Lingering]:
        async def work(tables: Tables) -> Sequence[Lingering]:
            return await tables.erasure.lingering(after, PAGE)

        return await self._store.read(work)

    def _expired(self, now: int) -> int:
        return now - self._rules.undelivered_days * DAY

    async def _drop(self, lingering: Sequence[Lingering]) -> int:
        """Drop deliveries; return how many were still owed."""
        if not lingering:
            return 0
        rows: list[Row] = [(one.mailbox, one.cursor) for one in lingering]

        async def job(tables: Tables, staging: Staging) -> int:
            owed = await tables.erasure.erase(rows, staging.now)
            staging.quota.release(owed)
            return len(owed)

        return await self._committer.perform(job)

    # --- the depositor's side

    async def expiring(self, caller: Terminal) -> int:
        """Return how many of the caller's deliveries expired and were not told."""
        if caller.key_id not in self._untold_to:
            return 0
        return len(await self._untold(caller))

    async def undelivered(self, caller: Terminal, asked: Undelivered) -> Expiring:
        """Note what the caller knows; return what it does not know yet.

        A crash before the note: it is told again.
        """
        names = tuple(asked.told)
        if names:

            async def job(tables: Tables, staging: Staging) -> None:
                until = self._expired(staging.now)
                await tables.erasure.told(caller.key_id, names, until, staging.now)

            await self._committer.perform(job)
        return Expiring(expiries=await self._untold(caller))

    async def _untold(self, caller: Terminal) -> tuple[Expiry, ...]:
        async def work(tables: Tables) -> tuple[Expiry, ...]:
            until = self._expired(self._clock.wall())
            found = await tables.erasure.expiring(caller.key_id, until, MAX_EXPIRING)
            return tuple(Expiry(envelope=name, mailbox=box) for name, box in found)

        return await self._store.read(work)
