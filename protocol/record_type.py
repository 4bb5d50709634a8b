"""Which body a record type has, and what the receiver demands of such a record.

One row per type; the specification prints the table and a test compares the two.
A type that is not here is refused and still counts as received.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from protocol.bodies import (
    ApprovalBody,
    CableBody,
    CaseBody,
    ConsentAnswerBody,
    ConsentRequestBody,
    CopyBody,
    DraftBody,
    IncidentBody,
    ProposalBody,
    RefusalBody,
    RegradeBody,
    ReleaseBody,
    ReviewBody,
    StandingReleaseBody,
    WithdrawalBody,
)
from protocol.codec import Message
from protocol.machine_bodies import (
    AlarmBody,
    HeartbeatBody,
    ReceiptBody,
    ResendBody,
    ViewAnswerBody,
    ViewQuestionBody,
)


class RecordType(enum.IntEnum):
    """Wire numbers.  A number is never reused."""

    CABLE = 1
    INCIDENT = 2
    WITHDRAWAL = 3
    REGRADE = 4
    STANDING_RELEASE = 5
    REVIEW = 6
    DRAFT = 7
    RELEASE = 8
    REFUSAL = 9
    CONSENT_REQUEST = 10
    CONSENT_ANSWER = 11
    PROPOSAL = 12
    APPROVAL = 13
    CASE = 14
    COPY = 15
    RECEIPT = 64
    HEARTBEAT = 65
    RESEND = 66
    ALARM = 67
    VIEW_QUESTION = 68
    VIEW_ANSWER = 69


class Hand(enum.Enum):
    """Whose signature stands beside the terminal's."""

    MACHINE = "none"  # `by` is empty
    MEMBER = "a member"  # any current member of the post
    RELEASER = "a releaser"  # a member whom the policy lets release this label
    EITHER = "none or a member"  # receipts: a member's for read and acknowledged


@dataclass(frozen=True, slots=True)
class TypeRule:
    """What holds for every record of one type."""

    body: type[Message]
    hand: Hand
    labelled: bool  # carries a label: what people write does, machines quote nothing
    receipted: bool  # answered by *delivered*; otherwise kept until a heartbeat
    own_post: bool = False  # only between terminals of one post


def _people(
    body: type[Message], hand: Hand = Hand.MEMBER, *, own_post: bool = False
) -> TypeRule:
    return TypeRule(body, hand, labelled=True, receipted=True, own_post=own_post)


def _machine(
    body: type[Message], hand: Hand = Hand.MACHINE, *, receipted: bool = False
) -> TypeRule:
    return TypeRule(body, hand, labelled=False, receipted=receipted)


RULES: Final[Mapping[RecordType, TypeRule]] = MappingProxyType(
    {
        RecordType.CABLE: _people(CableBody, Hand.RELEASER),
        RecordType.INCIDENT: _people(IncidentBody, Hand.RELEASER),
        RecordType.WITHDRAWAL: _people(WithdrawalBody, Hand.RELEASER),
        RecordType.REGRADE: _people(RegradeBody, Hand.RELEASER),
        RecordType.STANDING_RELEASE: _people(StandingReleaseBody, Hand.RELEASER),
        RecordType.REVIEW: _people(ReviewBody, Hand.RELEASER),
        RecordType.DRAFT: _people(DraftBody, own_post=True),
        RecordType.RELEASE: _people(ReleaseBody, own_post=True),
        RecordType.REFUSAL: _people(RefusalBody),
        RecordType.CONSENT_REQUEST: _people(ConsentRequestBody),
        RecordType.CONSENT_ANSWER: _people(ConsentAnswerBody, Hand.RELEASER),
        RecordType.PROPOSAL: _people(ProposalBody),
        RecordType.APPROVAL: _people(ApprovalBody),
        RecordType.CASE: _people(CaseBody, own_post=True),
        RecordType.COPY: _people(CopyBody),
        RecordType.RECEIPT: _machine(ReceiptBody, Hand.EITHER),
        RecordType.HEARTBEAT: _machine(HeartbeatBody),
        RecordType.RESEND: _machine(ResendBody),
        RecordType.ALARM: _machine(AlarmBody, receipted=True),
        RecordType.VIEW_QUESTION: _machine(ViewQuestionBody, receipted=True),
        RecordType.VIEW_ANSWER: _machine(ViewAnswerBody, receipted=True),
    }
)


def rule_of(number: int) -> TypeRule | None:
    """Return the rule of a type number, or None for a type that v1 does not know."""
    return RULES.get(RecordType(number)) if number in _NUMBERS else None


_NUMBERS: Final = frozenset(RecordType)
