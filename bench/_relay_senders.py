"""The senders of bench/relay_bench.py: bare WebSockets, and terminals in a session.

A sealed sender makes its objects before the clock runs and seals their cells as they
go: what is measured is the relay, and not a terminal's line.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp

from crypto.digest import H
from protocol import client_session
from protocol.client_session import ChallengeReceived, Established, FrameReceived
from protocol.codec import encode
from protocol.handshake import RootRelay
from protocol.line.cells import fitting, open_cell, seal_cell
from protocol.line.frames import Accept, Data, Kind, Open, Seen, write
from protocol.requests import Submit
from tests.support.keys import drawn
from tests.support.ministry import Ministry, OwnTerminal

SIZE = 7_502  # bytes of one submission


@dataclass
class Load:
    """How many send how much."""

    senders: int
    window: int
    each: int  # submissions of one sender


class Sender:
    """One connection; ``one`` sends a submission, ``read`` counts the answers."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def one(self, number: int) -> None:
        """Send submission ``number``."""
        await self.socket.send_bytes(number.to_bytes(SIZE, "big"))

    async def read(self) -> int:
        await self.socket.receive_bytes()
        return 1


class Sealed(Sender):
    """A terminal that has made its objects beforehand; it seals them as they go."""

    def __init__(
        self, socket: aiohttp.ClientWebSocketResponse, session: Established
    ) -> None:
        super().__init__(socket)
        self._session = session
        self._objects: list[bytes] = []
        self._cells = 0

    def prepare(self, submits: list[Submit]) -> None:
        for number, submit in enumerate(submits):
            content = encode(submit)
            stream = 2 * (number % 32_000) + 1
            head = Open(stream, 3, Kind.SUBMISSION, len(content), 0, H(content)[:16])
            self._objects.append(write(head) + write(Data(stream, 3, content)))

    async def one(self, number: int) -> None:
        frames = self._objects[number]
        await self.socket.send_bytes(
            seal_cell(self._session.sealer, frames, fitting(len(frames)))
        )

    async def read(self) -> int:
        frames = open_cell(self._session.opener, await self.socket.receive_bytes())
        self._cells += 1
        if any(isinstance(frame, Data) for frame in frames):  # a notice, to be counted
            seen = write(Seen(self._cells))
            await self.socket.send_bytes(seal_cell(self._session.sealer, seen, 0))
        return sum(isinstance(frame, Accept) for frame in frames)


@asynccontextmanager
async def bare(url: str) -> AsyncIterator[Sender]:
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{url}/session", compress=0) as socket,
    ):
        yield Sender(socket)


@asynccontextmanager
async def sealed(
    url: str, ministry: Ministry, own: OwnTerminal
) -> AsyncIterator[Sealed]:
    relay = RootRelay(ministry.relay.verify_key, ministry.suite, ministry.realm)
    session = client_session.start(own.key, relay, drawn("secret"), 0.0)
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{url}/session", compress=0) as socket,
    ):
        challenge = ChallengeReceived(await socket.receive_bytes(), 0)
        session, (send,) = client_session.step(session, challenge)
        assert isinstance(send, client_session.Send)
        await socket.send_bytes(send.data)
        ready = FrameReceived(await socket.receive_bytes())
        session, (established,) = client_session.step(session, ready)
        assert isinstance(established, Established)
        yield Sealed(socket, established)


async def drive(sender: Sender, load: Load) -> None:
    """Keep ``window`` submissions under way until all are answered."""
    sent = answered = 0
    while answered < load.each:
        while sent < load.each and sent - answered < load.window:
            await sender.one(sent)
            sent += 1
        answered += await sender.read()
