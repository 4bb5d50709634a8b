"""A sealer that lies: an insider with genuine keys who breaks one rule at a time.

It builds envelopes part by part, straight over ``crypto``, so that a test can put a
wrong part in and everything else right.  Nothing of ``client.core.sealing`` that
would stop a liar is used.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from client.core.sealing import Recipient
from crypto import _chunked
from crypto.digest import H, T
from crypto.envelope import WrapSecret, commitment, seal_body, wrap
from crypto.sign import Realm, SigningKey, Usage
from crypto.suite import SuiteId
from crypto.types import Commitment, MessageId, Salt, Secret
from protocol.codec import encode
from protocol.envelope import Envelope, Wrap
from protocol.record import Record
from protocol.signed import SignatureLine
from protocol.slip import Inner, Slip, slot_hash
from tests.support.posts import HEADS, Station

CEK = Secret(b"c" * 32)
SALT = Salt(b"salt" * 8)


@dataclass(frozen=True)
class Parts:
    """Everything that goes into one envelope; change what the lie needs."""

    suite: SuiteId
    outside: MessageId
    inner: Inner
    wraps: tuple[Wrap, ...]

    def sealed(self, cek: Secret = CEK) -> bytes:
        """Return the envelope with the inner parts honestly padded."""
        content = encode(self.inner)
        body = seal_body(self.suite, self.outside, cek, content, 6144)
        return self.with_body(body)

    def padded(self, padded: bytes) -> bytes:
        """Return the envelope with a body that is padded as the liar likes."""
        context = T(b"koerier/v1/body", self.suite.octet, self.outside)
        return self.with_body(_chunked.encrypt(CEK, context, padded))

    def with_body(self, body: bytes) -> bytes:
        return encode(Envelope(1, self.suite, self.outside, self.wraps, body))


def slip_for(sender: Station, record: Record, *recipients: Recipient) -> Slip:
    """Return an honest slip for ``record`` with the liar's fixed salt."""
    return Slip(
        v=1,
        id=record.id,
        rec=H(encode(record)),
        key=sender.key.id,
        kc=Commitment(commitment(sender.directory.suite, record.id, CEK)),
        r=b"r" * 32,
        dir=HEADS,
        slots=tuple(
            sorted(slot_hash(to.key_id, to.kid, to.place, SALT) for to in recipients)
        ),
    )


def sign_slip(
    key: SigningKey, slip: bytes, *, usage: Usage = Usage.RECORD, realm: Realm
) -> SignatureLine:
    return SignatureLine(key.id, key.sign(usage, slip, realm=realm))


def wrap_to(
    suite: SuiteId,
    outside: MessageId,
    to: Recipient,
    *,
    cek: Secret = CEK,
    salt: Salt = SALT,
) -> Wrap:
    secret = WrapSecret(cek, to.place.stream, to.place.seq, to.place.prev, salt)
    wrapped = wrap(suite, outside, to.mailbox, to.kid, to.public, secret)
    return Wrap(to.mailbox, to.kid, wrapped)


def forge(  # noqa: PLR0913 -- each is one possible lie
    sender: Station,
    record: Record,
    to: Recipient,
    *,
    change: Callable[[Slip], Slip] = lambda slip: slip,
    release: Sequence[SignatureLine] | None = None,
    usage: Usage = Usage.RECORD,
    realm: Realm | None = None,
) -> Parts:
    """Return the parts of an envelope from ``sender`` to one recipient.

    Args:
        sender: whose genuine terminal key signs the slip.
        record: as the liar wants it.
        to: for whom the wrap is.
        change: turns the honest slip into another one, which is then signed.
        release: the lines after the terminal's; by default the member's genuine one.
        usage: of the slip's signature.
        realm: of the slip's signature; by default the directory's.
    """
    raw = encode(record)
    slip = encode(change(slip_for(sender, record, to)))
    realm = realm or sender.directory.realm
    if release is None:
        release = [sender.release(raw)] if record.by else []
    first = sign_slip(sender.key, slip, usage=usage, realm=realm)
    suite = sender.directory.suite
    return Parts(
        suite=suite,
        outside=record.id,
        inner=Inner(raw, slip, (first, *release)),
        wraps=(wrap_to(suite, record.id, to),),
    )
