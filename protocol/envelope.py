"""The envelope: what the relay stores, splits and hands out, and cannot open.

::

    envelope = CBOR[1, suite, id, [[mailbox, kid, wrap], ...], body]

The wraps ascend by mailbox, each mailbox once: one form, whose order says nothing.
:meth:`Envelope.split` gives a mailbox the same envelope with its own wrap only; the
body is the same bytes for all, so the relay stores it once.  Nothing here opens
anything, and nothing here can be believed: a terminal checks it all when it opens.

Source: docs/spec/record-and-envelope.md section 5.
"""

from typing import Annotated, Final, NamedTuple

from msgspec import Meta

from crypto.suite import SUITES, Suite, SuiteId
from crypto.types import Mailbox, MessageId, PrekeyId
from protocol.codec import bytes_at, bytes_head, decode, encode
from protocol.errors import MalformedError
from protocol.fields import V1, MailboxField, MessageIdField, PrekeyIdField
from protocol.limits import MAX_ADDRESSEES, MAX_ENVELOPE

_ID_AT: Final = 4  # behind the heads of the array and the id, 1 and the suite
_WRAPS_AT: Final = _ID_AT + 16  # the head of the array of wraps
_ARRAY: Final = 4 << 5  # major type 4 of RFC 8949
_FEW: Final = range(1, 24)  # wraps that an array's head counts in its one byte
_WRAP_HEAD: Final = b"\x83\x50"  # three parts, of which the first takes 16 bytes
_MAILBOX_AT: Final = len(_WRAP_HEAD)  # within a wrap, as what follows
_KID_HEAD_AT: Final = _MAILBOX_AT + 16


class _Form(NamedTuple):
    """Where the parts of a suite's wraps stand."""

    suite: SuiteId
    kid_head: bytes
    kid_at: int
    wrap_head_at: int
    wrap_head: bytes
    wrap_at: int
    size: int

    @classmethod
    def of(cls, suite: Suite) -> "_Form":
        kid_head, wrap_head = bytes_head(suite.prekey_id), bytes_head(suite.wrap)
        kid_at = _KID_HEAD_AT + len(kid_head)
        wrap_head_at = kid_at + suite.prekey_id
        wrap_at = wrap_head_at + len(wrap_head)
        size = wrap_at + suite.wrap
        return cls(suite.id, kid_head, kid_at, wrap_head_at, wrap_head, wrap_at, size)


_FORMS: Final = {
    bytes((_ARRAY | 5, 1, suite.id, 0x50)): _Form.of(suite) for suite in SUITES.values()
}


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
    if len(data) > limit:
        raise MalformedError
    envelope = _by_position(data)
    if envelope is None:
        envelope = decode(data, Envelope, limit=limit)
    check_wraps(envelope)
    return envelope


def _by_position(data: bytes) -> Envelope | None:
    """Return the envelope in ``data`` if its parts stand where they always do.

    A suite fixes every length but the body's, so the parts are cut out without a look
    and then written in their places again.  If that gives ``data``, byte for byte,
    it is the one encoding of what was cut out, and nothing is left to check but what
    :func:`check_wraps` does.  None says nothing: the codec reads it.  A relay reads
    every envelope, and this way it takes a third of the time.
    """
    form = _FORMS.get(data[:_ID_AT])
    if form is None or len(data) <= _WRAPS_AT:
        return None
    message_id, count = data[_ID_AT:_WRAPS_AT], data[_WRAPS_AT] & 31
    parts = [data[:_ID_AT], message_id, bytes((_ARRAY | count,))]
    wraps: list[Wrap] = []
    at = _WRAPS_AT + 1
    for _ in range(count):
        mailbox = data[at + _MAILBOX_AT : at + _KID_HEAD_AT]
        kid = data[at + form.kid_at : at + form.wrap_head_at]
        wrap = data[at + form.wrap_at : at + form.size]
        wraps.append(Wrap(Mailbox(mailbox), PrekeyId(kid), wrap))
        parts += (_WRAP_HEAD, mailbox, form.kid_head, kid, form.wrap_head, wrap)
        at += form.size
    if count not in _FEW or at >= len(data):
        return None
    body = data[bytes_at(data, at) :]
    parts += (bytes_head(len(body)), body)
    if not body or b"".join(parts) != data:
        return None
    return Envelope(1, form.suite, MessageId(message_id), tuple(wraps), body)


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
