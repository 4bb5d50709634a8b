"""A relay's services under a clock that a test moves, with quotas of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from crypto.types import Mailbox
from protocol.directory_view import Terminal
from protocol.requests import LogName, Stored
from server.app import Parts
from server.storage.opening import check_store
from tests.support import relay as support
from tests.support.ministry import START, Ministry, ministry
from tests.support.relay import submit_to, working


class Clock:
    """Moves when a test moves it."""

    def __init__(self) -> None:
        self.now = 0.0

    def wall(self) -> int:
        return START + 600 + int(self.now)

    def monotonic(self) -> float:
        return self.now


@dataclass
class Running:
    """A relay, its ministry and its clock."""

    parts: Parts
    people: Ministry
    clock: Clock
    sent: int = 0

    def terminal(self, post: str) -> Terminal:
        key = self.people.posts[post].terminal.key.id
        return self.parts.relay.directory.terminal(key, self.clock.wall())

    def box(self, post: str) -> Mailbox:
        return self.terminal(post).mailbox

    async def deposit(self, *to: str, by: str = "bern", size: int = 100) -> Stored:
        self.sent += 1
        boxes = [self.box(post) for post in to or ("tfc",)]
        submit = submit_to(*boxes, name=f"{self.sent}", size=size)
        return await self.parts.relay.mailbox.submit(self.terminal(by), 2, submit)

    async def owed(self, post: str = "tfc") -> list[int]:
        mailbox = self.parts.relay.mailbox
        found = await mailbox.owed(self.terminal(post), skip=(), lane=4, limit=99)
        return [one.delivery.cursor for one in found]

    @property
    def logged(self) -> int:
        return self.parts.relay.logs.size(LogName.MESSAGE)

    async def acknowledge(self, *cursors: int, by: str = "tfc") -> None:
        await self.parts.relay.mailbox.acknowledge(self.terminal(by), cursors)


@asynccontextmanager
async def relay_in(
    folder: Path, people: Ministry | None = None
) -> AsyncIterator[Running]:
    """Run the relay of a folder; what it leaves must agree."""
    clock, people = Clock(), people or ministry()
    async with working(folder, people, clock=clock) as parts:
        yield Running(parts, people, clock)
    assert await check_store(support.DATABASE(folder), folder) == []
