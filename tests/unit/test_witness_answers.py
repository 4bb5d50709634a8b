"""A witness's answer comes in as many parts as the network likes, and has an end."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.typedefs import Handler

from crypto.types import Digest
from server.services.witnesses import (
    MAX_ANSWER,
    Question,
    WitnessClient,
    WitnessError,
)
from server.witness.service import Witness
from server.witness.web import witness_app
from tests.support.ministry import ministry
from tests.support.relay import board_of, served, witness_of
from tests.support.told_log import Log
from tests.support.witnesses import log_key, witness_key

TURNS = 50  # of the event loop, in which a part arrives and is looked at


@pytest.fixture
async def witness(tmp_path: Path) -> AsyncIterator[Witness]:
    found = witness_of(ministry(), "w3", tmp_path)
    yield found
    found.close()


@web.middleware
async def in_parts(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Send a whole answer in two parts, the second after the first was looked at."""
    whole = await handler(request)
    assert isinstance(whole, web.Response)
    assert isinstance(whole.body, bytes)
    parted = web.StreamResponse(status=whole.status)
    await parted.prepare(request)
    for part in (whole.body[:9], whole.body[9:]):
        await parted.write(part)
        for _ in range(TURNS):
            await asyncio.sleep(0)
    return parted


@web.middleware
async def without_end(
    request: web.Request,
    handler: Handler,  # noqa: ARG001 -- aiohttp passes it by name
) -> web.StreamResponse:
    endless = web.StreamResponse()
    await endless.prepare(request)
    for _part in range(3):
        await endless.write(bytes(MAX_ANSWER // 2))
    return endless


async def cosigned(url: str) -> int:
    log = Log()
    log.grow(3)

    async def consistency(old: int) -> tuple[Digest, ...]:
        return log.proof(old)

    async def leaves(start: int, limit: int) -> list[bytes]:
        return log.leaves[start:][:limit]

    question = Question(log_key("message"), 3, log.note(), consistency, leaves)
    async with aiohttp.ClientSession() as http:
        lines = await WitnessClient(witness_key("w3"), url).cosign(http, question)
    return len(lines)


async def test_an_answer_in_two_parts_is_one_answer(
    witness: Witness, tmp_path: Path
) -> None:
    board = board_of(ministry(), witness, tmp_path)
    app = witness_app(witness, board, asyncio.Future())
    app.middlewares.append(in_parts)
    async with served(app) as url:
        assert await cosigned(url) == 2


async def test_an_answer_without_end_is_none(witness: Witness, tmp_path: Path) -> None:
    board = board_of(ministry(), witness, tmp_path)
    app = witness_app(witness, board, asyncio.Future())
    app.middlewares.append(without_end)
    async with served(app) as url:
        with pytest.raises(WitnessError, match="without end"):
            await cosigned(url)
