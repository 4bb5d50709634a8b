"""Requests to services, by a table: what a terminal may ask, and of whom.

The caller is the terminal that the session authenticated; no request names one.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from crypto.types import Digest
from protocol.codec import Message, decode, encode
from protocol.directory_view import Terminal
from protocol.errors import MalformedError, ProtocolError
from protocol.limits import MAX_DOCUMENT, MAX_ENVELOPE
from protocol.requests import (
    Acknowledge,
    Announce,
    Answer,
    Append,
    Ask,
    Checkpoint,
    Fetch,
    Kept,
    KeyLog,
    Nack,
    Prekeys,
    Prove,
    Publish,
    Request,
    Submit,
    Undelivered,
)
from server.services.relay import Relay

MAX_REQUEST: Final = MAX_ENVELOPE + MAX_DOCUMENT


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: an authenticated terminal, in its session."""

    relay: Relay
    terminal: Terminal
    lane: int
    wish: Callable[[Digest], None]  # send this blob in the session, when it is there


@dataclass(frozen=True, slots=True)
class Call:
    """One request of an authenticated terminal."""

    relay: Relay
    caller: Terminal
    lane: int
    wish: Callable[[Digest], None]
    body: Any  # of the type that the table names


Handler = Callable[[Call], Awaitable[Message | None]]


async def _submit(call: Call) -> Message:
    return await call.relay.mailbox.submit(call.caller, call.lane, call.body)


async def _acknowledge(call: Call) -> None:
    await call.relay.mailbox.acknowledge(call.caller, call.body.cursors)


async def _publish(call: Call) -> Message:
    return await call.relay.prekeys.publish(call.caller, call.body)


async def _prekeys(call: Call) -> Message:
    return await call.relay.prekeys.hand_out(
        call.caller, call.body.terminals, epoch=call.body.epoch is not None
    )


async def _key_log(call: Call) -> Message:
    return await call.relay.logs.entries(call.body.start)


async def _checkpoint(call: Call) -> Message:
    return await call.relay.logs.checkpoint(call.body.log, call.body.size)


async def _prove(call: Call) -> Message:
    return await call.relay.logs.prove(call.body.log, call.body.index, call.body.size)


async def _append(call: Call) -> Message:
    return await call.relay.logs.append(call.body.entry)


async def _nack(call: Call) -> None:
    await call.relay.mailbox.nack(call.caller, call.body)


async def _announce(call: Call) -> Message:
    return await call.relay.attachments.announce(call.caller, call.body)


async def _fetch(call: Call) -> None:
    call.wish(Digest(call.body.blob))


async def _kept(call: Call) -> None:
    await call.relay.attachments.kept(call.caller, call.body)


async def _undelivered(call: Call) -> Message:
    return await call.relay.retention.undelivered(call.caller, call.body)


TABLE: Final[Mapping[Ask, tuple[type[Message], Handler]]] = {
    Ask.SUBMIT: (Submit, _submit),
    Ask.ACKNOWLEDGE: (Acknowledge, _acknowledge),
    Ask.PUBLISH: (Publish, _publish),
    Ask.PREKEYS: (Prekeys, _prekeys),
    Ask.KEY_LOG: (KeyLog, _key_log),
    Ask.CHECKPOINT: (Checkpoint, _checkpoint),
    Ask.PROVE: (Prove, _prove),
    Ask.APPEND: (Append, _append),
    Ask.NACK: (Nack, _nack),
    Ask.ANNOUNCE: (Announce, _announce),
    Ask.FETCH: (Fetch, _fetch),
    Ask.KEPT: (Kept, _kept),
    Ask.UNDELIVERED: (Undelivered, _undelivered),
}


def read_request(content: bytes) -> Request:
    """Return the request in an object.

    Raises:
        MalformedError: none; the session ends.
    """
    return decode(content, Request, limit=MAX_REQUEST + 1024)


async def answer(caller: Caller, request: Request) -> Answer:
    """Return the answer to ``request``: its body, or one code."""
    kind, handler = TABLE[request.ask]
    try:
        body = decode(request.body, kind, limit=MAX_REQUEST)
        found = await handler(
            Call(caller.relay, caller.terminal, caller.lane, caller.wish, body)
        )
    except ProtocolError as error:
        return Answer(number=request.number, code=error.code)
    content = b"" if found is None else encode(found)
    if len(content) > MAX_ENVELOPE:
        return Answer(number=request.number, code=MalformedError.code)
    return Answer(number=request.number, code=0, body=content)
