"""Hundreds of silent, slow, deaf and loud strangers at a real relay's real door.

What one costs in memory, processor time and disk, that each is hung up on, and what a
terminal that works meanwhile notices.  Nothing here depends on the machine's speed:
costs are compared with an honest session's, waiting times with those before, in the
same run.  Absolute figures, also for 5,000: ``bench/strangers_bench.py``.
"""

import asyncio
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from protocol.requests import Ask, KeyLog
from tests.support import strangers
from tests.support.crowd import crowd, honest_wait
from tests.support.process_cost import cost, files
from tests.support.processes import Homes, made
from tests.support.relay import connected, submit_to, unpinned

NUMBER = 500
MEMORY = 64 * 1024  # bytes of a stranger
# What TLS reads of one before anybody looks at it.  A relay that lacks the processor
# has many in that state at once; it may not be more, and it may not last.
UNREAD = 256 * 1024  # bytes
ROUNDS = 3
LOOKS = 20  # at the memory, until the relay has caught up
SESSIONS = 20  # honest ones, to compare with
PATIENCE = 300.0  # seconds; only a broken test needs them


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Homes:
    return made(tmp_path_factory.mktemp("strangers"))


async def test_five_hundred_strangers_cost_little_and_nobody_waits_for_them(
    homes: Homes, tmp_path: Path
) -> None:
    posts = homes.ministry.posts
    tfc, bern = posts["tfc"].terminal, posts["bern"].terminal
    async with asyncio.timeout(PATIENCE):
        with homes.up() as relay:
            await asyncio.to_thread(homes.append, tmp_path)
            url, pid = f"https://{relay.address}", relay.child.pid
            async with connected(url, homes.ministry, bern.key, unpinned()) as honest:
                begun = cost(pid)
                for _ in range(SESSIONS):
                    async with connected(url, homes.ministry, tfc.key, unpinned()) as t:
                        await t.ask(Ask.KEY_LOG, KeyLog(start=0))
                session = (cost(pid) - begun).cpu / SESSIONS
                async with crowd(relay.address, 50):
                    pass  # what a first crowd leaves in the allocator is no stranger's
                before = min([await honest_wait(honest) for _ in range(ROUNDS)])
                on_disk = files(homes.relay)
                at_rest = cost(pid)
                async with crowd(relay.address, NUMBER) as here:
                    grown = cost(pid) - at_rest
                    waits: list[float] = []
                    memory = [grown.memory]
                    while len(waits) < ROUNDS or (
                        memory[-1] > NUMBER * MEMORY and len(waits) < LOOKS
                    ):
                        waits.append(await honest_wait(honest))
                        memory.append((cost(pid) - at_rest).memory)
                    closed = await here.end()
                assert files(homes.relay) == on_disk  # not a byte, not even of a log
                # Someone comes in while they are there, and what is sent arrives.
                async with (
                    crowd(relay.address, 50),
                    connected(url, homes.ministry, tfc.key, unpinned()) as late,
                ):
                    await honest.submit(submit_to(tfc.mailbox))
                    await late.delivered()
    assert max(memory) <= NUMBER * UNREAD
    assert memory[-1] <= NUMBER * MEMORY
    assert grown.cpu / NUMBER <= session  # a stranger costs less than who is let in
    assert min(waits) <= 3 * before
    assert {kind.__name__ for kind in strangers.KINDS} >= set(closed)


@contextmanager
def few_files(number: int) -> Iterator[int]:
    """Let what is started here have few files at first; give what it may ask for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (number, hard))
    try:
        yield hard
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_relay_takes_as_many_files_as_it_may_have(homes: Homes) -> None:
    """With the usual 1,024 a crowd would leave none for anybody else."""
    with few_files(512) as most, homes.up() as relay:
        limits = Path(f"/proc/{relay.child.pid}/limits").read_text()
    (line,) = (one for one in limits.splitlines() if one.startswith("Max open files"))
    assert line.split()[3:5] == [str(most), str(most)]


async def test_every_kind_of_stranger_is_hung_up_on(homes: Homes) -> None:
    async with asyncio.timeout(PATIENCE):
        with homes.up() as relay:
            async with crowd(
                relay.address, 2 * len(strangers.KINDS), once=True
            ) as all_:
                closed = await all_.ended()  # comes only when each has seen its end
    assert {name: number for name, (number, _) in closed.items()} == {
        kind.__name__: 2 for kind in strangers.KINDS
    }
