"""Is it allowed: the receiver's policy over a record that is known to be genuine.

Every failure here is a :exc:`PolicyError` with a reason code, never an error of
verification: the record counts as received and its sender is told why.  The order
of the checks is the specification's (record-and-envelope.md, section 7), so that
two receivers give one reason.

What may be shown to one member is asked again, with the member's own clearance,
when it is shown.
"""

from protocol.bodies import IncidentBody, StandingReleaseBody
from protocol.codec import Message, decode
from protocol.decision import above, covers, info_above_action, may_sign, uncovered
from protocol.directory_view import Member
from protocol.errors import MalformedError, PolicyError, Reason, StrangerError
from protocol.genuine import Genuine
from protocol.label import Label, flaws, refusals
from protocol.limits import MAX_RECORD
from protocol.policy import Policy, least_level, rule_for
from protocol.receiver import Receiver
from protocol.record import ARCHIVE, Record
from protocol.record_type import Hand, RecordType, TypeRule, rule_of


def accept(found: Genuine, receiver: Receiver) -> Message:
    """Return the parsed body of a record that may be received.

    Raises:
        PolicyError: with the first reason that applies.
        StrangerError: the drafter may stand in the part of the key log that we lack.
    """
    record, policy = found.record, receiver.view.policy
    rule = rule_of(record.type)
    if rule is None:
        raise PolicyError(Reason.TYPE_UNKNOWN)
    _check_shape(record, rule)
    body = _body(record, rule)
    drafter = _drafter(found, receiver)
    _check_hand(found, body, rule, drafter, receiver)
    if info_above_action(record.to):
        raise PolicyError(Reason.INFO_ABOVE_ACTION)
    if record.label is not None:
        _check_parts(record, body, record.label)
        if record.label.level > policy.ceiling:
            raise PolicyError(Reason.LEVEL_ABOVE_CEILING)
        if record.label.level < least_level(policy, record.label):
            raise PolicyError(Reason.FOREIGN_ABOVE_LABEL)
        own = receiver.own
        _refuse_first(refusals(own.clearance, own.post, record.label))
        if receiver.archive:
            _check_archive(record, record.label, policy)
    return body


def _refuse_first(reasons: tuple[Reason, ...]) -> None:
    if reasons:
        raise PolicyError(reasons[0])


def _check_shape(record: Record, rule: TypeRule) -> None:
    """Compare the record with what its type demands, and with itself."""
    if (record.label is not None) != rule.labelled:
        raise PolicyError(Reason.LABEL_INCOMPLETE)
    if record.label is not None:
        _refuse_first(flaws(record.label))
    posts = [addressee.post for addressee in record.to]
    if len(set(posts)) != len(posts):
        raise PolicyError(Reason.INCONSISTENT)
    if rule.own_post and posts != [record.sender]:
        raise PolicyError(Reason.INCONSISTENT)


def _body(record: Record, rule: TypeRule) -> Message:
    try:
        return decode(record.body, rule.body, limit=MAX_RECORD)
    except MalformedError:
        raise PolicyError(Reason.INCONSISTENT) from None


def _drafter(found: Genuine, receiver: Receiver) -> Member | None:
    """Return the member that the record names as its drafter (REC-8).

    A name from nowhere would make one person two: one who releases, and one who is
    "another".  A drafter whose key has ended since is still a name of the post's.
    """
    named = found.record.drafter
    if named is None:
        return None
    drafter = receiver.view.member(named)
    if drafter is None and found.slip.dir.key_size > receiver.view.key_log[0]:
        raise StrangerError("a drafter who may be news")
    if drafter is None or drafter.post != found.record.sender:
        raise PolicyError(Reason.RELEASE_NOT_PERMITTED)
    return drafter


def _check_hand(
    found: Genuine,
    body: Message,
    rule: TypeRule,
    drafter: Member | None,
    receiver: Receiver,
) -> None:
    """Check whose signature stands beside the terminal's (the right part of B7)."""
    member = found.member
    if rule.hand is Hand.EITHER:
        return
    if rule.hand is Hand.MACHINE:
        if member is not None:
            raise PolicyError(Reason.INCONSISTENT)
        return
    if member is None:
        raise PolicyError(Reason.RELEASE_MISSING)
    if rule.hand is Hand.RELEASER and not (
        may_release(found.record, body, (member, drafter), receiver.view.policy)
        or _stands(found.record, body, receiver)
    ):
        raise PolicyError(Reason.RELEASE_NOT_PERMITTED)


def may_release(
    record: Record,
    body: Message,
    hands: tuple[Member, Member | None],
    policy: Policy,
) -> bool:
    """Tell whether the first of ``hands`` may sign what the second drafted.

    A standing release is signed for the level that it lets go, whatever its own
    label says: else anybody could write one that lets them go alone.
    """
    levels = [] if record.label is None else [record.label.level]
    if isinstance(body, StandingReleaseBody):
        levels.append(body.highest)
    member, drafter = hands
    return may_sign(
        member,
        drafter=drafter,
        type_=RecordType(record.type),
        level=max(levels, default=None),
        policy=policy,
    )


def _stands(record: Record, body: Message, receiver: Receiver) -> bool:
    """Tell whether a standing release of the post covers this alert.

    The sender's clock decides here, and only here: an alert that was days on its
    way is still covered, and a releaser reviews each one.
    """
    if not isinstance(body, IncidentBody) or record.ref is None or not record.label:
        return False
    standing = receiver.standing(record.ref)
    return (
        standing is not None
        and standing.post == record.sender
        and covers(
            standing.body,
            body.stage,
            record.label,
            receiver.view.policy,
            written=record.ts,
        )
    )


def _check_parts(record: Record, body: Message, label: Label) -> None:
    """Compare what has a mark or label of its own with the label of the whole."""
    if above(label, body):
        raise PolicyError(Reason.PORTION_ABOVE_LABEL)
    if uncovered(label, [attachment.label for attachment in record.atts]):
        raise PolicyError(Reason.ATTACHMENT_ABOVE_LABEL)


def _check_archive(record: Record, label: Label, policy: Policy) -> None:
    if rule_for(policy, label.level).archive and all(
        addressee.post != ARCHIVE for addressee in record.to
    ):
        raise PolicyError(Reason.ARCHIVE_MISSING)
