"""The relay beside the bare ceiling: durable, logged submissions for each second.

    python bench/relay_bench.py [--quick] [--profile]

In one run, in alternating rounds: the relay (sealed session, cells, line, envelope and
delivery rows, message log, one transaction) and the ceiling, which receives the same
bytes over an aiohttp WebSocket and commits them in groups to one table.  7,502 bytes,
50 senders with 16 under way, and 10 with one; both on SQLite (EXTRA before WAL) and,
where PostgreSQL can be started, on that.  Then one sender with one under way, beside
one commit and one round trip; and the memory of a connected terminal that does nothing,
beside a bare WebSocket.  The figures are ratios; medians of the rounds.
"""

import argparse
import asyncio
import json
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench._relay_senders import SIZE, Load, Sender, bare, drive, sealed
from bench._relay_servers import people
from protocol.codec import encode
from protocol.requests import Submit
from tests.support import postgres
from tests.support.ministry import Ministry
from tests.support.relay import submit_to

PROGRAM = Path(__file__).with_name("_relay_servers.py")
FULL = (Load(50, 16, 120), Load(10, 1, 300))
QUICK = (Load(10, 16, 20), Load(4, 1, 20))


@dataclass
class Server:
    """A server's process."""

    url: str
    process: "subprocess.Popen[str]"

    def line(self) -> str:
        """Return the next line that it prints."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def now(self) -> dict[str, float]:
        """Return the CPU seconds that it has used, and its resident bytes."""
        self.process.send_signal(signal.SIGUSR1)
        told: dict[str, float] = json.loads(self.line())
        return told


@contextmanager
def started(kind: str, database: str, posts: int) -> Iterator[Server]:
    """Run a server over a fresh store."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        where = database or f"{folder}/relay.sqlite"
        process = subprocess.Popen(  # noqa: S603 -- our own program
            [sys.executable, PROGRAM, kind, folder, where, str(posts)],
            stdout=subprocess.PIPE,
            text=True,
        )
        server = Server("", process)
        try:
            server.url = server.line()
            yield server
        finally:
            process.terminate()
            process.wait(60)


def submission(name: str, ministry: Ministry, to: str) -> Submit:
    """Return a submission that is SIZE bytes as an object of the line."""
    mailbox = ministry.posts[to].terminal.mailbox
    spare = SIZE - len(encode(submit_to(mailbox, name=name, size=5_000)))
    made = submit_to(mailbox, name=name, size=5_000 + spare)
    assert len(encode(made)) == SIZE
    return made


async def connected(
    stack: AsyncExitStack, kind: str, url: str, ministry: Ministry, load: Load
) -> list[Sender]:
    """Return the load's senders, connected and with their objects made."""
    senders: list[Sender] = []
    for number in range(load.senders):
        if kind != "relay":
            senders.append(await stack.enter_async_context(bare(url)))
            continue
        own = ministry.posts[f"p{number}"].terminal
        made = await stack.enter_async_context(sealed(url, ministry, own))
        to = f"p{load.senders + number}"  # nobody is there: a deposit is measured
        made.prepare(
            [submission(f"{number}/{n}", ministry, to) for n in range(load.each)]
        )
        senders.append(made)
    return senders


async def rate(
    kind: str, database: str, load: Load, ministry: Ministry
) -> tuple[float, float]:
    """Return submissions for each second, and CPU microseconds of each."""
    with started(kind, database, 2 * load.senders) as server:
        async with AsyncExitStack() as stack:
            senders = await connected(stack, kind, server.url, ministry, load)
            before = server.now()["cpu"]  # of the handshakes: they are not measured
            start = time.perf_counter()
            await asyncio.gather(*(drive(sender, load) for sender in senders))
            took = time.perf_counter() - start
            cpu = server.now()["cpu"] - before
        total = load.senders * load.each
        return total / took, 1e6 * cpu / total


