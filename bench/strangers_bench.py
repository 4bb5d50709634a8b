"""What strangers cost a relay, and what an honest terminal notices of them.

    python bench/strangers_bench.py [--quick]

A real relay process with TLS, strangers of every kind of tests/support/strangers.py in
a process of their own, one honest terminal here.  Traffic goes over loopback only.
Promises 10 and 11: 64 KiB, 2 ms of processor time and 10 s each, nothing on disk;
5,000 of them leave the honest 99th percentile at a second and the relay at 512 MiB.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
from contextlib import AsyncExitStack, suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from protocol.requests import Ask, KeyLog
from server.web.listener import many_files
from tests.support.crowd import crowd, honest_wait
from tests.support.process_cost import cost, files
from tests.support.processes import Homes, Serving, made
from tests.support.relay import TestTerminal, connected, unpinned

MIB = 1 << 20


async def talks_on(honest: TestTerminal, up: asyncio.Event) -> None:
    """Keep a session busy: this terminal counts what came only when it speaks."""
    while not up.is_set():
        await honest.ask(Ask.KEY_LOG, KeyLog(start=0))
        with suppress(TimeoutError):
            async with asyncio.timeout(2.0):
                await up.wait()


async def measured(homes: Homes, relay: Serving, number: int) -> dict[str, float]:
    """Return the figures for ``number`` strangers."""
    pid, url = relay.child.pid, f"https://{relay.address}"
    key = homes.ministry.posts["bern"].terminal.key
    async with connected(url, homes.ministry, key, unpinned()) as honest:
        await honest.ask(Ask.KEY_LOG, KeyLog(start=0))
        before = statistics.median([await honest_wait(honest) for _ in range(3)])
        on_disk, at_rest = files(homes.relay), cost(pid)
        async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
            all_here = asyncio.Event()
            talking = group.create_task(talks_on(honest, all_here))
            here = await stack.enter_async_context(crowd(relay.address, number))
            all_here.set()
            await talking
            up = cost(pid)
            during = statistics.median([await honest_wait(honest) for _ in range(3)])
            later = cost(pid)
            closed = await here.end()
        connections = sum(count for count, _ in closed.values())
    return {
        "strangers": number,
        "connections": connections,
        "kib_each": (max(up.memory, later.memory) - at_rest.memory) / number / 1024,
        "relay_mib": max(up.memory, later.memory) / MIB,
        # The honest terminal's requests are in it too.
        "cpu_ms_each": 1e3 * (later.cpu - at_rest.cpu) / max(number, connections),
        "longest_s": max((longest for _, longest in closed.values()), default=0.0),
        "files_changed": float(files(homes.relay) != on_disk),
        "p99_before_ms": 1e3 * before,
        "p99_during_ms": 1e3 * during,
        "p99_ratio": during / before,
    }


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    many_files()  # the crowd inherits it
    with tempfile.TemporaryDirectory() as folder:
        homes = made(Path(folder))
        with homes.up() as relay:
            await asyncio.to_thread(homes.append, Path(folder))
            async with crowd(relay.address, 50):
                pass  # a first crowd fills the allocator
            for number in (100,) if quick else (500, 2_000, 5_000):
                row = await measured(homes, relay, number)
                for name, value in row.items():
                    print(f"{name:>14} {value:10.2f}")
                print(json.dumps({"bench": "strangers", **row}), flush=True)
            async with crowd(relay.address, 140, once=True) as each:
                lives = {kind: life for kind, (_, life) in (await each.ended()).items()}
            for kind, life in lives.items():
                print(f"{kind:>24} closed after {life:6.2f} s at most")
            print(json.dumps({"bench": "strangers-lives", **lives}))


if __name__ == "__main__":
    asyncio.run(main())
