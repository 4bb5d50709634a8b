from dataclasses import replace
from unittest.mock import patch

import pytest

from crypto.session import Hello, open_hello, relay_frames, seal_hello, terminal_frames
from crypto.sign import Realm, SigningKey, Usage, VerifyKey
from crypto.suite import SUITES, SuiteId
from crypto.types import Secret, Signature
from protocol.codec import decode
from protocol.errors import ErrorCode, UnauthenticatedError, UnexpectedMessageError
from protocol.handshake import Challenge, Ready, check_proof, decoy, prove
from protocol.relay_session import (
    Close,
    DirectoryChanged,
    Established,
    HelloReceived,
    Resolve,
    Send,
    State,
    TerminalResolved,
    Tick,
    TransportClosed,
    step,
)
from tests.support.keys import flipped
from tests.support.session import REALM, Meeting, identity, public

REFUSED = (Close(ErrorCode.UNAUTHENTICATED),)


@pytest.mark.parametrize("suite", SuiteId)
def test_a_proven_terminal_gets_ready_first_and_then_its_frames(suite: SuiteId) -> None:
    meeting = Meeting(suite)
    effects = meeting.resolve(meeting.hello())
    assert effects == (Resolve(identity("terminal", suite).id),)
    ready, established = meeting.resolved(public("terminal", suite))
    assert isinstance(ready, Send)
    assert isinstance(established, Established)
    assert established.terminal == identity("terminal", suite).id
    assert meeting.relay.state is State.OPEN
    assert len(meeting.confirmed(ready.data)) == 1


def test_a_nonce_is_spent_by_the_first_hello() -> None:
    meeting = Meeting()
    hello = meeting.hello()
    before = meeting.relay
    meeting.resolve(hello)
    with pytest.raises(UnexpectedMessageError):
        step(meeting.relay, HelloReceived(hello))
    refused, effects = step(before, HelloReceived(b"anything"))
    assert effects == REFUSED
    with pytest.raises(UnexpectedMessageError):
        step(refused, HelloReceived(hello))


def test_a_hello_of_another_connection_does_not_open() -> None:
    first, second = Meeting(draws="first"), Meeting(draws="second")
    hello = first.hello()
    assert second.resolve(hello) == REFUSED
    assert second.relay.state is State.CLOSED


def test_unknown_revoked_and_unproven_are_one_answer_after_the_same_work() -> None:
    unknown, revoked = Meeting(draws="unknown"), Meeting(draws="revoked")
    unproven = Meeting(draws="unproven")
    answers = []
    really = VerifyKey.verify
    with patch.object(VerifyKey, "verify", autospec=True, side_effect=really) as verify:
        for meeting, key in (
            (unknown, None),
            (revoked, None),
            (unproven, public("somebody else")),
        ):
            meeting.resolve(meeting.hello())
            verify.reset_mock()
            answers.append(meeting.resolved(key))
            assert verify.call_count == 1
            assert meeting.relay.state is State.CLOSED
    assert answers == [REFUSED] * 3


def test_the_decoys_own_proof_opens_nothing() -> None:
    # Everybody can derive the decoy's private half from the specification.
    meeting = Meeting()
    seed = Secret(bytes(SUITES[SuiteId.S1].signature_seed))
    key = SigningKey.from_seed(SuiteId.S1, seed)
    assert key.id == decoy(SuiteId.S1).id
    shake = meeting.relay.handshake
    secret = Secret(bytes(32))
    hello = seal_hello(shake, key.id, secret, prove(shake, key, secret, REALM))
    meeting.resolve(hello)
    assert meeting.resolved(None) == REFUSED


def test_b20_a_proof_is_bound_to_relay_nonce_day_key_secret_and_terminal() -> None:
    meeting = Meeting()
    sealed = meeting.hello()
    shake = meeting.relay.handshake
    hello = open_hello(shake, meeting.relay.kem_key, sealed)
    key = public("terminal")
    check_proof(shake, hello, key, REALM)
    forged = [
        (replace(shake, relay=bytes(32)), hello),
        (replace(shake, nonce=bytes(32)), hello),
        (replace(shake, day_key=identity("relay").public), hello),
        (shake, replace(hello, secret=Secret(bytes(32)))),
        (shake, replace(hello, terminal=identity("somebody else").id)),
        (shake, replace(hello, proof=Signature(flipped(hello.proof, 9)))),
    ]
    for other, changed in forged:
        with pytest.raises(UnauthenticatedError):
            check_proof(other, changed, key, REALM)
    with pytest.raises(UnauthenticatedError):
        check_proof(shake, hello, key, Realm.KOERIER)


