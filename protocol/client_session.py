"""The terminal's half of a session: is this the relay of our root document?

Pure, like :mod:`protocol.relay_session`::

    session = start(identity, root_relay, entropy, now)
    session, effects = step(session, ChallengeReceived(data, witnessed))   # -> Send
    session, effects = step(session, FrameReceived(data))           # -> Established

The terminal says who it is only inside HPKE to a day key that the relay's identity
key signed, and it sends nothing more until it opened `ready`: only who holds the day
key could seal that, so a recorded or passed-on challenge gets no frame of ours.

Source: docs/spec/session.md.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from crypto.entropy import Entropy
from crypto.errors import KeyFormatError, OpenError
from crypto.session import (
    SESSION_SECRET,
    FrameOpener,
    FrameSealer,
    seal_hello,
    terminal_frames,
)
from crypto.sign import SigningKey
from crypto.types import Secret
from protocol.codec import decode
from protocol.errors import ErrorCode, ProtocolError, UnexpectedMessageError
from protocol.handshake import (
    HANDSHAKE_SECONDS,
    Ready,
    RootRelay,
    prove,
    read_challenge,
)


class State(enum.Enum):
    """Where the handshake stands."""

    AWAIT_CHALLENGE = enum.auto()
    AWAIT_READY = enum.auto()
    OPEN = enum.auto()
    CLOSED = enum.auto()


# --- events: everything that can happen to a session


@dataclass(frozen=True, slots=True)
class ChallengeReceived:
    """The relay's first message; ``witnessed`` is POSIX seconds, witnessed time."""

    data: bytes
    witnessed: int


@dataclass(frozen=True, slots=True)
class FrameReceived:
    """The relay's second message."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Tick:
    """The clock now reads ``now`` (monotonic seconds)."""

    now: float


@dataclass(frozen=True, slots=True)
class TransportClosed:
    """The peer is gone: it refused us, or the line was cut.  It does not say."""


Event = ChallengeReceived | FrameReceived | Tick | TransportClosed

# --- effects: everything the shell may be asked to do


@dataclass(frozen=True, slots=True)
class Send:
    """Write these bytes as one message."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Established:
    """The relay is there: connect the line to these frames."""

    sealer: FrameSealer
    opener: FrameOpener


@dataclass(frozen=True, slots=True)
class Close:
    """Close the transport; ``code`` is None when the peer did.

    NOT_VERIFIED or MALFORMED: whoever is there is not the relay of our root
    document; a member is told.
    """

    code: ErrorCode | None


Effect = Send | Established | Close

# --- the machine

EDGES: Final[Mapping[State, Mapping[type[Event], frozenset[State]]]] = {
    State.AWAIT_CHALLENGE: {
        ChallengeReceived: frozenset({State.AWAIT_READY, State.CLOSED})
    },
    State.AWAIT_READY: {FrameReceived: frozenset({State.OPEN, State.CLOSED})},
    State.OPEN: {},
    State.CLOSED: {},
}
ANYWHERE: Final[Mapping[type[Event], frozenset[State]]] = {
    Tick: frozenset({State.CLOSED}),
    TransportClosed: frozenset({State.CLOSED}),
}


@dataclass(frozen=True, slots=True)
class ClientSession:
    """A session as a value: keep the old one if an effect fails."""

    identity: SigningKey
    relay: RootRelay
    secret: Secret  # of this session, never used again
    deadline: float  # monotonic seconds
    state: State = State.AWAIT_CHALLENGE
    frames: tuple[FrameSealer, FrameOpener] | None = None


Step = tuple[ClientSession, tuple[Effect, ...]]


def start(
    identity: SigningKey, relay: RootRelay, entropy: Entropy, now: float
) -> ClientSession:
    """Return a session that waits for the relay's challenge.

    Args:
        identity: the terminal's identity key.
        relay: whom the root document names.
        entropy: draws the session's secret.
        now: monotonic seconds, as in every Tick.
    """
    secret = Secret(entropy(SESSION_SECRET))
    return ClientSession(identity, relay, secret, now + HANDSHAKE_SECONDS)


def successors(state: State, event: type[Event]) -> frozenset[State]:
    """Return the states ``event`` may lead to; empty if it is not allowed."""
    return EDGES[state].get(event, frozenset()) | ANYWHERE.get(event, frozenset())


def step(session: ClientSession, event: Event) -> Step:
    """Return what ``event`` makes of ``session``, and what to do about it.

    Raises:
        UnexpectedMessageError: the event is not allowed in this state; the session
            is unchanged and the shell closes with the error's code.
    """
    if not successors(session.state, type(event)):
        raise UnexpectedMessageError(f"{type(event).__name__} in {session.state.name}")
    match event:
        case ChallengeReceived(data, witnessed):
            return _challenged(session, data, witnessed)
        case FrameReceived(data):
            return _confirmed(session, data)
        case Tick(now):
            if session.state is State.OPEN or now < session.deadline:
                return session, ()
            return _closed(session, ErrorCode.UNAUTHENTICATED)
        case _:  # TransportClosed
            return _closed(session, None)


def _challenged(session: ClientSession, data: bytes, witnessed: int) -> Step:
    identity, secret = session.identity, session.secret
    try:
        handshake = read_challenge(data, session.relay, witnessed)
        proof = prove(handshake, identity, secret, session.relay.realm)
        hello = seal_hello(handshake, identity.id, secret, proof)
    except ProtocolError as error:
        return _closed(session, error.code)
    except KeyFormatError:  # signed by the relay, and still no key of the suite
        return _closed(session, ErrorCode.NOT_VERIFIED)
    frames = terminal_frames(handshake, identity.id, secret)
    return replace(session, state=State.AWAIT_READY, frames=frames), (Send(hello),)


def _confirmed(session: ClientSession, data: bytes) -> Step:
    if session.frames is None:
        raise RuntimeError("AWAIT_READY without keys")
    sealer, opener = session.frames
    try:
        decode(opener.open_(data), Ready)
    except OpenError:
        return _closed(session, ErrorCode.NOT_VERIFIED)
    except ProtocolError as error:
        return _closed(session, error.code)
    return replace(session, state=State.OPEN), (Established(sealer, opener),)


def _closed(session: ClientSession, code: ErrorCode | None) -> Step:
    if session.state is State.CLOSED:
        return session, ()
    return replace(session, state=State.CLOSED), (Close(code),)
