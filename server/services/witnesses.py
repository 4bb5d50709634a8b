"""Asking a witness: the relay's side of C2SP tlog-witness, and of a mirror.

A witness remembers a size for each log and cosigns what provably extends it.  What
size that is the relay learns from its answer 409 and keeps in memory; a lost memory
costs one more question.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import aiohttp

from crypto.types import Digest
from protocol.checkpoint import parse_decimal
from protocol.codec import encode
from protocol.errors import ProtocolError
from protocol.witness import read_cosignatures, write_request
from protocol.witness_policy import WitnessKey
from server.mirror import MAX_PUSH, Push, bounded

TIMEOUT: Final = 10.0  # seconds for one answer
MAX_ANSWER: Final = 16 * 1024  # bytes: two signature lines are under 4 KiB
OK: Final = 200
CONFLICT: Final = 409


class WitnessError(Exception):
    """No cosignature: not reachable, or it refuses; asked again with the next one."""


class BehindError(Exception):
    """A witness has seen a larger tree than ours: our log lost leaves."""


@dataclass(frozen=True, slots=True)
class Question:
    """One checkpoint for which a cosignature is asked."""

    origin: str
    size: int
    note: bytes  # signed by the log
    consistency: Callable[[int], Awaitable[Sequence[Digest]]]  # from an older size
    leaves: Callable[[int, int], Awaitable[Sequence[bytes]]]  # start, limit


class WitnessClient:
    """One witness."""

    def __init__(self, key: WitnessKey, address: str) -> None:
        self.key = key
        self._address = address.rstrip("/")
        self._seen: dict[str, int] = {}  # origin -> size that it cosigned last

    async def cosign(
        self, http: aiohttp.ClientSession, question: Question
    ) -> Sequence[bytes]:
        """Return its signature lines for the checkpoint.

        Raises:
            WitnessError: not this time.
            BehindError: it has seen more than we have.
        """
        try:
            async with asyncio.timeout(TIMEOUT):
                if self.key.mirror:
                    await self._push(http, question)
                return await self._ask(http, question)
        except (aiohttp.ClientError, OSError, TimeoutError, ProtocolError) as error:
            raise WitnessError(type(error).__name__) from None

    async def _ask(
        self, http: aiohttp.ClientSession, question: Question
    ) -> Sequence[bytes]:
        for _ in range(2):  # the second time with the size that it named
            old = self._seen.get(question.origin, 0)
            body = write_request(old, await question.consistency(old), question.note)
            status, text = await self._post(http, "/add-checkpoint", body)
            if status == OK:
                self._seen[question.origin] = question.size
                return read_cosignatures(text, question.note, self.key)
            if status != CONFLICT:
                raise WitnessError(f"status {status}")
            self._seen[question.origin] = _size(text)
            if self._seen[question.origin] > question.size:
                raise BehindError
        raise WitnessError("a witness that changes its mind")

    async def _push(self, http: aiohttp.ClientSession, question: Question) -> None:
        held = await self._held(http, Push(origin=question.origin, start=0))
        while held < question.size:
            limit = min(MAX_PUSH, question.size - held)
            leaves = bounded(await question.leaves(held, limit))
            before = held
            held = await self._held(
                http, Push(origin=question.origin, start=held, entries=leaves)
            )
            if held <= before:
                raise WitnessError("a mirror that stores nothing")

    async def _held(self, http: aiohttp.ClientSession, push: Push) -> int:
        status, text = await self._post(http, "/mirror", encode(push))
        if status not in {OK, CONFLICT}:
            raise WitnessError(f"status {status}")
        return _size(text)

    async def _post(
        self, http: aiohttp.ClientSession, path: str, body: bytes
    ) -> tuple[int, bytes]:
        async with http.post(self._address + path, data=body) as response:
            text = await response.content.read(MAX_ANSWER)
            return response.status, text


def _size(text: bytes) -> int:
    return parse_decimal(text.strip())
