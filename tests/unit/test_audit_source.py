"""A relay's public side as an auditor asks it: bounded, and nothing else is taken."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from client.audit.source import MAX_TILE, Relay, SourceError
from protocol.requests import LogName
from tests.support.ministry import ministry
from tests.support.relay import served

NOTE = b"a note"


async def answer(request: web.Request) -> web.StreamResponse:
    """Answer by what is asked for."""
    match request.path.rpartition("/")[2]:
        case "checkpoint":
            assert request.path == "/log/relay.example/key/checkpoint"
            return web.Response(body=NOTE)
        case "000":
            raise web.HTTPNotFound
        case "001":
            return web.Response(body=bytes(MAX_TILE))
        case "002":
            return web.Response(body=bytes(MAX_TILE + 1))
        case "003":
            raise web.HTTPFound("/log/relay.example/key/checkpoint")
        case _:
            raise web.HTTPInternalServerError


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    app = web.Application()
    app.router.add_get("/{path:.+}", answer)
    root = ministry().directory.root.document
    async with served(app) as address, aiohttp.ClientSession() as http:
        yield Relay(http, address, root)


async def test_what_is_there_comes_and_what_is_not_is_empty(relay: Relay) -> None:
    assert await relay.get(LogName.KEY, "checkpoint") == NOTE
    assert await relay.get(LogName.KEY, "tile/0/000") == b""
    assert await relay.get(LogName.KEY, "tile/0/001") == bytes(MAX_TILE)


@pytest.mark.parametrize("number", [2, 3, 4], ids=["too much", "elsewhere", "fault"])
async def test_other_answers_are_refused(relay: Relay, number: int) -> None:
    with pytest.raises(SourceError) as error:
        await relay.get(LogName.KEY, f"tile/0/00{number}")
    assert error.value.code == "audit.relay-odd"


async def test_nobody_there_is_told(relay: Relay) -> None:
    root = ministry().directory.root.document
    async with aiohttp.ClientSession() as http:
        nobody = Relay(http, "http://127.0.0.1:1", root)
        with pytest.raises(SourceError) as error:
            await nobody.get(LogName.KEY, "checkpoint")
    assert error.value.code == "audit.relay-away"
    assert relay is not None
