"""A relay and a terminal at the moment they meet, and what each step of it gives."""

from dataclasses import dataclass
from functools import cache

from crypto.session import SessionKemKey
from crypto.sign import Realm, SigningKey, VerifyKey
from crypto.suite import SuiteId
from protocol import client_session, relay_session
from protocol.handshake import Challenge, DayKey, RootRelay, sign_day_key
from tests.support.keys import drawn, secret, signing_key

NOON = 1_750_000_000  # POSIX seconds: within the day key's day
REALM = Realm.DEMO


@cache
def identity(name: str, suite: SuiteId = SuiteId.S1) -> SigningKey:
    return signing_key(suite, name)


@cache
def day(relay: str = "relay", suite: SuiteId = SuiteId.S1) -> Challenge:
    """Return the signed day key of a relay."""
    key = identity(relay, suite)
    document = DayKey(
        v=1,
        relay=key.id,
        suite=suite,
        public=kem(relay, suite).public,
        start=NOON - 43_200,
        until=NOON + 43_200,
    )
    return sign_day_key(key, document, REALM)


@cache
def kem(relay: str = "relay", suite: SuiteId = SuiteId.S1) -> SessionKemKey:
    return SessionKemKey.from_seed(suite, secret(f"day/{relay}"))


@cache
def public(name: str, suite: SuiteId = SuiteId.S1) -> VerifyKey:
    return identity(name, suite).verify_key


@dataclass
class Meeting:
    """Both machines, each step by hand."""

    suite: SuiteId = SuiteId.S1
    terminal: str = "terminal"
    draws: str = "meeting"

    def __post_init__(self) -> None:
        self.relay, effects = relay_session.start(
            day("relay", self.suite),
            kem("relay", self.suite),
            REALM,
            drawn(f"relay/{self.draws}"),
            100.0,
        )
        (send,) = effects
        assert isinstance(send, relay_session.Send)
        self.challenge = send.data
        self.client = client_session.start(
            identity(self.terminal, self.suite),
            RootRelay(public("relay", self.suite), self.suite, REALM),
            drawn(f"terminal/{self.draws}"),
            200.0,
        )

    def hello(self, challenge: bytes | None = None) -> bytes:
        """Let the terminal answer the challenge; return its hello."""
        event = client_session.ChallengeReceived(challenge or self.challenge, NOON)
        self.client, effects = client_session.step(self.client, event)
        (send,) = effects
        assert isinstance(send, client_session.Send)
        return send.data

    def resolve(self, hello: bytes) -> tuple[relay_session.Effect, ...]:
        event = relay_session.HelloReceived(hello)
        self.relay, effects = relay_session.step(self.relay, event)
        return effects

    def resolved(self, key: VerifyKey | None) -> tuple[relay_session.Effect, ...]:
        event = relay_session.TerminalResolved(key)
        self.relay, effects = relay_session.step(self.relay, event)
        return effects

    def ready(self) -> tuple[bytes, relay_session.Established]:
        """Go through to the relay's first frame; return it and what was opened."""
        self.resolve(self.hello())
        send, established = self.resolved(public(self.terminal, self.suite))
        assert isinstance(send, relay_session.Send)
        assert isinstance(established, relay_session.Established)
        return send.data, established

    def confirmed(self, frame: bytes) -> tuple[client_session.Effect, ...]:
        event = client_session.FrameReceived(frame)
        self.client, effects = client_session.step(self.client, event)
        return effects
