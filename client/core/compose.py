"""Making a record: what a person wrote becomes the bytes that are signed.

Composing needs no relay and no fresh directory; it gives the record its number and
its place in the archive.  Sealing comes at deposit (:mod:`client.core.outbox`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from client.core.attached import Spooled
from client.core.identity import Identity
from client.core.sealing import sign_release
from crypto.digest import H
from crypto.entropy import Entropy
from crypto.types import Digest, MessageId
from protocol.codec import Message, decode, encode
from protocol.decision import info_above_action
from protocol.errors import PolicyError, Reason
from protocol.label import Label, Precedence, flaws
from protocol.limits import MAX_RECORD
from protocol.receipt import OF_MEMBER, Statement
from protocol.record import Addressee, Record, Role, Serial
from protocol.record_type import RULES, Hand, RecordType
from protocol.signed import SignatureLine

ID_BYTES = 16


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be sent, as decided by a person or by the machine itself."""

    type: RecordType
    body: Message = field(repr=False)
    to: tuple[Addressee, ...]
    label: Label | None = None
    ref: Digest | None = None
    rcpts: tuple[Statement, ...] = ()
    expires: int | None = None  # POSIX seconds: afterwards it is shown as expired
    spooled: tuple[Spooled, ...] = ()


@dataclass(frozen=True, slots=True)
class Composed:
    """A record that will not change any more."""

    name: Digest
    record: Record = field(repr=False)
    document: bytes = field(repr=False)
    release: SignatureLine | None


def action(posts: Sequence[str], precedence: Precedence) -> tuple[Addressee, ...]:
    """Return ``posts`` as action addressees of one precedence."""
    return tuple(
        Addressee(post=post, role=Role.ACTION, precedence=precedence) for post in posts
    )


def compose(
    wish: Wish, who: Identity, serial: Serial, *, now: int, entropy: Entropy
) -> Composed:
    """Return the record of ``wish``, released where its type asks a member.

    Args:
        wish: content, addressees, label.
        who: the keys that sign.
        serial: the next number of this terminal.
        now: the wall clock; shown, never decided on.
        entropy: draws the message id.

    Raises:
        PolicyError: the label lacks its end or its one form, info is above action, or
            the type needs a member and nobody is there.
        MalformedError: a text, a list or a name that no receiver would accept.
    """
    _check(wish)
    signer = who.member if _needs_member(wish) else None
    if signer is None and _needs_member(wish):
        raise PolicyError(Reason.RELEASE_MISSING)
    record = Record(
        v=1,
        type=wish.type,
        id=MessageId(entropy(ID_BYTES)),
        sender=who.post,
        by=() if signer is None else (signer.id,),
        drafter=None if signer is None else signer.id,
        to=wish.to,
        label=wish.label,
        ts=now,
        ref=wish.ref,
        serial=serial,
        body=encode(wish.body),
        atts=tuple(one.line for one in wish.spooled),
        rcpts=wish.rcpts,
        expires=wish.expires,
    )
    document = encode(record)
    # Encoding looks at no bound; whoever opens it does, and that is too late.
    decode(record.body, type(wish.body), limit=MAX_RECORD)
    decode(document, Record, limit=MAX_RECORD)
    release = None if signer is None else sign_release(document, signer, who.realm)
    return Composed(H(document), record, document, release)


def _needs_member(wish: Wish) -> bool:
    hand = RULES[wish.type].hand
    if hand is Hand.EITHER:
        return any(statement.kind in OF_MEMBER for statement in wish.rcpts)
    return hand is not Hand.MACHINE


def _check(wish: Wish) -> None:
    if wish.label is not None:
        for reason in flaws(wish.label):
            raise PolicyError(reason)
    if info_above_action(wish.to):
        raise PolicyError(Reason.INFO_ABOVE_ACTION)
