"""Sealing and opening whole envelopes: ``crypto.envelope`` and the checks, composed.

Sealing happens at deposit.  The record and its release signature were made before
and never change; :func:`seal` draws a content key, salts and ``r``, writes and
signs a slip, wraps, and opens its own work before anybody else sees it::

    sealed = seal(record, sender=sender, recipients=recipients, entropy=system,
                  release=sign_release(record, member_key, realm))
    deposit(sealed.envelope, sealed.commitment)

:func:`reseal` does the same again for addressees that lack the record: a new slip,
content key and leaf, the same record, the same places in the streams.

Opening is two steps, because the key sheet lies between them: :func:`arrived` says
which prekey is meant, and a key that is gone is answered by a nack
(:mod:`protocol.nack`); :func:`open_envelope` opens and admits.  Whatever is wrong
with an envelope, it raises the one :exc:`UnreadableError`.

Source: docs/spec/record-and-envelope.md sections 5 to 7.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from crypto.digest import H
from crypto.entropy import Entropy
from crypto.envelope import (
    WrapSecret,
    commitment,
    open_body,
    seal_body,
    unwrap,
    wrap,
)
from crypto.errors import CryptoError, OpenError
from crypto.kem import KemKey
from crypto.sign import Realm, SigningKey, Usage
from crypto.suite import SuiteId
from crypto.types import (
    Digest,
    KeyId,
    Mailbox,
    MessageId,
    PrekeyId,
    PublicKey,
    Salt,
    Secret,
    Signature,
)
from protocol.admit import Outcome, weigh
from protocol.codec import decode, encode
from protocol.directory_view import DirectoryView
from protocol.envelope import Envelope, Wrap, check_wraps, parse_envelope
from protocol.errors import PolicyError, ProtocolError, Reason
from protocol.genuine import Proven, Unsealed, bind, prove, verify
from protocol.label import refusals
from protocol.leaf import leaf_commitment, message_leaf
from protocol.limits import MAX_RECORD
from protocol.receiver import Receiver
from protocol.record import ARCHIVE, Record
from protocol.signed import SignatureLine
from protocol.slip import Heads, Inner, Place, Slip, slot_hash

CEK: Final = 32  # bytes
SALT: Final = 32
R: Final = 32


class UnreadableError(Exception):
    """The envelope does not open, or what it holds is not genuine.

    One error with one text for every cause; the cause is chained for the alarm log
    of this terminal and goes nowhere else.
    """


@dataclass(frozen=True, slots=True)
class Sender:
    """The sending terminal: its key, its directory and the logs it trusts."""

    key: SigningKey
    view: DirectoryView
    heads: Heads
    floor: int  # smallest padded length, bytes: the signed policy's


@dataclass(frozen=True, slots=True)
class Recipient:
    """One wrap to make: whose it is, to which prekey, at which place."""

    post: str
    key_id: KeyId  # of the terminal; for an archive H(public)
    mailbox: Mailbox
    kid: PrekeyId
    public: PublicKey
    place: Place


@dataclass(frozen=True, slots=True)
class Sealed:
    """One sealing, ready to deposit."""

    name: Digest  # H(record)
    id: MessageId
    record: bytes
    release: SignatureLine | None
    slip: bytes
    signature: Signature  # the terminal's, over the slip: what evidence is made of
    envelope: bytes
    commitment: Digest  # what the relay logs beside H(body)
    body: Digest  # H(body ciphertext)
    recipients: tuple[Recipient, ...]

    @property
    def leaf(self) -> bytes:
        """The leaf that the relay logs: compare it before believing *accepted*."""
        return message_leaf(self.commitment, self.body)

    def __repr__(self) -> str:
        return "<Sealed>"


@dataclass(frozen=True, slots=True)
class Arrived:
    """An envelope that came for our mailbox, not opened."""

    envelope: Envelope
    wrap: Wrap


def sign_release(record: bytes, key: SigningKey, realm: Realm) -> SignatureLine:
    """Return the member's signature over the record (usage ``release``)."""
    return SignatureLine(key.id, key.sign(Usage.RELEASE, record, realm=realm))


