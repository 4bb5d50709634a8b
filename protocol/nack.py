"""The nack: "that prekey of mine is gone, seal it to me again".

A terminal makes one for a prekey that was its own and is erased or used, and never
for an envelope that failed to open: a failed open is an alarm, and answering it
would let a stranger make senders seal again and again.  The relay passes it to the
terminal that deposited the envelope, which believes nothing but the signature, and
only for the very deposit that it remembers (B22)::

    nack = CBOR{v, id, H(body ciphertext), mailbox, kid, reason}     usage "nack"

The sender answers with a reseal (client.core.sealing), at most MAX_RESEALS times
per terminal and each time to a prekey not used before; then a person is told.

Source: docs/spec/receipts.md section 4.
"""

import enum
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from crypto.digest import H
from crypto.errors import SignatureError
from crypto.sign import Realm, SigningKey, Usage, VerifyKey
from crypto.types import Digest, KeyId, Mailbox, MessageId, PrekeyId, Signature
from protocol.codec import Message, decode, encode
from protocol.directory_view import DirectoryView, Terminal
from protocol.envelope import Envelope
from protocol.errors import BindingError, BusyError, VerificationError
from protocol.fields import (
    V1,
    DigestField,
    MailboxField,
    MessageIdField,
    PrekeyIdField,
)
from protocol.limits import MAX_RESEALS


class Gone(enum.IntEnum):
    """Why the prekey is gone.  A number is never reused."""

    ERASED = 1  # its days were over
    USED = 2  # a one-time key that opened another envelope
    LOST = 3  # the key sheet did not survive: a restored terminal


class Nack(Message):
    """The signed document."""

    v: V1
    id: MessageIdField
    body: DigestField
    mailbox: MailboxField
    kid: PrekeyIdField
    reason: Gone


class SignedNack(NamedTuple):
    """What goes to the relay: the mailbox again, outside, to find the key by."""

    document: bytes
    signature: Signature
    mailbox: Mailbox


@dataclass(frozen=True, slots=True)
class Aim:
    """For whom one wrap of a deposit was."""

    terminal: KeyId
    kid: PrekeyId


@dataclass(frozen=True, slots=True)
class Deposit:
    """What a sender remembers of its latest sealing of a record."""

    id: MessageId
    body: Digest  # H(body ciphertext)
    aims: Mapping[Mailbox, Aim]


def make_nack(
    envelope: Envelope,
    reason: Gone,
    *,
    gone: Container[PrekeyId],
    key: SigningKey,
    realm: Realm,
) -> SignedNack:
    """Return a nack for the one wrap of a split envelope.

    Args:
        envelope: as it came, with our wrap only.
        reason: why the prekey is gone.
        gone: prekey ids that were this terminal's own and are no longer usable.
        key: the terminal's identity key.
        realm: of the root document.

    Raises:
        ValueError: the prekey is alive or never was ours, a caller's bug: open the
            envelope, or refuse it.
    """
    (wrap,) = envelope.wraps
    if wrap.kid not in gone:
        raise ValueError("a nack is for an own prekey that is gone")
    document = encode(
        Nack(
            v=1,
            id=envelope.id,
            body=H(envelope.body),
            mailbox=wrap.mailbox,
            kid=wrap.kid,
            reason=reason,
        )
    )
    signature = key.sign(Usage.NACK, document, realm=realm)
    return SignedNack(document, signature, wrap.mailbox)


def check_nack(came: SignedNack, deposit: Deposit, view: DirectoryView) -> Nack:
    """Return the nack if it is the addressee's word about this very deposit.

    Raises:
        BindingError: no wrap of the deposit was for that mailbox, or the nack names
            another message, body, mailbox or prekey (B22).
        VerificationError: the terminal is not current, or did not sign this.
        MalformedError: signed, and not a nack.
    """
    aim = deposit.aims.get(came.mailbox)
    if aim is None:
        raise BindingError("B22")
    terminal = view.terminal(aim.terminal)
    if terminal is None or terminal.ended is not None:
        raise VerificationError("a nack of a terminal that is not current")
    if not any(_signed(came, key, view) for key in _keys(terminal, view)):
        raise VerificationError("a signature does not hold")
    nack = decode(came.document, Nack)
    if (nack.id, nack.body, nack.mailbox, nack.kid) != (
        deposit.id,
        deposit.body,
        came.mailbox,
        aim.kid,
    ):
        raise BindingError("B22")
    return nack


def _keys(terminal: Terminal, view: DirectoryView) -> Iterator[VerifyKey]:
    """Yield the terminal's key, and those that were rotated into it.

    A nack may be older than the rotation: it gets the terminal its record once more,
    under the keys of today, and nothing else.
    """
    yield terminal.key
    for key_id in terminal.lineage:
        former = view.terminal(key_id)
        if former and former.ended and former.ended.reason == "rotated":
            yield former.key


def _signed(came: SignedNack, key: VerifyKey, view: DirectoryView) -> bool:
    try:
        key.verify(came.signature, Usage.NACK, came.document, view.realm)
    except SignatureError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Reseals:
    """The prekeys that one record was sealed to for one terminal, first to last."""

    kids: tuple[PrekeyId, ...]

    def again(self, kid: PrekeyId) -> "Reseals":
        """Return the list with one more reseal, to ``kid``.

        Raises:
            BindingError: that prekey was used before (B22): the relay hands out
                one key twice.
            BusyError: MAX_RESEALS reseals were made: tell a person.
        """
        if kid in self.kids:
            raise BindingError("B22")
        if len(self.kids) > MAX_RESEALS:
            raise BusyError
        return Reseals((*self.kids, kid))
