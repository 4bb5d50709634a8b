"""What terminal and relay say before frames flow (docs/spec/session.md, section 2).

::

    relay     -> terminal   Challenge   the day key under the relay's signature, a nonce
    terminal  -> relay      hello       HPKE to the day key: secret, terminal, proof
    relay     -> terminal   Ready       the first sealed frame: key confirmation

The challenge is one CBOR document; the hello is HPKE ciphertext of a fixed length
per suite (:func:`crypto.session.hello_size`); `ready` is a frame.  B20 binds relay,
nonce, day key and the secret's hash into the proof and the frame keys.
"""

from dataclasses import dataclass
from functools import cache
from typing import Annotated, Final

from msgspec import Meta

from crypto.digest import H
from crypto.entropy import Entropy
from crypto.errors import SignatureError
from crypto.session import Handshake, Hello
from crypto.sign import Realm, SigningKey, Usage, VerifyKey
from crypto.suite import SUITES, SuiteId
from crypto.types import PublicKey, Secret, Signature
from protocol.codec import Message, decode, encode
from protocol.errors import (
    BindingError,
    ExpiredError,
    UnauthenticatedError,
    VerificationError,
)
from protocol.fields import (
    V1,
    Bytes32,
    KeyIdField,
    PublicKeyField,
    SignatureField,
    Time,
)
from protocol.limits import KIB

HANDSHAKE_SECONDS: Final = 10.0  # from the connection to the end of the handshake
NONCE: Final = 32  # bytes
DAY_KEY_NAME: Final = 16  # bytes of the hash that names a day key
MAX_DAY_KEY: Final = 4 * KIB  # bytes of the document: S2's key is 1,665
MAX_CHALLENGE: Final = 16 * KIB  # bytes: document, signature, nonce


class DayKey(Message):
    """The relay's KEM key of a day, signed by its identity key (``relaykey``)."""

    v: V1
    relay: KeyIdField  # key id of the relay's identity key in the root document
    suite: SuiteId
    public: PublicKeyField
    start: Time
    until: Time


class Challenge(Message):
    """The relay speaks first; the nonce is spent by the first hello."""

    v: V1
    day_key: Annotated[bytes, Meta(min_length=1, max_length=MAX_DAY_KEY)]
    signature: SignatureField
    nonce: Bytes32


class Ready(Message):
    """The relay's first frame: it holds the secret, so it holds the day key."""

    v: V1


@dataclass(frozen=True, slots=True)
class RootRelay:
    """What a terminal knows of its relay, all of it from the root document."""

    key: VerifyKey  # the relay's identity key
    suite: SuiteId
    realm: Realm


def sign_day_key(identity: SigningKey, day_key: DayKey, realm: Realm) -> Challenge:
    """Return the challenge of a day key, with a nonce of zeros to be replaced.

    The relay signs once a day and :func:`challenge` adds a nonce per connection.
    """
    document = encode(day_key)
    signature = identity.sign(Usage.RELAYKEY, document, realm=realm)
    return Challenge(v=1, day_key=document, signature=signature, nonce=bytes(NONCE))


def challenge(signed: Challenge, entropy: Entropy) -> Challenge:
    """Return the challenge of one connection, with a nonce of its own."""
    return Challenge(
        v=1,
        day_key=signed.day_key,
        signature=signed.signature,
        nonce=entropy(NONCE),
    )


def day_key_name(data: bytes) -> str:
    """Return the name of the day key in an encoded challenge, 32 hexadecimal digits.

    A terminal names the key that it verified last; the relay then sends the nonce
    alone, and four kilobytes stay off a poor line.

    Raises:
        MalformedError: not a challenge.
    """
    message = decode(data, Challenge, limit=MAX_CHALLENGE)
    return H(message.day_key)[:DAY_KEY_NAME].hex()


def completed(data: bytes, known: bytes | None) -> bytes:
    """Return the challenge that ``data`` stands for.

    Args:
        data: as it arrived: a challenge, or a nonce alone.
        known: the encoded challenge whose day key this terminal named, if it did.
            It is verified again like any other.
    """
    if known is None or len(data) != NONCE:
        return data
    before = decode(known, Challenge, limit=MAX_CHALLENGE)
    return encode(
        Challenge(v=1, day_key=before.day_key, signature=before.signature, nonce=data)
    )


def read_challenge(data: bytes, relay: RootRelay, witnessed: int) -> Handshake:
    """Return what both ends bind, if the challenge is this relay's.

    Args:
        data: the encoded challenge, as it arrived.
        relay: whom the root document names; a day key of another suite is refused.
        witnessed: POSIX seconds, witnessed time.  It never falls and may lag behind,
            so it ends a day key and does not begin one: a client's wrong clock must
            not stop its post.

    Raises:
        MalformedError: not a challenge.
        VerificationError: another signer, usage, realm or time.
        BindingError: B16 another suite, B20 another relay.
    """
    message = decode(data, Challenge, limit=MAX_CHALLENGE)
    try:
        relay.key.verify(
            message.signature, Usage.RELAYKEY, message.day_key, relay.realm
        )
    except SignatureError:
        raise VerificationError("the day key is not the relay's") from None
    day_key = decode(message.day_key, DayKey, limit=MAX_DAY_KEY)
    if day_key.suite is not relay.suite:
        raise BindingError("B16")
    if day_key.relay != relay.key.id:
        raise BindingError("B20")
    if witnessed > day_key.until:
        raise ExpiredError("the day of this key is over")
    return handshake_of(message, day_key)


def handshake_of(message: Challenge, day_key: DayKey) -> Handshake:
    """Return what a challenge and its day key bind."""
    return Handshake(
        suite=day_key.suite,
        relay=day_key.relay,
        nonce=message.nonce,
        day_key=PublicKey(day_key.public),
    )


def prove(
    handshake: Handshake, identity: SigningKey, secret: Secret, realm: Realm
) -> Signature:
    """Return the terminal's proof over the transcript (usage ``session``)."""
    transcript = handshake.transcript(identity.id, secret)
    return identity.sign(Usage.SESSION, transcript, realm=realm)


@cache
def decoy(suite: SuiteId) -> VerifyKey:
    """Return the key against which the proof of a stranger is checked.

    So an unknown or revoked terminal costs what a known one costs.  Everybody can
    derive its private half: it must never open a session, whatever it verifies.
    """
    seed = Secret(bytes(SUITES[suite].signature_seed))
    return SigningKey.from_seed(suite, seed).verify_key


def check_proof(
    handshake: Handshake, hello: Hello, key: VerifyKey | None, realm: Realm
) -> None:
    """Return if the hello's terminal proved itself (B20).

    Args:
        handshake: of the connection that the hello came by.
        hello: as it was opened; nothing in it is believed yet.
        key: what the directory has for its terminal; None if it may not enter.
        realm: of the root document.

    Raises:
        UnauthenticatedError: unknown, revoked or not proven, after the same work.
    """
    transcript = handshake.transcript(hello.terminal, hello.secret)
    checked = decoy(handshake.suite) if key is None else key
    try:
        checked.verify(hello.proof, Usage.SESSION, transcript, realm)
    except SignatureError:
        raise UnauthenticatedError from None
    if key is None or key.id != hello.terminal:
        raise UnauthenticatedError