def seal(  # noqa: PLR0913 -- each is named by its caller; one sealing needs them all
    record: bytes,
    *,
    sender: Sender,
    recipients: Sequence[Recipient],
    entropy: Entropy,
    release: SignatureLine | None = None,
    empty: Sequence[Recipient] = (),
) -> Sealed:
    """Return a fresh sealing of ``record`` for ``recipients``.

    Args:
        record: the encoded record; ``by`` names the signer of ``release``.
        sender: the terminal that signs the slip.
        recipients: one per mailbox, at least one.
        entropy: draws the content key, the salts and ``r``.
        release: the member's signature, where ``record.by`` names one.
        empty: archives that this record is not for: each gets a wrap of nothing, so
            that what is archived and what is not look alike to the relay.

    Raises:
        MalformedError: ``record`` is not a record.
        KeyFormatError: a recipient's key is refused (B15).
        ValueError: a post that the record does not address, or a floor that is no
            bucket: a caller's bug.
        PolicyError: the sending terminal or a recipient is not current, or a
            recipient's clearance does not dominate the label.
        RuntimeError: the sealing does not open again, by a fault of this machine or
            of the caller (two recipients with one mailbox, a release that does not
            verify): deposit nothing.
    """
    parsed = decode(record, Record, limit=MAX_RECORD)
    _check_allowed(parsed, sender, recipients)
    suite = sender.view.suite
    cek = Secret(entropy(CEK))
    aims = [(to, Salt(entropy(SALT))) for to in recipients]
    slip = _slip(sender, record, parsed.id, entropy(R), cek, aims)
    inner = _signed(sender, record, encode(slip), release)
    body = seal_body(suite, parsed.id, cek, encode(inner), sender.floor)
    wraps = [_wrap(suite, parsed.id, to, cek, salt) for to, salt in aims]
    for to in empty:
        nothing, salt = Secret(entropy(CEK)), Salt(entropy(SALT))
        wraps.append(_wrap(suite, parsed.id, to, nothing, salt))
    envelope = Envelope(1, suite, parsed.id, tuple(sorted(wraps)), body)  # by mailbox
    _check_own(envelope, cek, inner, parsed, sender.view)
    return Sealed(
        name=slip.rec,
        id=parsed.id,
        record=record,
        release=release,
        slip=inner.slip,
        signature=inner.sigs[0].signature,
        envelope=encode(envelope),
        commitment=leaf_commitment(slip.r, inner.slip),
        body=H(body),
        recipients=tuple(recipients),
    )


def reseal(
    prior: Sealed,
    *,
    sender: Sender,
    recipients: Sequence[Recipient],
    entropy: Entropy,
) -> Sealed:
    """Return a new sealing of the same record for addressees that still lack it.

    A terminal of the prior sealing keeps its place in its stream and gets another
    prekey; nothing that anybody else received changes.

    Raises:
        ValueError: a place that is not the prior one, or a prekey used before.
        and what :func:`seal` raises.
    """
    before = {recipient.key_id: recipient for recipient in prior.recipients}
    for recipient in recipients:
        earlier = before.get(recipient.key_id)
        if earlier is None:
            continue
        if recipient.place != earlier.place or recipient.kid == earlier.kid:
            raise ValueError("a reseal keeps the place and takes another prekey")
    return seal(
        prior.record,
        sender=sender,
        recipients=recipients,
        entropy=entropy,
        release=prior.release,
    )


def arrived(data: bytes, receiver: Receiver) -> Arrived:
    """Return the envelope and the one wrap in it, which is for our mailbox.

    Raises:
        UnreadableError: not an envelope, of a suite that the root does not open
            (B16), or not split for our mailbox.
    """
    try:
        envelope = parse_envelope(data)
    except ProtocolError as error:
        raise _unreadable() from error
    wrap_ = envelope.wraps[0]
    if (
        envelope.suite not in receiver.suites
        or len(envelope.wraps) != 1
        or wrap_.mailbox != receiver.own.mailbox
    ):
        raise _unreadable()
    return Arrived(envelope, wrap_)


def open_envelope(
    came: Arrived, key: KemKey, receiver: Receiver, *, witnessed: int | None = None
) -> Outcome:
    """Return the outcome of admitting what the envelope holds.

    Args:
        came: from :func:`arrived`.
        key: the private prekey that ``came.wrap.kid`` names in our key sheet.
        receiver: our terminal and what it knows.
        witnessed: see :func:`protocol.admit.admit`.

    Raises:
        UnreadableError: for every cause the same.
    """
    proven = verified(unseal(came, key), receiver)
    return judge(proven, receiver, witnessed=witnessed)


