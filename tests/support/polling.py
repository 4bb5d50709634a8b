"""Requests of a terminal that has no WebSocket, one by one and by hand."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp

from crypto.sign import SigningKey
from protocol import client_session
from protocol.client_session import ChallengeReceived
from protocol.handshake import RootRelay
from tests.support.keys import drawn
from tests.support.ministry import Ministry


@dataclass
class Polling:
    """Posts to a relay at ``url``."""

    client: aiohttp.ClientSession
    url: str

    async def begin(self) -> tuple[str, bytes]:
        """Return a session's name and its challenge."""
        status, body = await self.post("", None, b"")
        assert status == 200
        return body[:16].hex(), body[16:]

    async def post(
        self,
        path: str,
        name: str | None,
        body: bytes | AsyncIterator[bytes],
        number: int | str | None = None,
        day_key: str = "",
    ) -> tuple[int, bytes]:
        headers = {} if name is None else {"Koerier-Session": name}
        if day_key:
            headers["Koerier-Day-Key"] = day_key
        if number is not None:
            headers["Koerier-Cell"] = str(number)
        async with self.client.post(
            f"{self.url}/session{path}", data=body, headers=headers
        ) as answer:
            return answer.status, await answer.read()


async def shaken(
    polling: Polling,
    ministry: Ministry,
    key: SigningKey,
    begun: tuple[str, bytes] | None = None,
) -> str:
    """Return the name of a session that is open.

    Raises:
        LookupError: the relay knows none.
    """
    name, challenge = begun or await polling.begin()
    known = RootRelay(ministry.relay.verify_key, ministry.suite, ministry.realm)
    session = client_session.start(key, known, drawn("polling"), 0.0)
    _, (send,) = client_session.step(session, ChallengeReceived(challenge, 0))
    assert isinstance(send, client_session.Send)
    status, ready = await polling.post("/hello", name, send.data)
    if status != 200:
        raise LookupError(status)
    assert len(ready) == 19
    return name
