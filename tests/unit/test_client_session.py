from dataclasses import replace

import pytest

from crypto.session import relay_frames
from crypto.sign import Realm, SigningKey, Usage
from crypto.suite import SuiteId
from crypto.types import PublicKey
from protocol.client_session import (
    ChallengeReceived,
    Close,
    Established,
    FrameReceived,
    State,
    Tick,
    TransportClosed,
    step,
)
from protocol.codec import decode, encode
from protocol.errors import ErrorCode, UnexpectedMessageError
from protocol.handshake import Challenge, DayKey, RootRelay
from tests.support.keys import flipped
from tests.support.session import NOON, REALM, Meeting, identity, kem, public

NOT_VERIFIED = (Close(ErrorCode.NOT_VERIFIED),)
MALFORMED = (Close(ErrorCode.MALFORMED),)


def signed(
    key: SigningKey,
    realm: Realm = REALM,
    usage: Usage = Usage.RELAYKEY,
    **changes: object,
) -> bytes:
    """Return a challenge with some fields of its day key changed."""
    fields: dict[str, object] = {
        "v": 1,
        "relay": identity("relay").id,
        "suite": SuiteId.S1,
        "public": kem().public,
        "start": NOON - 10,
        "until": NOON + 10,
        **changes,
    }
    document = encode(DayKey(**fields))  # type: ignore[arg-type]
    signature = key.sign(usage, document, realm=realm)
    return encode(
        Challenge(v=1, day_key=document, signature=signature, nonce=bytes(range(32)))
    )


@pytest.mark.parametrize("suite", SuiteId)
def test_the_session_opens_when_ready_was_opened(suite: SuiteId) -> None:
    meeting = Meeting(suite)
    frame, theirs = meeting.ready()
    (ours,) = meeting.confirmed(frame)
    assert meeting.client.state is State.OPEN
    assert isinstance(ours, Established)
    assert theirs.opener.open_(ours.sealer.seal(b"up")) == b"up"
    assert ours.opener.open_(theirs.sealer.seal(b"down")) == b"down"


def test_the_terminal_says_nothing_before_it_opened_ready() -> None:
    meeting = Meeting()
    assert len(step(meeting.client, ChallengeReceived(meeting.challenge, NOON))[1]) == 1
    meeting.hello()
    for event in (ChallengeReceived(meeting.challenge, NOON), TransportClosed()):
        try:
            _, effects = step(meeting.client, event)
        except UnexpectedMessageError:
            continue
        assert effects == (Close(None),)
    assert meeting.client.frames is not None
    assert meeting.client.frames[0].cells == 0


def test_a_frame_that_does_not_open_is_not_ready() -> None:
    meeting = Meeting()
    frame, theirs = meeting.ready()
    for wrong in (
        b"",
        flipped(frame, 0),
        theirs.sealer.seal(b"\xa1\x00\x01"),  # its second frame
        Meeting(draws="another").ready()[0],
    ):
        closed, effects = step(meeting.client, FrameReceived(wrong))
        assert (closed.state, effects) == (State.CLOSED, NOT_VERIFIED)


def test_a_first_frame_that_is_not_ready_is_refused() -> None:
    meeting = Meeting()
    meeting.hello()
    assert meeting.client.frames is not None
    # The relay's own sealer, before it sealed anything.
    meeting.resolve(Meeting().hello())
    hello = meeting.relay.hello
    assert hello is not None
    sealer, _ = relay_frames(meeting.relay.handshake, hello.terminal, hello.secret)
    closed, effects = step(meeting.client, FrameReceived(sealer.seal(b"\xa1\x00\x02")))
    assert (closed.state, effects) == (State.CLOSED, MALFORMED)


@pytest.mark.parametrize(
    ("challenge", "refusal"),
    [
        (b"", MALFORMED),
        (b"\xa0", MALFORMED),
        (signed(identity("attacker")), NOT_VERIFIED),
        (signed(identity("attacker"), relay=identity("attacker").id), NOT_VERIFIED),
        (signed(identity("relay"), realm=Realm.KOERIER), NOT_VERIFIED),
        (signed(identity("relay"), usage=Usage.SESSION), NOT_VERIFIED),
        (signed(identity("relay"), until=NOON - 1), NOT_VERIFIED),
        (signed(identity("relay"), suite=SuiteId.S2), NOT_VERIFIED),  # downgrade, B16
        (signed(identity("relay"), relay=identity("other").id), NOT_VERIFIED),  # B20
        (signed(identity("relay"), public=PublicKey(bytes(1000))), NOT_VERIFIED),
    ],
)
def test_a_relay_that_is_not_of_our_root_hears_nothing(
    challenge: bytes, refusal: tuple[Close]
) -> None:
    meeting = Meeting()
    closed, effects = step(meeting.client, ChallengeReceived(challenge, NOON))
    assert (closed.state, effects) == (State.CLOSED, refusal)


def test_a_changed_day_key_under_a_genuine_signature_is_refused() -> None:
    meeting = Meeting()
    genuine = decode(meeting.challenge, Challenge)
    changed = Challenge(
        v=1,
        day_key=flipped(genuine.day_key, 60),
        signature=genuine.signature,
        nonce=genuine.nonce,
    )
    event = ChallengeReceived(encode(changed), NOON)
    assert step(meeting.client, event)[1] == NOT_VERIFIED


def test_witnessed_time_ends_a_day_key_and_does_not_begin_one() -> None:
    # A terminal that was away for a year has an old witnessed time: it must get in.
    meeting = Meeting()
    early = ChallengeReceived(meeting.challenge, NOON - 365 * 86_400)
    assert step(meeting.client, early)[0].state is State.AWAIT_READY
    late = ChallengeReceived(meeting.challenge, NOON + 43_201)
    assert step(meeting.client, late)[1] == NOT_VERIFIED


def test_b12_a_terminal_of_another_realm_hears_nothing() -> None:
    meeting = Meeting()
    earnest = replace(
        meeting.client, relay=RootRelay(public("relay"), SuiteId.S1, Realm.KOERIER)
    )
    event = ChallengeReceived(meeting.challenge, NOON)
    assert step(earnest, event)[1] == NOT_VERIFIED


def test_a_secret_is_drawn_for_each_session() -> None:
    one, two = Meeting(draws="one").client, Meeting(draws="two").client
    assert one.secret != two.secret
    assert len(one.secret) == 32


def test_a_handshake_has_ten_seconds_and_a_session_has_no_end() -> None:
    meeting = Meeting()
    assert step(meeting.client, Tick(209.9)) == (meeting.client, ())
    closed, effects = step(meeting.client, Tick(210.0))
    assert (closed.state, effects) == (
        State.CLOSED,
        (Close(ErrorCode.UNAUTHENTICATED),),
    )
    frame, _ = meeting.ready()
    assert step(meeting.client, Tick(210.0))[0].state is State.CLOSED
    meeting.confirmed(frame)
    assert step(meeting.client, Tick(1e9)) == (meeting.client, ())


def test_a_peer_that_left_is_closed_once_and_without_a_code() -> None:
    meeting = Meeting()
    closed, effects = step(meeting.client, TransportClosed())
    assert effects == (Close(None),)
    assert step(closed, TransportClosed()) == (closed, ())
    with pytest.raises(UnexpectedMessageError, match="FrameReceived in CLOSED"):
        step(closed, FrameReceived(b""))


def test_a_state_that_no_event_makes_is_a_bug() -> None:
    broken = replace(Meeting().client, state=State.AWAIT_READY)
    with pytest.raises(RuntimeError, match="without keys"):
        step(broken, FrameReceived(b""))
