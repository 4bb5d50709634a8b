"""Both session machines under any order of events, genuine, old or forged."""

import hypothesis.strategies as st
from hypothesis import given
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from protocol import client_session, relay_session
from protocol.errors import ErrorCode, UnexpectedMessageError
from tests.support.session import NOON, Meeting, identity, public

MEETING = Meeting(draws="elsewhere")
OTHER_HELLO = MEETING.hello()
OTHER_READY = Meeting(draws="elsewhere").ready()[0]


class TwoSessions(RuleBasedStateMachine):
    """A relay and a terminal, and an attacker who reorders what both say."""

    @initialize()
    def meet(self) -> None:
        self.meeting = Meeting()
        self.hello: bytes | None = None
        self.ready: bytes | None = None
        self.hellos = 0
        self.asked = False
        self.established = 0
        self.confirmed = 0

    def relay(self, event: relay_session.Event) -> tuple[relay_session.Effect, ...]:
        before = self.meeting.relay
        try:
            after, effects = relay_session.step(before, event)
        except UnexpectedMessageError:
            assert self.meeting.relay == before
            return ()
        allowed = relay_session.successors(before.state, type(event))
        assert after.state is before.state or after.state in allowed
        self.meeting.relay = after
        for effect in effects:
            if isinstance(effect, relay_session.Resolve):
                assert not self.asked, "a nonce was used twice"
                self.asked = True
            if isinstance(effect, relay_session.Send):
                self.ready = effect.data
            if isinstance(effect, relay_session.Established):
                assert effect.terminal == identity("terminal").id
                self.established += 1
        return effects

    def client(self, event: client_session.Event) -> tuple[client_session.Effect, ...]:
        before = self.meeting.client
        try:
            after, effects = client_session.step(before, event)
        except UnexpectedMessageError:
            return ()
        allowed = client_session.successors(before.state, type(event))
        assert after.state is before.state or after.state in allowed
        self.meeting.client = after
        for effect in effects:
            if isinstance(effect, client_session.Send):
                self.hello = effect.data
                self.hellos += 1
            if isinstance(effect, client_session.Established):
                assert self.established == 1, "confirmed by somebody else"
                self.confirmed += 1
        return effects

    @rule(genuine=st.booleans())
    def challenge(self, genuine: bool) -> None:  # noqa: FBT001 -- hypothesis passes it
        data = self.meeting.challenge if genuine else self.meeting.challenge[:-1]
        self.client(client_session.ChallengeReceived(data, NOON))

    @rule(source=st.sampled_from(["own", "other", "noise"]))
    def say_hello(self, source: str) -> None:
        data = {"own": self.hello or b"", "other": OTHER_HELLO, "noise": b"noise"}
        self.relay(relay_session.HelloReceived(data[source]))

    @rule(key=st.sampled_from(["terminal", "somebody else", ""]))
    def resolve(self, key: str) -> None:
        self.relay(relay_session.TerminalResolved(public(key) if key else None))

    @rule(source=st.sampled_from(["own", "other", "noise"]))
    def say_ready(self, source: str) -> None:
        data = {"own": self.ready or b"", "other": OTHER_READY, "noise": b"noise"}
        self.client(client_session.FrameReceived(data[source]))

    @rule(whom=st.sampled_from(["terminal", "somebody else"]))
    def restrict(self, whom: str) -> None:
        event = relay_session.DirectoryChanged(frozenset({identity(whom).id}))
        self.relay(event)
        if whom == "terminal" and self.asked:
            assert self.meeting.relay.state is relay_session.State.CLOSED

    @rule(now=st.sampled_from([100.0, 109.9, 110.0, 210.0]))
    def tick(self, now: float) -> None:
        self.relay(relay_session.Tick(now))
        self.client(client_session.Tick(now))

    @rule(side=st.sampled_from(["relay", "client"]))
    def leave(self, side: str) -> None:
        if side == "relay":
            self.relay(relay_session.TransportClosed())
        else:
            self.client(client_session.TransportClosed())

    @invariant()
    def each_side_opens_once_and_the_terminal_after_the_relay(self) -> None:
        assert self.confirmed <= self.established <= 1
        assert self.hellos <= 1
        if self.meeting.client.state is client_session.State.OPEN:
            assert self.confirmed == 1


TestTwoSessions = TwoSessions.TestCase


@given(st.binary(max_size=6000))
def test_any_first_message_of_a_stranger_is_one_refusal(data: bytes) -> None:
    meeting = Meeting()
    refused = (relay_session.Close(ErrorCode.UNAUTHENTICATED),)
    assert meeting.resolve(data) == refused


@given(st.binary(max_size=6000))
def test_any_challenge_that_is_not_signed_is_one_refusal(data: bytes) -> None:
    event = client_session.ChallengeReceived(data, NOON)
    session, effects = client_session.step(Meeting().client, event)
    assert session.state is client_session.State.CLOSED
    assert len(effects) == 1
    assert isinstance(effects[0], client_session.Close)


def test_no_edge_leads_out_of_closed() -> None:
    relay, client = relay_session.State.CLOSED, client_session.State.CLOSED
    for event in relay_session.ANYWHERE:
        assert relay_session.successors(relay, event) == {relay}
    for other in client_session.ANYWHERE:
        assert client_session.successors(client, other) == {client}
    assert not relay_session.EDGES[relay]
    assert not client_session.EDGES[client]
