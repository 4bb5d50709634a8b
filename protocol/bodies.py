"""What people write: one body per record type, with every field it will ever have.

Unknown keys are refused in v1, so fields stand here before something uses them.
The record around a body carries sender, addressees, label, serial, reference and
attachments (:mod:`protocol.record`); a body never repeats them.  What machines say
to each other is in :mod:`protocol.machine_bodies`; which body a type has, and who
may sign it, is the table of :mod:`protocol.record_type`.

Source: docs/spec/record-and-envelope.md section 2, where a test compares the list.
"""

import enum
from typing import Annotated

from msgspec import Meta

from protocol.codec import Message
from protocol.fields import (
    Bytes16,
    DigestField,
    KeyIdField,
    Line,
    Name,
    PostId,
    SignatureField,
    Text,
    Time,
    UInt8,
    UInt32,
)
from protocol.label import Label, Level
from protocol.limits import MAX_DOCUMENT, MAX_RECORD

Stated = Annotated[str, Meta(min_length=1, max_length=1000)]  # a reason that is given
Code = Annotated[str, Meta(pattern=r"\A[A-Z0-9][A-Z0-9.-]{0,15}\Z")]  # subject code
Yes = Annotated[int, Meta(ge=1, le=1)]  # yes is 1, no is absent
MAX_CODES = 16
MAX_PARAGRAPHS = 1_000
MAX_POSTS = 1_000


class Paragraph(Message):
    """Prose with its own portion mark; absent: the record's level."""

    text: Text
    mark: Level | None = None


class CableBody(Message):
    """A formal message (codebericht)."""

    subject: Line
    codes: Annotated[tuple[Code, ...], Meta(max_length=MAX_CODES)] = ()
    deskby: Time | None = None  # to be on the desk by
    niact: Stated | None = None  # night action, and why
    paragraphs: Annotated[
        tuple[Paragraph, ...], Meta(min_length=1, max_length=MAX_PARAGRAPHS)
    ]


class IncidentBody(Message):
    """A staged incident report; ``report`` is read by protocol.incident."""

    stage: UInt8  # as the report says: 0 alert .. 4 final, 9 correction
    report: Annotated[bytes, Meta(min_length=1, max_length=MAX_RECORD)]
    deskby: Time | None = None
    niact: Stated | None = None


class WithdrawalBody(Message):
    """Shown beside the target; there is no recall."""

    target: DigestField
    reason: Stated
    instead: DigestField | None = None  # the record that replaces it


class RegradeBody(Message):
    """A new label for a record that was sent (protocol.regrade)."""

    target: DigestField
    label: Label
    prev: DigestField  # the last regrade of the target, or the target
    reason: Stated


class StandingReleaseBody(Message):
    """Lets alerts of this post go with the drafter's signature alone."""

    stage: UInt8  # the incident stage that it covers
    highest: Level
    start: Time
    until: Time


class ReviewBody(Message):
    """A releaser's word, within 24 h, on an alert under a standing release."""

    target: DigestField
    confirmed: Yes | None = None
    note: Line | None = None


class DraftBody(Message):
    """A record for release at another terminal of the same post, byte for byte."""

    record: Annotated[bytes, Meta(min_length=1, max_length=MAX_RECORD)]
    note: Line | None = None
    until: Time | None = None


class ReleaseBody(Message):
    """The release signature over a draft's record."""

    target: DigestField
    signature: SignatureField


class RefusalBody(Message):
    """A person says no: to a draft, a proposal or a request."""

    target: DigestField
    reason: Stated


class ConsentRequestBody(Message):
    """Asks the originator whether a record may be passed on (ORCON)."""

    target: DigestField
    posts: Annotated[tuple[PostId, ...], Meta(max_length=MAX_POSTS)] = ()
    outside: Line | None = None  # a party that is no post
    purpose: Stated
    answer_by: Time | None = None


class ConsentAnswerBody(Message):
    """The originator's answer; without ``granted`` it is a no."""

    request: DigestField
    granted: Yes | None = None
    posts: Annotated[tuple[PostId, ...], Meta(max_length=MAX_POSTS)] = ()
    conditions: Line | None = None
    until: Time | None = None


class Subject(enum.IntEnum):
    """What an operator's proposal would change."""

    DIRECTORY_ENTRY = 1
    ROOT_DOCUMENT = 2
    RESTRICTION = 3
    ZEROISE = 4


class ProposalBody(Message):
    """A document for other operators to sign, as the very bytes to be signed."""

    subject: Subject
    document: Annotated[bytes, Meta(min_length=1, max_length=MAX_DOCUMENT)]
    until: Time
    reason: Stated
    signer: KeyIdField | None = None  # with the proposer's own signature
    signature: SignatureField | None = None


class ApprovalBody(Message):
    """One operator's signature over a proposal's document."""

    proposal: DigestField
    document: DigestField  # H of the bytes that were signed
    signer: KeyIdField
    signature: SignatureField


class CaseStep(enum.IntEnum):
    """What happened to a case on the board."""

    ASSIGNED = 1
    ESCALATED = 2
    NOTED = 3
    LINKED = 4
    ANSWERED = 5
    CLOSED = 6
    REOPENED = 7


class CaseBody(Message):
    """One step of a case between the terminals of a unit."""

    case: Bytes16
    step: CaseStep
    member: KeyIdField | None = None  # to whom
    records: Annotated[tuple[DigestField, ...], Meta(max_length=64)] = ()
    severity: UInt8 | None = None
    note: Text | None = None


class CopyMade(enum.IntEnum):
    """How a copy left the vault."""

    PRINTED = 1
    SAVED = 2
    EXPORTED = 3
    FORWARDED = 4
    DESTROYED = 5


class CopyBody(Message):
    """One line of the copy register, for the originator."""

    target: DigestField
    made: CopyMade
    copies: UInt32
    holder: Name
    time: Time
    note: Line | None = None
