"""An agent's door that stands open in a thread of its own, for one test."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager

PATIENCE = 10  # seconds; only a broken test needs them


@contextmanager
def opened(door: AbstractAsyncContextManager[None]) -> Iterator[None]:
    """Keep ``door`` open until the block ends."""
    ready, stop = threading.Event(), threading.Event()

    async def main() -> None:
        async with door:
            ready.set()
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    assert ready.wait(PATIENCE)
    try:
        yield
    finally:
        stop.set()
        thread.join(PATIENCE)
