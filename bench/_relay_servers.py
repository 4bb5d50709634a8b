"""The servers that bench/relay_bench.py compares, each in a process of its own.

    python bench/_relay_servers.py KIND FOLDER DATABASE POSTS

Prints its address and works until SIGTERM.  For each SIGUSR1 it prints one JSON line:
the CPU seconds that it has used, and its resident bytes.

*relay* is the relay: sessions, cells, line, mailbox, both logs, group commit.  *bare*
is the ceiling: an aiohttp WebSocket, the same bytes, one SQLite table, group commit,
nothing else.  *bare-pg* inserts them into one PostgreSQL table with asyncpg.
"""

import asyncio
import json
import resource
import signal
import sqlite3
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import asyncpg
from aiohttp import WSMsgType, web

sys.path.insert(0, str(Path(__file__).parents[1]))

from server.allocator import one_heap
from server.config import Quotas
from server.serve import steady
from server.storage.opening import located
from server.web.public import public_app
from tests.support import relay as support
from tests.support.ministry import Ministry, ministry
from tests.support.relay import served, working

Insert = Callable[[Sequence[bytes]], Awaitable[None]]
MAX_BATCH = 256  # as the relay's
MANY = 1 << 30
UNBOUNDED = Quotas(
    post_messages=MANY,
    post_mib=MANY,
    pair_messages=MANY,
    pair_mib=MANY,
    post_per_minute=MANY,
    pair_per_minute=MANY,
)  # a bench is not a post


def people(posts: int) -> Ministry:
    """Return a ministry with so many posts more: p0, p1, ..."""
    made = ministry()
    for number in range(posts):
        made.enrol(f"p{number}")
    return made


def sqlite_insert(path: Path) -> Insert:
    """Return what makes a batch durable, as the relay's own pragmas do."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous = EXTRA")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE bodies (n INTEGER PRIMARY KEY, body BLOB)")

    def commit(batch: Sequence[bytes]) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            "INSERT INTO bodies (body) VALUES (?)", [(one,) for one in batch]
        )
        connection.execute("COMMIT")

    async def insert(batch: Sequence[bytes]) -> None:
        await asyncio.get_running_loop().run_in_executor(None, commit, batch)

    return insert


async def postgres_insert(database: str) -> Insert:
    """Return what makes a batch durable with asyncpg alone."""
    url = located(database, Path())
    assert not isinstance(url, Path)
    connection: Any = await asyncpg.connect(str(url.set(drivername="postgresql")))
    await connection.execute("CREATE TABLE bodies (n BIGSERIAL PRIMARY KEY, b BYTEA)")

    async def insert(batch: Sequence[bytes]) -> None:
        await connection.executemany(  # one implicit transaction
            "INSERT INTO bodies (b) VALUES ($1)", [(one,) for one in batch]
        )

    return insert


class Bare:
    """Group commit over WebSockets, and nothing else."""

    def __init__(self, insert: Insert) -> None:
        self.commits = 0
        self._insert = insert
        self._waiting: list[tuple[bytes, web.WebSocketResponse]] = []
        self._arrived = asyncio.Event()

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False, max_msg_size=1 << 15)
        await socket.prepare(request)
        async for message in socket:
            if message.type is WSMsgType.BINARY:
                self._waiting.append((message.data, socket))
                self._arrived.set()
        return socket

    async def run(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while batch := self._waiting[:MAX_BATCH]:
                del self._waiting[:MAX_BATCH]
                await self._insert([body for body, _ in batch])
                self.commits += 1
                for _, socket in batch:
                    await socket.send_bytes(b"stored")

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/session", self.handle)
        return app


def resident() -> int:
    """Return the resident bytes of this process."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


def used() -> float:
    """Return the CPU seconds that this process has used."""
    said = resource.getrusage(resource.RUSAGE_SELF)
    return said.ru_utime + said.ru_stime


async def until_stopped() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def tell() -> None:
        print(json.dumps({"cpu": used(), "resident": resident()}), flush=True)

    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGUSR1, tell)
    await stop.wait()


async def main(kind: str, folder: Path, database: str, posts: int) -> None:
    if kind == "relay":
        one_heap()  # as server.serve does
    async with AsyncExitStack() as stack:
        group = await stack.enter_async_context(asyncio.TaskGroup())
        if kind == "relay":
            support.QUOTAS = UNBOUNDED
            support.DATABASE = lambda _: database
            parts = await stack.enter_async_context(working(folder, people(posts)))
            app = public_app(parts.relay)
        else:
            pg = kind == "bare-pg"
            bare = Bare(
                await postgres_insert(database)
                if pg
                else sqlite_insert(folder / "bare")
            )
            task = group.create_task(bare.run())
            stack.callback(task.cancel)
            app = bare.app()
        steady()
        print(await stack.enter_async_context(served(app)), flush=True)
        await until_stopped()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])))
