"""The terminal's connection to its relay: TLS under the pin, session, line.

All I/O and no decisions.  Believing the relay is :mod:`protocol.client_session`'s
business, what to send when is :mod:`protocol.line`'s, and what it means is the
handler's (the agent).  One connection at a time carries one line, which outlives it.
"""

import asyncio
import ssl
from typing import Final, Protocol

import aiohttp

from client.clock import Clock
from crypto.certificate import pin_of
from crypto.entropy import Entropy
from crypto.errors import KeyFormatError
from crypto.session import FrameOpener, FrameSealer
from crypto.sign import SigningKey
from crypto.types import Digest
from protocol import client_session
from protocol.client_session import ChallengeReceived, FrameReceived
from protocol.errors import ErrorCode, ProtocolError
from protocol.handshake import RootRelay
from protocol.line.effects import Effect, Stalled
from protocol.line.machine import Line

MAX_CELL: Final = 17 * 1024  # bytes of one WebSocket message: the largest sealed cell
QUIET: Final = 10.0  # seconds for each step before the session is open


class LinkError(Exception):
    """The connection could not be made or has ended; ``alarm`` says if that is odd.

    A relay that is not the one of the root document is an alarm: the wrong pin, or a
    challenge that its key did not sign.  A cut is none.
    """

    def __init__(self, *, alarm: bool) -> None:
        super().__init__("not the relay of the root document" if alarm else "cut")
        self.alarm = alarm


class Handler(Protocol):
    """Whoever gives the line's effects their meaning."""

    def connected(self) -> None:
        """Take note that the session is open and the line connected."""

    def effect(self, effect: Effect) -> None:
        """Carry out one effect of the line; what must be durable is, on return."""


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

    def nudge(self) -> None:
        """Look at the line again: something was offered."""
        self._something.set()

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
        try:
            async with (
                aiohttp.ClientSession() as http,
                http.ws_connect(
                    f"{address}/session",
                    ssl=_context(),
                    compress=0,
                    max_msg_size=MAX_CELL,
                    timeout=aiohttp.ClientWSTimeout(ws_close=QUIET),
                ) as socket,
            ):
                _check_pin(socket, pin)
                frames = await self._handshake(socket, relay, identity, witnessed)
                await self._carry(socket, *frames)
        except (aiohttp.ClientError, OSError, TimeoutError):
            raise LinkError(alarm=False) from None

    async def _handshake(
        self,
        socket: aiohttp.ClientWebSocketResponse,
        relay: RootRelay,
        identity: SigningKey,
        witnessed: int,
    ) -> tuple[FrameSealer, FrameOpener]:
        now = self._clock.monotonic()
        session = client_session.start(identity, relay, self._entropy, now)
        data = await _message(socket)
        session, effects = client_session.step(
            session, ChallengeReceived(data, witnessed)
        )
        while True:
            for effect in effects:
                match effect:
                    case client_session.Send(data):
                        await socket.send_bytes(data)
                    case client_session.Established(sealer, opener):
                        return sealer, opener
                    case client_session.Close(code):
                        odd = code in {ErrorCode.NOT_VERIFIED, ErrorCode.MALFORMED}
                        raise LinkError(alarm=odd)
            data = await _message(socket)
            session, effects = client_session.step(session, FrameReceived(data))

    async def _carry(
        self,
        socket: aiohttp.ClientWebSocketResponse,
        sealer: FrameSealer,
        opener: FrameOpener,
    ) -> None:
        self._line.connect(sealer, opener, self._clock.monotonic())
        try:
            self._handler.connected()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._write(socket))
                group.create_task(self._read(socket))
        except ExceptionGroup as group:
            _, bugs = group.split(
                (LinkError, ProtocolError, OSError, aiohttp.ClientError)
            )
            if bugs is not None:
                raise bugs from None
            raise LinkError(alarm=False) from None
        finally:
            for effect in self._line.cut(self._clock.monotonic()):
                self._handler.effect(effect)

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            cell = await _message(socket, limit=None)
            for effect in self._line.receive(cell, self._clock.monotonic()):
                self._handler.effect(effect)
            self._something.set()

    async def _write(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            self._something.clear()
            for effect in self._line.tick(self._clock.monotonic()):
                if isinstance(effect, Stalled):
                    raise LinkError(alarm=False)
            # One cell a write: what is written can no longer be overtaken.
            while cells := self._line.cells(self._clock.monotonic()):
                await socket.send_bytes(cells[0])
            await self._until_something()

    async def _until_something(self) -> None:
        wake = self._line.wake()
        limit = None if wake is None else max(0.0, wake - self._clock.monotonic())
        try:
            async with asyncio.timeout(limit):
                await self._something.wait()
        except TimeoutError:
            return


def _context() -> ssl.SSLContext:
    """Return TLS 1.3 that believes a pin instead of names and dates."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # _check_pin looks at the key itself
    return context


def _check_pin(socket: aiohttp.ClientWebSocketResponse, pin: Digest) -> None:
    tls: ssl.SSLObject | None = socket.get_extra_info("ssl_object")
    der = None if tls is None else tls.getpeercert(binary_form=True)
    try:
        genuine = der is not None and pin_of(der) == pin
    except KeyFormatError:
        genuine = False
    if not genuine:
        raise LinkError(alarm=True)


async def _message(
    socket: aiohttp.ClientWebSocketResponse, limit: float | None = QUIET
) -> bytes:
    message = await socket.receive(timeout=limit)
    if message.type is not aiohttp.WSMsgType.BINARY:
        raise LinkError(alarm=False)
    data: bytes = message.data
    return data
