"""A crowd of strangers before a relay, and an honest terminal's waiting time."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from protocol.requests import Ask, KeyLog
from tests.support import strangers
from tests.support.relay import TestTerminal

REQUESTS = 200  # of the honest terminal, for one percentile


class Crowd:
    """The strangers' process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def line(self) -> bytes:
        assert self._process.stdout is not None
        return await self._process.stdout.readline()

    async def ended(self) -> dict[str, tuple[int, float]]:
        """Return how many of each kind the relay closed, and their longest life."""
        return dict(json.loads(await self.line()))

    async def end(self) -> dict[str, tuple[int, float]]:
        """Let them go; see :meth:`ended`."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        return await self.ended()


@asynccontextmanager
async def crowd(
    address: str, number: int, *, once: bool = False
) -> AsyncIterator[Crowd]:
    """Have ``number`` strangers at ``host:port``, connected on entry."""
    host, _, port = address.rpartition(":")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, strangers.__file__, host, port, str(number)),
        *(["once"] if once else []),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        here = Crowd(process)
        assert await here.line() == b"up\n"
        yield here
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def honest_wait(one: TestTerminal) -> float:
    """Return the 99th percentile of a terminal's waiting times, in seconds."""
    loop = asyncio.get_running_loop()
    times = []
    for _ in range(REQUESTS):
        began = loop.time()
        await one.ask(Ask.KEY_LOG, KeyLog(start=0))
        times.append(loop.time() - began)
    return sorted(times)[int(REQUESTS * 0.99) - 1]
