"""The terminal's connection to its relay: TLS under the pin, session, line.

All I/O and no decisions.  Believing the relay is :mod:`protocol.client_session`'s
business, what to send when is :mod:`protocol.line`'s, and what it means is the
handler's (the agent).  One connection at a time carries one line, which outlives it.

A WebSocket goes first.  Where something on the way refuses it or swallows it, the same
messages go in HTTPS requests; that this worked is remembered for a while, and then a
WebSocket is tried again.
"""

import asyncio
from contextlib import suppress
from typing import Final, Protocol

import aiohttp

from client.clock import Clock
from client.net.connecting import http
from client.net.poll import Poll
from client.net.transport import QUIET, LinkError, NotCarriedError, Transport
from client.net.websocket import websocket
from crypto.entropy import Entropy
from crypto.session import FrameOpener, FrameSealer
from crypto.sign import SigningKey
from crypto.types import Digest
from protocol import client_session
from protocol.client_session import ChallengeReceived, FrameReceived
from protocol.errors import ErrorCode, ProtocolError
from protocol.handshake import RootRelay, completed, day_key_name
from protocol.line.effects import Effect, Stalled
from protocol.line.machine import Line

REMEMBERED: Final = 600.0  # seconds that a path without WebSockets is remembered
TICK: Final = 1.0  # seconds between looks at the clock
SHORTEST: Final = 0.01  # seconds: nothing waits for less


class Handler(Protocol):
    """Whoever gives the line's effects their meaning."""

    def connected(self) -> None:
        """Take note that the session is open and the line connected."""

    def effect(self, effect: Effect) -> None:
        """Carry out one effect of the line; what must be durable is, on return."""

    def turn(self) -> None:
        """Take together what came since the last call: nothing more is here yet."""

    def feed(self) -> None:
        """Give the line the bytes that it wants of what it streams."""


class Link:
    """Runs one connection after another for a line."""

    def __init__(
        self, line: Line, handler: Handler, clock: Clock, entropy: Entropy
    ) -> None:
        self._line = line
        self._handler = handler
        self._clock = clock
        self._entropy = entropy
        self._something = asyncio.Event()
        self._came = asyncio.Event()
        self._challenge: bytes | None = None  # the last one that opened a session
        self._polling_until = 0.0  # monotonic seconds: no WebSocket before that

    def nudge(self) -> None:
        """Look at the line again: something was offered."""
        self._something.set()

    @property
    def day_key(self) -> str:
        """The name of the relay's day key that is known here; empty: none."""
        return "" if self._challenge is None else day_key_name(self._challenge)

    async def run(
        self,
        address: str,
        pin: Digest,
        relay: RootRelay,
        identity: SigningKey,
        witnessed: int,
    ) -> None:
        """Connect, and carry the line until the connection ends.

        Args:
            address: ``wss://host:port`` of the root document, or of the member's
                configuration.
            pin: of the relay's certificate.
            relay: whom the root document names.
            identity: this terminal's key.
            witnessed: W, POSIX seconds.

        Raises:
            LinkError: always, in the end.
        """
        origin = "https" + address.removeprefix("wss")

        async def carry(transport: Transport) -> None:
            await self.over(transport, relay, identity, witnessed)

        try:
            async with http(pin) as client:
                if self._clock.monotonic() >= self._polling_until:
                    with suppress(NotCarriedError):
                        async with websocket(client, origin, self.day_key) as socket:
                            await carry(socket)
                await carry(Poll(client, origin, self.day_key))
        except aiohttp.ClientConnectorCertificateError:
            raise LinkError(alarm=True) from None
        except (aiohttp.ClientError, OSError):  # a TimeoutError is one too
            raise LinkError(alarm=False) from None

    async def over(
        self,
        transport: Transport,
        relay: RootRelay,
        identity: SigningKey,
        witnessed: int,
    ) -> None:
        """Shake hands over a connection, and carry the line until it ends.

        Raises:
            LinkError: always, in the end.
        """
        frames = await self._handshake(transport, relay, identity, witnessed)
        if isinstance(transport, Poll):
            self._polling_until = self._clock.monotonic() + REMEMBERED
        await self._carry(transport, *frames)

    async def _handshake(
        self,
        transport: Transport,
        relay: RootRelay,
        identity: SigningKey,
        witnessed: int,
    ) -> tuple[FrameSealer, FrameOpener]:
        now = self._clock.monotonic()
        session = client_session.start(identity, relay, self._entropy, now)
        challenge = completed(await transport.receive(QUIET), self._challenge)
        session, effects = client_session.step(
            session, ChallengeReceived(challenge, witnessed)
        )
        while True:
            for effect in effects:
                match effect:
                    case client_session.Send(data):
                        await transport.send((data,))
                    case client_session.Established(sealer, opener):
                        self._challenge = challenge
                        return sealer, opener
                    case client_session.Close(code):
                        self._challenge = None  # whatever was known of it
                        odd = code in {ErrorCode.NOT_VERIFIED, ErrorCode.MALFORMED}
                        raise LinkError(alarm=odd)
            data = await transport.receive(QUIET)
            session, effects = client_session.step(session, FrameReceived(data))

    async def _carry(
        self, transport: Transport, sealer: FrameSealer, opener: FrameOpener
    ) -> None:
        self._line.connect(sealer, opener, self._clock.monotonic())
        try:
            self._handler.connected()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._write(transport))
                group.create_task(self._read(transport))
                group.create_task(self._turn())
                group.create_task(self._watch())
        except ExceptionGroup as group:
            _, bugs = group.split((LinkError, ProtocolError))
            if bugs is not None:
                raise bugs from None
            raise LinkError(alarm=False) from None
        finally:
            for effect in self._line.cut(self._clock.monotonic()):
                self._handler.effect(effect)

    async def _read(self, transport: Transport) -> None:
        while True:
            cell = await transport.receive(None)
            for effect in self._line.receive(cell, self._clock.monotonic()):
                self._handler.effect(effect)
            self._something.set()
            self._came.set()

    async def _turn(self) -> None:
        # It runs when _read waits: then all that came at once is there.  That is also
        # so when the connection ended: what came whole before is kept.
        while True:
            await self._came.wait()
            self._came.clear()
            self._handler.turn()

    async def _write(self, transport: Transport) -> None:
        while True:
            self._something.clear()
            self._handler.feed()
            while cells := self._line.cells(self._clock.monotonic(), transport.at_once):
                await transport.send(cells)
                self._handler.feed()
            wake = self._line.wake()
            now = self._clock.monotonic()
            with suppress(TimeoutError):
                async with asyncio.timeout(
                    None if wake is None else max(SHORTEST, wake - now)
                ):
                    await self._something.wait()

    async def _watch(self) -> None:
        # Beside _write, which waits for a relay that takes nothing.
        while True:
            await asyncio.sleep(TICK)
            for effect in self._line.tick(self._clock.monotonic()):
                if isinstance(effect, Stalled):
                    raise LinkError(alarm=False)
