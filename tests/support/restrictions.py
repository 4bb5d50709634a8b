"""Restrictions and orders as bulletins, by whoever the test says."""

from crypto.sign import SigningKey, Usage
from crypto.types import KeyId
from protocol.codec import encode
from protocol.label import Level
from protocol.restriction import Restriction, ZeroiseOrder
from protocol.signed import Signed, sign_document
from tests.support.keys import signing_key
from tests.support.ministry import Ministry


def restriction(
    people: Ministry,
    *,
    by: str,
    post: str = "bern",
    highest: Level | None = None,
    time: int = 1,
) -> bytes:
    """Return an encoded bulletin that cuts the terminal of ``post``.

    Signed by an operator, by the terminal of a post, or by somebody unknown.
    """
    document = Restriction(
        v=1,
        key=KeyId(people.posts[post].terminal.key.id),
        highest=highest,
        time=time,
        reason="stolen",
    )
    signed = sign_document(
        encode(document), [_key(people, by)], usage=Usage.SUSPEND, realm=people.realm
    )
    return encode(signed)


def _key(people: Ministry, name: str) -> SigningKey:
    if name in people.operators:
        return people.operators[name]
    if name in people.posts:
        return people.posts[name].terminal.key
    return signing_key(people.suite, name)


def zeroise_order(
    people: Ministry, *by: str, post: str = "bern", reason: str = "lost"
) -> Signed:
    """Return an order to the terminal of ``post``, signed by whoever the test says."""
    document = ZeroiseOrder(
        v=1,
        key=KeyId(people.posts[post].terminal.key.id),
        nonce=bytes(32),
        time=people.now,
        reason=reason,
    )
    keys = [_key(people, name) for name in by]
    return sign_document(
        encode(document), keys, usage=Usage.ZEROISE, realm=people.realm
    )
