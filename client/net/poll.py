"""The other way to the relay: the same messages in HTTPS requests.

One request at a time carries our cells up, one at a time is held until there are cells
for us (docs/spec/line.md, section 9).  What no answer came to is asked again: the
number beside the cells says which they are, so nothing is taken twice and the same
sealed bytes travel again.
"""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final

import aiohttp

from client.net.transport import DAY_KEY, QUIET, LinkError
from protocol.errors import MalformedError
from protocol.line.cells import MAX_BODY, MAX_BUNDLE, bundle, unbundle

SESSION, CELL = "Koerier-Session", "Koerier-Cell"
NAME: Final = 16  # bytes of a session's name, before its challenge
HELD: Final = 20.0  # seconds that the relay holds a request for cells
TRIES: Final = 3  # of one request that nobody answers
PAUSE: Final = 1.0  # seconds before the next try
OK, NOTHING = 200, 204


class Poll:
    """A :class:`client.net.transport.Transport`."""

    at_once = MAX_BUNDLE

    def __init__(
        self, http: aiohttp.ClientSession, address: str, day_key: str = ""
    ) -> None:
        self._http = http
        self._address = address
        self._day_key = day_key
        self._name: str | None = None
        self._proven = False
        self._up = 0  # cells that went
        self._down = 0  # cells that came
        self._waiting: deque[bytes] = deque()

    async def receive(self, limit: float | None) -> bytes:
        """Return the next message; see :class:`client.net.transport.Transport`."""
        try:
            async with asyncio.timeout(limit):
                while not self._waiting:
                    await self._fetch()
        except TimeoutError:
            raise LinkError(alarm=False) from None
        return self._waiting.popleft()

    async def _fetch(self) -> None:
        if self._name is None:
            known = {DAY_KEY: self._day_key} if self._day_key else {}
            answer = await self._post("", known, b"")
            self._name = answer[:NAME].hex()
            self._waiting.append(answer[NAME:])
            return
        answer = await self._post("/down", self._at(self._down), b"")
        try:
            cells = unbundle(answer)
        except MalformedError:
            raise LinkError(alarm=False) from None
        self._down += len(cells)
        self._waiting.extend(cells)

    async def send(self, messages: Sequence[bytes]) -> None:
        """Send the hello, or cells in one body."""
        if not self._proven:
            (hello,) = messages
            self._waiting.append(await self._post("/hello", self._named(), hello))
            self._proven = True
            return
        await self._post("/up", self._at(self._up), bundle(messages))
        self._up += len(messages)

    def _named(self) -> dict[str, str]:
        return {SESSION: self._name or ""}

    def _at(self, number: int) -> dict[str, str]:
        return {**self._named(), CELL: str(number)}

    async def _post(self, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
        """Return the answer's body, empty for 204; ask again when none came.

        Raises:
            LinkError: nobody answers, or the relay says that the session is over.
        """
        for attempt in range(TRIES):
            if attempt:
                await asyncio.sleep(PAUSE)
            try:
                async with self._http.post(
                    f"{self._address}/session{path}",
                    data=body,
                    headers={**headers, "Content-Type": "application/octet-stream"},
                    allow_redirects=False,
                    timeout=aiohttp.ClientTimeout(
                        total=None, sock_connect=QUIET, sock_read=HELD + QUIET
                    ),
                ) as answer:
                    if answer.status not in {OK, NOTHING}:
                        raise LinkError(alarm=False)
                    return await _all(answer)
            except aiohttp.ClientConnectorCertificateError:
                raise LinkError(alarm=True) from None
            except (aiohttp.ClientError, OSError):  # a TimeoutError is one too
                continue
        raise LinkError(alarm=False)


async def _all(answer: aiohttp.ClientResponse) -> bytes:
    """Return a body of at most MAX_BODY bytes, whatever its header says."""
    body = bytearray()
    async for part in answer.content.iter_any():
        body += part
        if len(body) > MAX_BODY:
            raise LinkError(alarm=False)
    return bytes(body)