def test_b20_a_relay_in_between_cannot_pass_a_proof_on() -> None:
    # The terminal talks to a relay whose day key is the attacker's; the attacker
    # opens the hello and seals its content to the honest relay.
    meeting = Meeting()
    shake = meeting.relay.handshake
    secret = Secret(bytes(32))
    theirs = replace(shake, relay=identity("attacker").id)
    proof = prove(theirs, identity("terminal"), secret, REALM)
    hello = seal_hello(shake, identity("terminal").id, secret, proof)
    meeting.resolve(hello)
    assert meeting.resolved(public("terminal")) == REFUSED


def test_b12_a_signature_of_another_usage_is_no_proof() -> None:
    meeting = Meeting()
    shake, secret = meeting.relay.handshake, Secret(bytes(32))
    key = identity("terminal")
    transcript = shake.transcript(key.id, secret)
    for usage in set(Usage) - {Usage.SESSION}:
        hello = Hello(key.id, secret, key.sign(usage, transcript, realm=REALM))
        with pytest.raises(UnauthenticatedError):
            check_proof(shake, hello, public("terminal"), REALM)


def test_each_direction_and_each_session_has_a_key_of_its_own() -> None:
    one, two = (
        Meeting(draws="one").relay.handshake,
        Meeting(draws="two").relay.handshake,
    )
    terminal, secret = identity("terminal").id, Secret(bytes(32))
    cells = {
        sealer.seal(bytes(240))
        for shake in (one, two)
        for frames in (relay_frames, terminal_frames)
        for sealer, _ in [frames(shake, terminal, secret)]
    }
    assert len(cells) == 4


def test_a_key_that_is_not_the_terminals_opens_nothing() -> None:
    # The shell answered for another terminal than it was asked about.
    meeting = Meeting()
    shake = meeting.relay.handshake
    secret, other = Secret(bytes(32)), identity("somebody else")
    transcript = shake.transcript(identity("terminal").id, secret)
    proof = other.sign(Usage.SESSION, transcript, realm=REALM)
    hello = Hello(identity("terminal").id, secret, proof)
    with pytest.raises(UnauthenticatedError):
        check_proof(shake, hello, public("somebody else"), REALM)


def test_a_restriction_closes_the_terminals_session_and_no_other() -> None:
    meeting = Meeting()
    hit = DirectoryChanged(frozenset({identity("terminal").id}))
    other = DirectoryChanged(frozenset({identity("somebody else").id}))
    assert step(meeting.relay, hit) == (meeting.relay, ())  # nobody is here yet
    meeting.resolve(meeting.hello())
    resolving = meeting.relay
    assert step(resolving, other) == (resolving, ())
    closed, effects = step(resolving, hit)
    assert (closed.state, effects) == (State.CLOSED, REFUSED)
    meeting.resolved(public("terminal"))
    assert step(meeting.relay, other) == (meeting.relay, ())
    closed, effects = step(meeting.relay, hit)
    assert (closed.state, effects) == (State.CLOSED, REFUSED)
    assert step(closed, hit) == (closed, ())


def test_a_handshake_has_ten_seconds_and_a_session_has_no_end() -> None:
    meeting = Meeting()
    assert step(meeting.relay, Tick(109.9)) == (meeting.relay, ())
    closed, effects = step(meeting.relay, Tick(110.0))
    assert (closed.state, effects) == (State.CLOSED, REFUSED)
    meeting.resolve(meeting.hello())
    assert step(meeting.relay, Tick(110.0))[1] == REFUSED
    meeting.resolved(public("terminal"))
    assert step(meeting.relay, Tick(1e9)) == (meeting.relay, ())


def test_a_peer_that_left_is_closed_once_and_without_a_code() -> None:
    meeting = Meeting()
    closed, effects = step(meeting.relay, TransportClosed())
    assert effects == (Close(None),)
    assert step(closed, TransportClosed()) == (closed, ())
    with pytest.raises(UnexpectedMessageError, match="TerminalResolved in CLOSED"):
        step(closed, TerminalResolved(public("terminal")))


def test_a_state_that_no_event_makes_is_a_bug() -> None:
    meeting = Meeting()
    broken = replace(meeting.relay, state=State.RESOLVING)
    with pytest.raises(RuntimeError, match="without a hello"):
        step(broken, TerminalResolved(None))


def test_each_connection_has_a_nonce_of_its_own() -> None:
    nonces = {
        decode(Meeting(draws=str(number)).challenge, Challenge).nonce
        for number in range(9)
    }
    assert len(nonces) == 9
    assert bytes(32) not in nonces


def test_ready_is_a_sealed_document() -> None:
    meeting = Meeting()
    frame, established = meeting.ready()
    assert len(frame) == 3 + 16
    assert established.sealer.cells == 1  # the line goes on from there
    (effect,) = meeting.confirmed(frame)
    assert decode(bytes.fromhex("a10001"), Ready).v == 1
    assert effect.opener.cells == 1  # type: ignore[union-attr]
