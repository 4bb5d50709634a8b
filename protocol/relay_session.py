"""The relay's half of a session: who is there, before anything is delivered.

Pure: ``step`` takes a state and an event and returns the next state and the effects
that the shell carries out, in order.  What changes the state is in this file, and
``EDGES`` is the whole truth about it::

    session, effects = start(signed_day_key, kem_key, realm, entropy, now)
    session, effects = step(session, HelloReceived(data))       # -> Resolve
    session, effects = step(session, TerminalResolved(key))     # -> Send, Established

A nonce is spent by the first hello, whatever it holds.  Unknown, revoked and unproven
are one answer: the same effect, after the same work (a decoy key is checked where
there is none).  Only after ``Established`` does the shell give the terminal a line;
the first frame it was sent is `ready`.

Source: docs/spec/session.md; two-pass authentication after ISO/IEC 9798-3.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from crypto.entropy import Entropy
from crypto.errors import OpenError
from crypto.session import (
    FrameOpener,
    FrameSealer,
    Handshake,
    Hello,
    SessionKemKey,
    open_hello,
    relay_frames,
)
from crypto.sign import Realm, VerifyKey
from crypto.types import KeyId
from protocol.codec import decode, encode
from protocol.errors import ErrorCode, UnauthenticatedError, UnexpectedMessageError
from protocol.handshake import (
    HANDSHAKE_SECONDS,
    Challenge,
    DayKey,
    Ready,
    challenge,
    check_proof,
    handshake_of,
)


class State(enum.Enum):
    """Where the handshake stands."""

    AWAIT_HELLO = enum.auto()
    RESOLVING = enum.auto()
    OPEN = enum.auto()
    CLOSED = enum.auto()


# --- events: everything that can happen to a session


@dataclass(frozen=True, slots=True)
class HelloReceived:
    """The first message of the terminal arrived."""

    data: bytes


@dataclass(frozen=True, slots=True)
class TerminalResolved:
    """The directory's answer; None if this terminal is unknown or may not enter."""

    key: VerifyKey | None


@dataclass(frozen=True, slots=True)
class DirectoryChanged:
    """These terminals were restricted, rotated or revoked by an adopted entry."""

    terminals: frozenset[KeyId]


@dataclass(frozen=True, slots=True)
class Tick:
    """The clock now reads ``now`` (monotonic seconds)."""

    now: float


@dataclass(frozen=True, slots=True)
class TransportClosed:
    """The peer is gone."""


Event = HelloReceived | TerminalResolved | DirectoryChanged | Tick | TransportClosed

# --- effects: everything the shell may be asked to do


@dataclass(frozen=True, slots=True)
class Send:
    """Write these bytes as one message."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Resolve:
    """Look this terminal up in the directory, then feed TerminalResolved."""

    terminal: KeyId


@dataclass(frozen=True, slots=True)
class Established:
    """The terminal is there: connect its line to these frames."""

    terminal: KeyId
    sealer: FrameSealer
    opener: FrameOpener


@dataclass(frozen=True, slots=True)
class Close:
    """Close the transport; ``code`` is None when the peer did."""

    code: ErrorCode | None


Effect = Send | Resolve | Established | Close

# --- the machine

EDGES: Final[Mapping[State, Mapping[type[Event], frozenset[State]]]] = {
    State.AWAIT_HELLO: {HelloReceived: frozenset({State.RESOLVING, State.CLOSED})},
    State.RESOLVING: {TerminalResolved: frozenset({State.OPEN, State.CLOSED})},
    State.OPEN: {},
    State.CLOSED: {},
}
ANYWHERE: Final[Mapping[type[Event], frozenset[State]]] = {
    DirectoryChanged: frozenset({State.CLOSED}),
    Tick: frozenset({State.CLOSED}),
    TransportClosed: frozenset({State.CLOSED}),
}


@dataclass(frozen=True, slots=True)
class RelaySession:
    """A session as a value: keep the old one if an effect fails."""

    handshake: Handshake
    kem_key: SessionKemKey
    realm: Realm
    deadline: float  # monotonic seconds
    state: State = State.AWAIT_HELLO
    hello: Hello | None = None  # its terminal is believed in OPEN only


Step = tuple[RelaySession, tuple[Effect, ...]]


def start(
    signed: Challenge,
    kem_key: SessionKemKey,
    realm: Realm,
    entropy: Entropy,
    now: float,
) -> Step:
    """Return a new session and the challenge to send.

    Args:
        signed: the day's key, from :func:`protocol.handshake.sign_day_key`.
        kem_key: the private half of the key in ``signed``.
        realm: of the root document.
        entropy: draws the nonce.
        now: monotonic seconds, as in every Tick.
    """
    message = challenge(signed, entropy)
    day_key = decode(message.day_key, DayKey)
    session = RelaySession(
        handshake_of(message, day_key), kem_key, realm, now + HANDSHAKE_SECONDS
    )
    return session, (Send(encode(message)),)


def successors(state: State, event: type[Event]) -> frozenset[State]:
    """Return the states ``event`` may lead to; empty if it is not allowed."""
    return EDGES[state].get(event, frozenset()) | ANYWHERE.get(event, frozenset())


def step(session: RelaySession, event: Event) -> Step:
    """Return what ``event`` makes of ``session``, and what to do about it.

    Raises:
        UnexpectedMessageError: the event is not allowed in this state; the session
            is unchanged and the shell closes with the error's code.
    """
    if not successors(session.state, type(event)):
        raise UnexpectedMessageError(f"{type(event).__name__} in {session.state.name}")
    match event:
        case HelloReceived(data):
            return _hello(session, data)
        case TerminalResolved(key):
            return _resolved(session, key)
        case DirectoryChanged(terminals):
            if session.hello is None or session.hello.terminal not in terminals:
                return session, ()
            return _closed(session, ErrorCode.UNAUTHENTICATED)
        case Tick(now):
            if session.state is State.OPEN or now < session.deadline:
                return session, ()
            return _closed(session, ErrorCode.UNAUTHENTICATED)
        case _:  # TransportClosed
            return _closed(session, None)


def _hello(session: RelaySession, data: bytes) -> Step:
    try:
        hello = open_hello(session.handshake, session.kem_key, data)
    except OpenError:
        return _closed(session, ErrorCode.UNAUTHENTICATED)
    return (
        replace(session, state=State.RESOLVING, hello=hello),
        (Resolve(hello.terminal),),
    )


def _resolved(session: RelaySession, key: VerifyKey | None) -> Step:
    hello = session.hello
    if hello is None:
        raise RuntimeError("RESOLVING without a hello")
    try:
        check_proof(session.handshake, hello, key, session.realm)
    except UnauthenticatedError as error:
        return _closed(session, error.code)
    sealer, opener = relay_frames(session.handshake, hello.terminal, hello.secret)
    return (
        replace(session, state=State.OPEN),
        (
            Send(sealer.seal(encode(Ready(v=1)))),
            Established(hello.terminal, sealer, opener),
        ),
    )


def _closed(session: RelaySession, code: ErrorCode | None) -> Step:
    if session.state is State.CLOSED:
        return session, ()
    return replace(session, state=State.CLOSED), (Close(code),)
