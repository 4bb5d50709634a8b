"""The record: what people write, sign, receive, receipt and archive.

A record never changes.  ``H(record)`` over the bytes that travelled is its name in
receipts, streams, references and evidence, whatever number of times it is sealed
(:mod:`protocol.slip`).  Its signature of release covers every byte here, so the
addressees (B1), the signing member (B7) and the attachments (B17) are inside::

    record = CBOR{v, type, id, from, by, drafter, to, label, ts, ref, serial,
                  body, atts, rcpts, expires}

``type`` is a bare number here: a type that this version does not know is refused
by :mod:`protocol.admit` and still counts as received, while a record that does not
parse cannot even be named.  The body is bytes, of the type that
:mod:`protocol.record_type` names.  Source: docs/spec/record-and-envelope.md.
"""

import enum
from typing import Annotated, Final, NamedTuple

from msgspec import Meta

from protocol.codec import Message
from protocol.fields import (
    V1,
    Bytes32,
    DigestField,
    KeyIdField,
    MessageIdField,
    Name,
    PostId,
    Time,
    UInt8,
    UInt32,
    UInt48,
)
from protocol.label import Label, Precedence
from protocol.limits import (
    MAX_ADDRESSEES,
    MAX_ATTACHMENTS,
    MAX_RECEIPTS,
    MAX_RECORD,
)
from protocol.receipt import Statement

ARCHIVE: Final = "archive"  # the post id that stands for the root's archive keys


class Role(enum.IntEnum):
    """What an addressee is asked: to act, or to be aware."""

    ACTION = 0
    INFO = 1


class Addressee(Message):
    """One post that the record is meant for."""

    post: PostId
    role: Role
    precedence: Precedence
    collective: PostId | None = None  # the collective address it was expanded from


class Serial(NamedTuple):
    """Number of the record at its post: a gap is visible to every reader."""

    terminal: UInt8  # the terminal's number within the post
    year: Annotated[int, Meta(ge=2000, le=9999)]
    counter: UInt32  # from 1, per terminal and year


class Attachment(Message):
    """One file, stored as a blob under its own key (docs/spec/attachments.md)."""

    blob: DigestField  # SHA-256 of the ciphertext
    key: Bytes32
    length: UInt48  # bytes of plaintext, before padding
    digest: DigestField  # SHA-256 of the plaintext
    media: Annotated[str, Meta(pattern=r"\A[a-z0-9.+-]{1,63}/[a-z0-9.+-]{1,63}\Z")]
    name: Name
    label: Label | None = None  # absent: the record's


class Record(Message):
    """The signed document; ``sender`` is the specification's ``from``."""

    v: V1
    type: UInt8  # protocol.record_type.RecordType
    id: MessageIdField
    sender: PostId
    by: Annotated[tuple[KeyIdField, ...], Meta(max_length=1)] = ()  # signing member
    drafter: KeyIdField | None = None  # a member; a field without a signature
    to: Annotated[tuple[Addressee, ...], Meta(min_length=1, max_length=MAX_ADDRESSEES)]
    label: Label | None = None  # absent on machine records only
    ts: Time  # the sender's wall clock: shown, never decided on
    ref: DigestField | None = None  # H(record) that this one answers or rests on
    serial: Serial
    body: Annotated[bytes, Meta(min_length=1, max_length=MAX_RECORD)]
    atts: Annotated[tuple[Attachment, ...], Meta(max_length=MAX_ATTACHMENTS)] = ()
    rcpts: Annotated[tuple[Statement, ...], Meta(max_length=MAX_RECEIPTS)] = ()
    expires: Time | None = None  # after this it is delivered and shown as expired

    @property
    def precedence(self) -> Precedence:
        """The most urgent one that an addressee has."""
        return max(addressee.precedence for addressee in self.to)
