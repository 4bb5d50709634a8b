"""The envelope: what the relay stores, splits and hands out, and cannot open.

::

    envelope = CBOR[1, suite, id, [[mailbox, kid, wrap], ...], body]

The wraps ascend by mailbox, each mailbox once: one form, whose order says nothing.
:meth:`Envelope.split` gives a mailbox the same envelope with its own wrap only; the
body is the same bytes for all, so the relay stores it once.  Nothing here opens
anything, and nothing here can be believed: a terminal checks it all when it opens.

Source: docs/spec/record-and-envelope.md section 5.
"""

from typing import Annotated, NamedTuple

from msgspec import Meta

from crypto.suite import SUITES, SuiteId
from crypto.types import Mailbox
from protocol.codec import decode, encode
from protocol.errors import MalformedError
from protocol.fields import V1, MailboxField, MessageIdField, PrekeyIdField
from protocol.limits import MAX_ADDRESSEES, MAX_ENVELOPE


class Wrap(NamedTuple):
    """The content key for one mailbox: HPKE encapsulation and ciphertext."""

    mailbox: MailboxField
    kid: PrekeyIdField
    wrap: Annotated[bytes, Meta(min_length=1, max_length=4096)]


class Envelope(NamedTuple):
    """A sealed record, whole or split; make one with :func:`parse_envelope`."""

    v: V1
    suite: SuiteId
    id: MessageIdField
    wraps: Annotated[tuple[Wrap, ...], Meta(min_length=1, max_length=MAX_ADDRESSEES)]
    body: Annotated[bytes, Meta(min_length=1, max_length=MAX_ENVELOPE)]

    def __repr__(self) -> str:
        return "<Envelope>"

    def encoded(self) -> bytes:
        """Return the envelope's one encoding."""
        return encode(self)

    def split(self, mailbox: Mailbox) -> bytes:
        """Return the encoded envelope with the wrap of ``mailbox`` alone.

        Raises:
            KeyError: no wrap for it; the caller takes mailboxes from the envelope.
        """
        for wrap in self.wraps:
            if wrap.mailbox == mailbox:
                return encode(self._replace(wraps=(wrap,)))
        raise KeyError


def parse_envelope(data: bytes, *, limit: int = MAX_ENVELOPE) -> Envelope:
    """Return the envelope that ``data`` is the one encoding of.

    Raises:
        MalformedError: not an envelope of v1, a length that is not the suite's,
            or wraps not ascending by mailbox.
    """
    envelope = decode(data, Envelope, limit=limit)
    check_wraps(envelope)
    return envelope


def check_wraps(envelope: Envelope) -> None:
    """Return if the wraps have the suite's lengths and ascend by mailbox.

    Raises:
        MalformedError: they do not.
    """
    suite = SUITES[envelope.suite]
    last = b""
    for wrap in envelope.wraps:
        if (
            wrap.mailbox <= last
            or len(wrap.kid) != suite.prekey_id
            or len(wrap.wrap) != suite.wrap
        ):
            raise MalformedError
        last = wrap.mailbox