def unseal(came: Arrived, key: KemKey) -> Unsealed:
    """Return what wrap and body hold: the first part of :func:`open_envelope`.

    Raises:
        UnreadableError: for every cause the same.
    """
    suite, message_id = came.envelope.suite, came.envelope.id
    mailbox, kid, wrapped = came.wrap
    try:
        secret = unwrap(suite, message_id, mailbox, kid, key, wrapped)
        inner = open_body(suite, message_id, secret.cek, came.envelope.body)
    except CryptoError as error:
        raise _unreadable() from error
    return Unsealed(
        id=message_id,
        kid=kid,
        kc=commitment(suite, message_id, secret.cek),
        place=Place(secret.stream, secret.seq, secret.prev),
        salt=secret.salt,
        inner=inner,
        body=H(came.envelope.body),
    )


def verified(unsealed: Unsealed, receiver: Receiver) -> Proven:
    """Return it with its signers: the second part of :func:`open_envelope`.

    Raises:
        UnreadableError: for every cause the same.
    """
    try:
        return prove(unsealed, receiver.view)
    except ProtocolError as error:
        raise _unreadable() from error


def judge(
    proven: Proven, receiver: Receiver, *, witnessed: int | None = None
) -> Outcome:
    """Return the outcome of admitting it: the last part of :func:`open_envelope`.

    Raises:
        UnreadableError: for every cause the same.
    """
    try:
        return weigh(proven, receiver, witnessed=witnessed)
    except ProtocolError as error:
        raise _unreadable() from error


def _unreadable() -> UnreadableError:
    return UnreadableError("unreadable")


def _wrap(
    suite: SuiteId, message_id: MessageId, to: Recipient, cek: Secret, salt: Salt
) -> Wrap:
    secret = WrapSecret(cek, to.place.stream, to.place.seq, to.place.prev, salt)
    wrapped = wrap(suite, message_id, to.mailbox, to.kid, to.public, secret)
    return Wrap(to.mailbox, to.kid, wrapped)


def _signed(
    sender: Sender, record: bytes, slip: bytes, release: SignatureLine | None
) -> Inner:
    signature = sender.key.sign(Usage.RECORD, slip, realm=sender.view.realm)
    own = SignatureLine(sender.key.id, signature)
    return Inner(record, slip, (own,) if release is None else (own, release))


def _check_own(
    envelope: Envelope, cek: Secret, inner: Inner, record: Record, view: DirectoryView
) -> None:
    """Open and verify what was just made: a fault must show here, not at a post."""
    try:
        check_wraps(envelope)
        content = open_body(envelope.suite, envelope.id, cek, envelope.body)
        if content != encode(inner):
            raise OpenError
        bind(inner, record, verify(inner, view), envelope.id)
    except (CryptoError, ProtocolError) as error:
        raise RuntimeError("a sealing that does not open again") from error


def _check_allowed(
    record: Record, sender: Sender, recipients: Iterable[Recipient]
) -> None:
    """Refuse what record or directory do not allow, whoever asked for it."""
    own = sender.view.terminal(sender.key.id)
    if own is None or own.ended is not None:
        raise PolicyError(Reason.NOT_ACTIVE)
    posts = {addressee.post for addressee in record.to}
    for to in recipients:
        if to.post not in posts:
            raise ValueError("a recipient whose post is not addressed")
        if to.post != ARCHIVE:
            _check_terminal(to, record, sender.view)


def _check_terminal(to: Recipient, record: Record, view: DirectoryView) -> None:
    terminal = view.terminal(to.key_id)
    if (
        terminal is None
        or terminal.ended is not None
        or (terminal.post, terminal.mailbox) != (to.post, to.mailbox)
    ):
        raise PolicyError(Reason.NOT_ACTIVE)
    if record.label is not None:
        for reason in refusals(terminal.clearance, to.post, record.label):
            raise PolicyError(reason)


def _slip(  # noqa: PLR0913, PLR0917 -- the parts of one document
    sender: Sender,
    record: bytes,
    message_id: MessageId,
    r: bytes,
    cek: Secret,
    aims: Iterable[tuple[Recipient, Salt]],
) -> Slip:
    slots = (slot_hash(to.key_id, to.kid, to.place, salt) for to, salt in aims)
    return Slip(
        v=1,
        id=message_id,
        rec=H(record),
        key=sender.key.id,
        kc=commitment(sender.view.suite, message_id, cek),
        r=r,
        dir=sender.heads,
        slots=tuple(sorted(slots)),
    )
