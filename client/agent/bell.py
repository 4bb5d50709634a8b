"""A bell that several tasks listen to, none taking the sound from another."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Bell:
    """Rung at each commit of the vault; whoever waits looks again."""

    def __init__(self) -> None:
        self._ears: set[asyncio.Event] = set()

    def ring(self) -> None:
        """Wake everybody who listens."""
        for ear in self._ears:
            ear.set()

    @contextmanager
    def heard(self) -> Iterator[asyncio.Event]:
        """Listen while the context lasts; clear the event before looking."""
        ear = asyncio.Event()
        self._ears.add(ear)
        try:
            yield ear
        finally:
            self._ears.discard(ear)
