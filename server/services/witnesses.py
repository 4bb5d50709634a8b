"""Asking a witness: the relay's side of C2SP tlog-witness, and of a mirror.

A witness remembers a size for each log and cosigns what provably extends it.  What
size that is the relay learns from its answer 409 and keeps in memory; a lost memory
costs one more question.

A witness is believed in nothing that it cannot show.  That it has seen more than we
have stops this relay, so it must show our own signature under it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import aiohttp

from crypto.types import Digest
from protocol.checkpoint import parse_checkpoint, parse_decimal
from protocol.codec import encode
from protocol.errors import ProtocolError
from protocol.mirror_page import MAX_PUSH
from protocol.note import parse_note
from protocol.root import LogKey
from protocol.root_file import write_roots
from protocol.trusted_log import signed_checkpoint
from protocol.witness import read_cosignatures, write_request
from protocol.witness_policy import WitnessKey
from server.mirror import Push, bounded

TIMEOUT: Final = 10.0  # seconds for one answer
MAX_ANSWER: Final = 16 * 1024  # bytes: a note with two lines is under 6 KiB
OK: Final = 200
NOTHING: Final = 204
NOT_FOUND: Final = 404
CONFLICT: Final = 409
INCONSISTENT: Final = 422


class WitnessError(Exception):
    """No cosignature: not reachable, or it refuses; asked again with the next one."""


class OtherEntriesError(WitnessError):
    """A mirror holds other entries, which it did not cosign: it takes ours instead."""


class BehindError(Exception):
    """A witness showed our signature under a larger tree: our log lost leaves."""


@dataclass(frozen=True, slots=True)
class Question:
    """One checkpoint for which a cosignature is asked."""

    key: LogKey
    size: int
    note: bytes  # signed by the log
    consistency: Callable[[int], Awaitable[Sequence[Digest]]]  # from an older size
    leaves: Callable[[int, int], Awaitable[Sequence[bytes]]]  # start, limit
    roots: tuple[bytes, ...] = ()  # leaves of the root documents, first to newest

    @property
    def origin(self) -> str:
        """The log's name."""
        return self.key.origin


class WitnessClient:
    """One witness."""

    def __init__(self, key: WitnessKey, address: str) -> None:
        self.key = key
        self._address = address.rstrip("/")
        self._seen: dict[str, int] = {}  # origin -> size that it cosigned last
        self._shown = 1  # root documents that it was shown; the first it has

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
                await self._show(http, question.roots)
                try:
                    return await self._once(http, question, None)
                except OtherEntriesError:
                    start = await self._cosigned(http, question.origin)
                    return await self._once(http, question, start)
        except (aiohttp.ClientError, OSError, TimeoutError, ProtocolError) as error:
            raise WitnessError(type(error).__name__) from None

    async def _show(
        self, http: aiohttp.ClientSession, roots: tuple[bytes, ...]
    ) -> None:
        """Show it the root documents that it may not know, before it is to obey them.

        Raises:
            WitnessError: it takes them not.
        """
        if len(roots) <= self._shown:
            return
        status, _ = await self._post(http, "/roots", write_roots(roots))
        if status not in {NOTHING, NOT_FOUND}:  # one that reads them elsewhere
            raise self._refusal(status)
        self._shown = len(roots)

    async def _once(
        self, http: aiohttp.ClientSession, question: Question, start: int | None
    ) -> Sequence[bytes]:
        if self.key.mirror:
            if start is None:
                asking = Push(origin=question.origin, start=0)
                start = _size(await self._pushed(http, asking))
            await self._push(http, question, start)
        return await self._ask(http, question)

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
                raise self._refusal(status)
            seen = _size(text)
            if seen > question.size:
                await self._require_shown(http, question)
                raise BehindError
            self._seen[question.origin] = seen
        raise WitnessError("a witness that changes its mind")

    async def _require_shown(
        self, http: aiohttp.ClientSession, question: Question
    ) -> None:
        """Return if the witness has our signature under more than we have.

        Raises:
            WitnessError: it only says so.
        """
        status, note = await self._get(http, f"/checkpoint/{question.origin}")
        if status == OK:
            _, checkpoint = signed_checkpoint(note, question.key)
            if checkpoint.size > question.size:
                return
        raise WitnessError("a witness that claims more than it shows")

    async def _push(
        self, http: aiohttp.ClientSession, question: Question, start: int
    ) -> None:
        """Hand over what the mirror lacks, from ``start`` on."""
        while start < question.size:
            limit = min(MAX_PUSH, question.size - start)
            leaves = bounded(await question.leaves(start, limit))
            end = start + len(leaves)
            push = Push(
                origin=question.origin,
                start=start,
                entries=leaves,
                note=question.note,
                consistency=tuple(await question.consistency(end)),
            )
            if _size(await self._pushed(http, push)) < end or not leaves:
                raise WitnessError("a mirror that stores nothing")
            start = end

    async def _pushed(self, http: aiohttp.ClientSession, push: Push) -> bytes:
        status, text = await self._post(http, "/mirror", encode(push))
        if status not in {OK, CONFLICT}:
            raise self._refusal(status)
        return text

    def _refusal(self, status: int) -> WitnessError:
        if status == INCONSISTENT and self.key.mirror:
            return OtherEntriesError("other entries")
        return WitnessError(f"status {status}")

    async def _cosigned(self, http: aiohttp.ClientSession, origin: str) -> int:
        """Return the size that it shows as the one that it cosigned last."""
        status, note = await self._get(http, f"/checkpoint/{origin}")
        return 0 if status != OK else parse_checkpoint(parse_note(note).text).size

    async def _post(
        self, http: aiohttp.ClientSession, path: str, body: bytes
    ) -> tuple[int, bytes]:
        async with http.post(self._address + path, data=body) as response:
            return response.status, await _whole(response)

    async def _get(self, http: aiohttp.ClientSession, path: str) -> tuple[int, bytes]:
        async with http.get(self._address + path) as response:
            return response.status, await _whole(response)


async def _whole(response: aiohttp.ClientResponse) -> bytes:
    """Return a body of at most MAX_ANSWER bytes, in however many parts it comes.

    Raises:
        WitnessError: it is longer.
    """
    body = bytearray()
    async for part in response.content.iter_any():
        body += part
        if len(body) > MAX_ANSWER:
            raise WitnessError("an answer without end")
    return bytes(body)


def _size(text: bytes) -> int:
    return parse_decimal(text.strip())
