"""docs/spec/session.md, SES-14: a day key that is known does not travel again."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from protocol import client_session
from protocol.client_session import ChallengeReceived
from protocol.codec import decode, encode
from protocol.errors import ErrorCode, MalformedError
from protocol.handshake import Challenge, RootRelay, completed, day_key_name
from tests.support.keys import drawn
from tests.support.ministry import ministry
from tests.support.polling import Polling
from tests.support.relay import PATIENCE, RunningRelay, own, running
from tests.support.session import NOON, Meeting, day


@pytest.fixture
async def relay(tmp_path: Path) -> AsyncIterator[RunningRelay]:
    async with running(tmp_path, ministry(), witnesses=()) as relay:
        yield relay


async def first_message(relay: RunningRelay, known: str) -> bytes:
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(
            f"{relay.url}/session", headers={"Koerier-Day-Key": known}
        ) as socket,
    ):
        return bytes(await socket.receive_bytes(timeout=PATIENCE))


async def test_who_names_the_day_key_gets_its_nonce_alone(relay: RunningRelay) -> None:
    whole = await first_message(relay, "")
    name = day_key_name(whole)
    short = await first_message(relay, name)
    assert len(short) == 32
    for other in (name[:-1], name.upper() + "0", "0" * 32):
        again = await first_message(relay, other)
        assert day_key_name(again) == name
        assert decode(again, Challenge, limit=1 << 16).nonce != short
    async with aiohttp.ClientSession() as client:
        polling = Polling(client, relay.url)
        status, body = await polling.post("", None, b"", day_key=name)
        assert (status, len(body)) == (200, 16 + 32)


async def test_a_nonce_alone_opens_a_session_with_what_was_known(
    relay: RunningRelay,
) -> None:
    whole = await first_message(relay, "")
    people = relay.ministry
    known = RootRelay(people.relay.verify_key, people.suite, people.realm)
    async with aiohttp.ClientSession() as client:
        polling = Polling(client, relay.url)
        _, body = await polling.post("", None, b"", day_key=day_key_name(whole))
        session = client_session.start(own(relay, "tfc").key, known, drawn("d"), 0.0)
        challenge = completed(body[16:], whole)
        _, (send,) = client_session.step(session, ChallengeReceived(challenge, 0))
        assert isinstance(send, client_session.Send)
        status, ready = await polling.post("/hello", body[:16].hex(), send.data)
    assert (status, len(ready)) == (200, 19)


def test_what_is_completed_is_checked_as_any_other() -> None:
    nonce = bytes(range(32))
    forged = encode(
        Challenge(v=1, day_key=b"x", signature=day().signature, nonce=bytes(32))
    )
    closed, effects = client_session.step(
        Meeting().client, ChallengeReceived(completed(nonce, forged), NOON)
    )
    assert closed.state is client_session.State.CLOSED
    assert effects == (client_session.Close(ErrorCode.NOT_VERIFIED),)


def test_only_a_nonce_is_completed_and_only_by_who_knows() -> None:
    whole, nonce = Meeting().challenge, bytes(range(32))
    assert completed(nonce, None) == nonce
    assert completed(whole, whole) == whole
    assert completed(nonce + b"x", whole) == nonce + b"x"
    assert decode(completed(nonce, whole), Challenge, limit=1 << 16).nonce == nonce
    with pytest.raises(MalformedError):
        day_key_name(nonce)
