"""What survives a crash: databases in memory, through the production tables.

Each commit has two sides on which a process may die, and so has each write of a key
sheet; a :class:`Mortal` decides.  A process that is dead can write nothing any more.
"""

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

import apsw
from sqlalchemy import Connection, Engine, StaticPool, create_engine, event

from client.core.seeds import Seed
from client.vault.database import Database
from crypto.types import PrekeyId
from server.storage.executor import driven, in_turn
from server.storage.interfaces import Done, Next, Work
from server.storage.schema import upgraded
from server.storage.store import transaction
from tests.support.keys import secret
from tests.support.sim.loop import Killed, Process

R = TypeVar("R")


class Mortal:
    """A process that may be due to die at one of its next commits."""

    def __init__(self, process: Process, died: Callable[[str], None]) -> None:
        self.process = process
        self.after_commit: Callable[[], None] = lambda: None
        self._died = died
        self._due: tuple[int, str] | None = None

    def doom(self, commits: int, side: str) -> None:
        """Let it die ``before`` or ``after`` the commit after so many others."""
        self._due = (commits, side)

    def spare(self) -> None:
        """Let it live."""
        self._due = None

    @contextmanager
    def commit(self) -> Iterator[None]:
        """Wrap a commit, and die beside it if this is the one."""
        self.process.require_alive()
        side = self._fate()
        if side == "before":
            self._die(side)
        yield
        if side == "after":
            self._die(side)
        self.after_commit()

    def _fate(self) -> str:
        if self._due is None:
            return ""
        commits, side = self._due
        self._due = (commits - 1, side) if commits else None
        return "" if commits else side

    def _die(self, side: str) -> None:
        self._died(side)
        raise Killed


# --- terminals


class SimDatabase(Database):
    """A vault's database, of one life of its terminal."""

    def __init__(self, connection: apsw.Connection, mortal: Mortal) -> None:
        super().__init__(connection)
        self._mortal = mortal
        self._depth = 0

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self._depth += 1
        try:
            if self._depth > 1:  # a savepoint: durable with the whole
                with super().transaction():
                    yield
                return
            # "before": the process dies when all was written and nothing committed.
            with self._mortal.commit(), super().transaction():
                yield
        finally:
            self._depth -= 1


def new_vault() -> apsw.Connection:
    """Return the empty vault that all lives of a terminal share."""
    return Database.open(None, secret("vault"))._connection  # noqa: SLF001 -- ours, in memory


@dataclass
class Sheet:
    """Seeds on a medium, without a life."""

    held: dict[PrekeyId, Seed] = field(default_factory=dict)


class SimSeeds:
    """A key sheet, of one life of its terminal."""

    def __init__(self, sheet: Sheet, mortal: Mortal) -> None:
        self._sheet = sheet
        self._mortal = mortal

    def seed(self, kid: PrekeyId) -> Seed | None:
        return self._sheet.held.get(kid)

    def seeds(self) -> list[Seed]:
        return list(self._sheet.held.values())

    def add(self, seeds: Iterable[Seed]) -> None:
        with self._mortal.commit():
            self._sheet.held.update({PrekeyId(seed.kid): seed for seed in seeds})

    def erase(self, kids: Collection[PrekeyId]) -> None:
        with self._mortal.commit():
            for kid in kids:
                self._sheet.held.pop(kid, None)


# --- the relay


@cache
def _empty() -> bytes:
    """Return an empty database of the newest schema: migrating takes long."""
    engine = _engine(sqlite3.connect(":memory:", check_same_thread=False))
    with engine.begin() as connection:
        upgraded(connection)
    with engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        image: bytes = raw.serialize()
    engine.dispose()
    return image


def new_engine() -> Engine:
    """Return the relay's database, founded on nothing yet."""
    raw = sqlite3.connect(":memory:", check_same_thread=False)
    raw.deserialize(_empty())
    return _engine(raw)


def _engine(raw: sqlite3.Connection) -> Engine:
    raw.isolation_level = None
    raw.execute("PRAGMA foreign_keys = ON")
    engine = create_engine("sqlite://", creator=lambda: raw, poolclass=StaticPool)

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


class SimStore:
    """A :class:`server.storage.interfaces.Store`, of one life of the relay."""

    def __init__(
        self, engine: Engine, mortal: Mortal, pause: Callable[[], Any]
    ) -> None:
        self._engine = engine
        self._mortal = mortal
        self._pause = pause  # what a thread and a disk take

    async def read(self, work: Work[R]) -> R:
        await self._pause()
        found = self._run(work)
        await self._pause()
        return found

    async def write(self, work: Work[R]) -> R:
        await self._pause()
        with self._mortal.commit():
            found = self._run(work)
        await self._pause()  # durable, and nobody knows
        return found

    async def write_each(self, following: Next[R], done: Done[R]) -> None:
        await in_turn(self.write, following, done)

    def _run(self, work: Work[R]) -> R:
        with transaction(self._engine) as tables:
            return driven(work(tables))

    async def scrub(self) -> None:
        await self._pause()

    async def close(self) -> None:
        await self._pause()
