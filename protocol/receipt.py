"""Receipts: signed statements about a record, carried in the next one.

A statement counts only under the key that its kind needs (B21): *delivered* and
*refused* under the terminal's, *read* and *acknowledged* under a member's.  The
terminal key has signed every slip, so a terminal's statement rides on any record;
a member's needs a record that bears the member's release signature::

    statement = CBOR{kind, H(record), id, leaf index, time, blobs, reason}

:func:`credit` says whose word each statement of an admitted record is, and
:func:`check_receipt` whether that word is about a record that we sent and comes
from a post that we sent it to.  Source: docs/spec/receipts.md.
"""

import enum
from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Final

from msgspec import Meta

from crypto.types import Digest, KeyId, MessageId
from protocol.codec import Message
from protocol.errors import BindingError
from protocol.fields import DigestField, MessageIdField, Time, UInt48
from protocol.limits import MAX_ATTACHMENTS


class Kind(enum.IntEnum):
    """What is stated.  A number is never reused."""

    DELIVERED = 1  # durable in the terminal's vault, with these blobs verified
    READ = 2  # a member opened it
    ACKNOWLEDGED = 3  # a member answers for the action
    REFUSED = 4  # genuine, counted as received, and not shown: see ``reason``


OF_MEMBER: Final = frozenset({Kind.READ, Kind.ACKNOWLEDGED})


class Statement(Message):
    """One line of a receipt; says nothing of the record's content."""

    kind: Kind
    record: DigestField
    id: MessageIdField
    time: Time
    index: UInt48 | None = None  # of the leaf; absent: came by courier
    blobs: Annotated[tuple[DigestField, ...], Meta(max_length=MAX_ATTACHMENTS)] = ()
    reason: Annotated[str, Meta(pattern=r"\A[a-z-]{1,40}\Z")] | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """A statement with the signer whose word it is."""

    statement: Statement
    post: str
    signer: KeyId  # the member's key id where the kind needs one, else the terminal's


@dataclass(frozen=True, slots=True)
class Sent:
    """What a sender remembers of a record, to judge receipts for it."""

    record: Digest
    id: MessageId
    posts: frozenset[str]
    blobs: frozenset[Digest]


def credit(
    statements: Collection[Statement],
    *,
    post: str,
    terminal: KeyId,
    members: Collection[KeyId],
) -> tuple[tuple[Receipt, ...], int]:
    """Return the receipts that count, and how many statements do not (B21).

    Args:
        statements: of a record whose signatures verified.
        post: the record's sender.
        terminal: key id that signed the slip.
        members: key ids that signed the record; none or one.
    """
    member = next(iter(members), None)
    receipts = []
    for statement in statements:
        signer = member if statement.kind in OF_MEMBER else terminal
        if signer is not None:
            receipts.append(Receipt(statement, post, signer))
    return tuple(receipts), len(statements) - len(receipts)


def check_receipt(receipt: Receipt, sent: Sent) -> None:
    """Return if ``receipt`` is an addressee's word about ``sent``.

    Raises:
        BindingError: another record or id, a post that was no addressee, or a blob
            that the record does not have (B21).
    """
    statement = receipt.statement
    if (
        statement.record != sent.record
        or statement.id != sent.id
        or receipt.post not in sent.posts
        or not sent.blobs.issuperset(statement.blobs)
    ):
        raise BindingError("B21")


def is_complete(receipt: Receipt, sent: Sent) -> bool:
    """Return whether a *delivered* receipt lists every blob of the record.

    Until it does, the sender keeps the blobs and shows "text only".
    """
    return (
        receipt.statement.kind is Kind.DELIVERED
        and frozenset(receipt.statement.blobs) == sent.blobs
    )
