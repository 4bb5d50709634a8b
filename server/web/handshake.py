"""The relay's side of a handshake, whichever way its three messages travel.

The decisions are :mod:`protocol.relay_session`'s; here its effects meet the directory
and the day key.  One call per message, that waits for nothing; :func:`meet` makes them
in order where a transport is open both ways.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from protocol.directory_view import Terminal
from protocol.errors import UnauthenticatedError
from protocol.handshake import day_key_name
from protocol.relay_session import (
    Established,
    HelloReceived,
    RelaySession,
    Resolve,
    Send,
    TerminalResolved,
    start,
    step,
)
from server.services.relay import Relay
from server.web.transport import Transport

DAY_KEY: Final = "Koerier-Day-Key"  # header: the day key that the terminal knows
MAX_HELLO: Final = 8 * 1024  # bytes: a hello of the larger suite is 6,486


@dataclass(frozen=True, slots=True)
class Proven:
    """Who is there, and what to answer."""

    terminal: Terminal
    established: Established
    ready: bytes


def begin(relay: Relay, known: str = "") -> tuple[RelaySession, bytes]:
    """Return a new session and what to send: the challenge, or its nonce alone.

    Args:
        relay: ours.
        known: the name of the day key that the terminal says it has verified.
    """
    directory = relay.directory
    offered = relay.day_keys.current(relay.logs.announced)
    session, effects = start(
        offered.signed,
        offered.key,
        directory.realm,
        relay.entropy,
        relay.clock.monotonic(),
    )
    (challenge,) = (effect.data for effect in effects if isinstance(effect, Send))
    if known and known == day_key_name(challenge):
        return session, session.handshake.nonce
    return session, challenge


def prove(relay: Relay, session: RelaySession, hello: bytes) -> Proven:
    """Return who sent ``hello``; the session's nonce is spent by it.

    Raises:
        UnauthenticatedError: it is nobody, or did not prove it; one answer for all.
    """
    session, effects = step(session, HelloReceived(hello))
    asked = [effect for effect in effects if isinstance(effect, Resolve)]
    if not asked:
        raise UnauthenticatedError
    terminal: Terminal | None = None
    with suppress(UnauthenticatedError):
        now = relay.clock.wall()
        terminal = relay.directory.terminal(asked[0].terminal, now)
    # An unknown terminal costs the same work: a decoy's key is checked.
    key = None if terminal is None else terminal.key
    session, effects = step(session, TerminalResolved(key))
    match effects:
        case (Send(ready), Established() as established) if terminal is not None:
            return Proven(terminal, established, ready)
    raise UnauthenticatedError


async def meet(
    relay: Relay,
    transport: Transport,
    known: str = "",
    challenged: Callable[[], None] = lambda: None,
) -> Proven:
    """Return who is at the other end of a transport, after its Ready was sent.

    Args:
        relay: whose day key is offered.
        transport: both ways open, nothing said yet.
        known: the day key that the terminal says it has, as :func:`begin` takes it.
        challenged: called once, when the challenge has been sent.

    Raises:
        ProtocolError: it is nobody, or did not prove it; one answer for all.
        ConnectionError: the peer is gone.
    """
    session, challenge = begin(relay, known)
    await transport.send(challenge)
    challenged()
    hello = await transport.receive()
    if hello is None:
        raise UnauthenticatedError
    proven = prove(relay, session, hello)
    await transport.send(proven.ready)
    return proven