async def memory(kind: str, count: int, ministry: Ministry) -> float:
    """Return the bytes that a connected and idle peer costs."""
    with started(kind, "", 2 * count) as server:
        async with AsyncExitStack() as stack:
            load = Load(1, 1, 0)
            await connected(stack, kind, server.url, ministry, load)  # what is once
            before = server.now()["resident"]
            more = Load(count, 1, 0)
            await connected(stack, kind, server.url, ministry, more)
            return (server.now()["resident"] - before) / (count - 1)


def commit_and_trip(rounds: int) -> float:
    """Return the seconds of one fsync'd commit and one loopback round trip."""

    async def trip() -> float:
        async def echo(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            while data := await reader.read(1 << 14):
                writer.write(data[:64])
            writer.close()

        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(
            *server.sockets[0].getsockname()[:2]
        )
        times = []
        for _ in range(rounds):
            start = time.perf_counter()
            writer.write(bytes(SIZE))
            await reader.read(64)
            times.append(time.perf_counter() - start)
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()
        return statistics.median(times)

    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        connection = sqlite3.connect(f"{folder}/one", isolation_level=None)
        connection.execute("PRAGMA synchronous = EXTRA")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE bodies (n INTEGER PRIMARY KEY, body BLOB)")
        times = []
        for _ in range(rounds):
            start = time.perf_counter()
            connection.execute("INSERT INTO bodies (body) VALUES (?)", (bytes(SIZE),))
            times.append(time.perf_counter() - start)
        connection.close()
    return statistics.median(times) + asyncio.run(trip())


def say(figure: str, **values: float) -> None:
    """Print one figure as a line of JSON, and as words."""
    print(json.dumps({"figure": figure, **values}))


def rates(
    ministry: Ministry,
    loads: Sequence[Load],
    rounds: int,
    pairs: Sequence[tuple[str, str, Callable[[], str]]],
) -> None:
    """Print the rate of the relay beside that of its ceiling, for each load."""
    for ceiling, store, database in pairs:
        for load in loads:
            found: dict[str, list[tuple[float, float]]] = {ceiling: [], "relay": []}
            for _ in range(rounds):
                for kind, column in found.items():
                    column.append(asyncio.run(rate(kind, database(), load, ministry)))
            top, ours = (
                [statistics.median(column) for column in zip(*found[kind], strict=True)]
                for kind in (ceiling, "relay")
            )
            say(
                f"{store}, {load.senders} senders x {load.window}",
                relay=round(ours[0]),
                ceiling=round(top[0]),
                ratio=round(ours[0] / top[0], 2),
                relay_cpu_us=round(ours[1]),
                ceiling_cpu_us=round(top[1]),
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few, so that it runs")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    loads = QUICK if options.quick else FULL
    rounds = 1 if options.quick else options.rounds
    count = 12 if options.quick else 200
    ministry = people(max(2 * count, *(2 * load.senders for load in loads)))
    names = iter(range(10_000))
    with postgres.server() as server:
        pairs = [
            ("bare", "SQLite", lambda: ""),
            ("bare-pg", "PostgreSQL", lambda: server.url(f"b{next(names)}")),
        ]
        rates(ministry, loads, rounds, pairs)
    reference = commit_and_trip(50 if options.quick else 500)
    alone = Load(1, 1, 20 if options.quick else 500)
    one = 1 / asyncio.run(rate("relay", "", alone, ministry))[0]
    say(
        "one sender, one under way",
        relay_ms=round(1e3 * one, 3),
        commit_and_trip_ms=round(1e3 * reference, 3),
        ratio=round(one / reference, 2),
    )
    ours, plain = (
        asyncio.run(memory(kind, count, ministry)) for kind in ("relay", "bare")
    )
    say(
        "memory of an idle terminal",
        relay=round(ours),
        bare=round(plain),
        ratio=round(ours / plain, 2),
    )


if __name__ == "__main__":
    main()
