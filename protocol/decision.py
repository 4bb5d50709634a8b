"""May this go, may this be shown, who must sign: the policy's answers, purely.

The same rules hold at both ends and need no network: a signed directory, a signed
policy, a label.  An answer is never an exception here, but every refusal with whom
it concerns and the limit that was met, so that a person can mend all at once::

    decision = may_send(draft, own, view, now=now)
    decision.refusals       # () -- or who, which rule, up to where
    decision.terminals      # those to seal to

:mod:`protocol.acceptance` asks the receiver's half of the same questions about a
record that came, in the specification's order, and stops at the first.

Source: docs/spec/labels.md sections 4 and 5.
"""

import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from protocol.bodies import CableBody, IncidentBody, StandingReleaseBody
from protocol.codec import Message, decode
from protocol.directory_view import DirectoryView, Member, Terminal
from protocol.errors import Reason
from protocol.incident.taxonomy import Stage
from protocol.label import (
    CAVEATS,
    NEEDS_CLEARANCE,
    Clearance,
    Label,
    Level,
    dominates,
    flaws,
    has_ended,
    refusals,
)
from protocol.limits import MAX_RECORD
from protocol.policy import Policy, least_level, rule_for
from protocol.record import ARCHIVE, Addressee, Record, Role
from protocol.record_type import RULES, Hand, RecordType


@dataclass(frozen=True, slots=True)
class Refusal:
    """One rule that says no."""

    reason: Reason
    post: str | None = None  # whom it concerns; None: the message as a whole
    limit: Level | None = None  # up to where it would be allowed
    missing: tuple[str, ...] = ()  # caveats or schemes that are not held
    item: int | None = None  # paragraph or attachment, from 1


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be sent, before it is a record."""

    type: RecordType
    body: Message = field(repr=False)
    to: tuple[Addressee, ...]
    label: Label | None = None
    attachments: tuple[Label | None, ...] = ()  # their own labels; None: the draft's


def draft_of(record: Record) -> Draft:
    """Return a record that this terminal composed as a draft.

    Raises:
        MalformedError: its body is not its type's: a caller's bug.
    """
    kind = RecordType(record.type)
    return Draft(
        kind,
        decode(record.body, RULES[kind].body, limit=MAX_RECORD),
        record.to,
        record.label,
        tuple(attachment.label for attachment in record.atts),
    )


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer: with no refusal it may go, to exactly these terminals."""

    refusals: tuple[Refusal, ...]
    terminals: tuple[Terminal, ...]
    left_out: tuple[Terminal, ...]  # of a post that another terminal receives for
    notices: tuple[Refusal, ...] = ()  # to be said beside it; they stop nothing


class Release(enum.Enum):
    """Whose signature a record needs beside its terminal's."""

    NOBODY = "nobody"
    MEMBER = "a member"
    SECOND = "a releaser who is not the drafter"


# --- sending


def may_send(
    draft: Draft,
    own: Terminal,
    view: DirectoryView,
    *,
    now: int,
    archive: bool = False,
) -> Decision:
    """Return whether ``own`` may send ``draft``, and to which terminals.

    Args:
        draft: type, content, addressees, label.
        own: the sending terminal, with its effective clearance.
        view: directory and policy.
        now: POSIX seconds, for labels that have ended.
        archive: whether the root document lists an archive key.
    """
    found = [
        *about_shape(draft, own.post),
        *about_label(draft.label, view.policy),
        *about_parts(draft),
    ]
    if draft.label is not None:
        if archive and not _archived(draft, draft.label, view.policy):
            found.append(Refusal(Reason.ARCHIVE_MISSING))
        # The originator need not be on its own list of posts.
        found += [
            refusal
            for refusal in unread(own.clearance, own.post, draft.label)
            if refusal.reason is not Reason.NOT_RELEASABLE
        ]
    terminals: list[Terminal] = []
    left_out: list[Terminal] = []
    for addressee in draft.to:
        if addressee.post != ARCHIVE:
            fit, unfit, refused = _terminals(addressee.post, draft.label, own, view)
            terminals += fit
            left_out += unfit
            found += refused
    # What has ended is still handled by its label; its releaser should review it.
    ended = draft.label is not None and has_ended(draft.label, now)
    notices = (Refusal(Reason.LABEL_EXPIRED),) if ended else ()
    return Decision(tuple(found), tuple(terminals), tuple(left_out), notices)


def about_shape(draft: Draft, sender: str) -> Iterator[Refusal]:
    """Yield what the type and the list of addressees have against a draft."""
    rule, posts = RULES[draft.type], [to.post for to in draft.to]
    if (draft.label is not None) != rule.labelled:
        yield Refusal(Reason.LABEL_INCOMPLETE)
    if len(set(posts)) != len(posts) or (rule.own_post and posts != [sender]):
        yield Refusal(Reason.INCONSISTENT)
    if info_above_action(draft.to):
        yield Refusal(Reason.INFO_ABOVE_ACTION)


def about_label(label: Label | None, policy: Policy) -> Iterator[Refusal]:
    """Yield what is wrong with a label under a policy, whoever is addressed."""
    if label is None:
        return
    for reason in flaws(label):
        yield Refusal(reason)
    if label.level > policy.ceiling:
        yield Refusal(Reason.LEVEL_ABOVE_CEILING, limit=policy.ceiling)
    least = least_level(policy, label)
    if least > label.level:
        yield Refusal(Reason.FOREIGN_ABOVE_LABEL, limit=least)


def about_parts(draft: Draft) -> Iterator[Refusal]:
    """Yield the parts that the label of the whole does not cover, and their faults."""
    body, label = draft.body, draft.label
    niact = body.niact if isinstance(body, CableBody | IncidentBody) else None
    if niact is not None and not niact.strip():
        yield Refusal(Reason.NIACT_WITHOUT_REASON)
    if isinstance(body, StandingReleaseBody) and (
        body.stage != Stage.ALERT or body.start >= body.until
    ):
        yield Refusal(Reason.INCONSISTENT)
    if label is None:
        return
    for item in above(label, body):
        yield Refusal(Reason.PORTION_ABOVE_LABEL, limit=label.level, item=item)
    for item in uncovered(label, draft.attachments):
        yield Refusal(Reason.ATTACHMENT_ABOVE_LABEL, limit=label.level, item=item)


def above(label: Label, body: Message) -> tuple[int, ...]:
    """Return the paragraphs, from 1, that are marked above the label."""
    paragraphs = body.paragraphs if isinstance(body, CableBody) else ()
    return tuple(
        number
        for number, paragraph in enumerate(paragraphs, 1)
        if paragraph.mark is not None and paragraph.mark > label.level
    )


def uncovered(label: Label, attachments: Iterable[Label | None]) -> tuple[int, ...]:
    """Return the attachments, from 1, whose own label the record's does not cover.

    Who may read the record gets the attachment's key with it.
    """
    return tuple(
        number
        for number, own in enumerate(attachments, 1)
        if own is not None and (flaws(own) or not dominates(label, own))
    )


def info_above_action(to: Iterable[Addressee]) -> bool:
    """Tell whether somebody kept aware is hurried more than those who are tasked."""
    action, info = (
        [addressee.precedence for addressee in to if addressee.role is role]
        for role in (Role.ACTION, Role.INFO)
    )
    return bool(action and info and max(info) > max(action))


def unread(clearance: Clearance, post: str, label: Label) -> tuple[Refusal, ...]:
    """Return why a clearance does not read a label, with the limit of each rule."""
    schemes = {marked.scheme for marked in label.foreign} - {*clearance.schemes}
    caveats = NEEDS_CLEARANCE.intersection(label.caveats) - {*clearance.caveats}
    detail = {
        Reason.LEVEL_ABOVE_CLEARANCE: (clearance.level, ()),
        Reason.CAVEAT_NOT_HELD: (None, tuple(CAVEATS[c] for c in sorted(caveats))),
        Reason.SCHEME_NOT_HELD: (None, tuple(sorted(schemes))),
        Reason.NOT_RELEASABLE: (None, ()),
    }
    return tuple(
        Refusal(reason, post, *detail[reason])
        for reason in refusals(clearance, post, label)
    )


def _terminals(
    post: str, label: Label | None, own: Terminal, view: DirectoryView
) -> tuple[list[Terminal], list[Terminal], tuple[Refusal, ...]]:
    """Return the post's terminals that may have it, those that may not, and why.

    A post receives if one of its terminals may; the others are left out.
    """
    entry = view.post(post)
    if entry is not None and not entry.active:
        return [], [], (Refusal(Reason.RESTRICTED, post),)
    others = [t for t in view.terminals(post) if t.key_id != own.key_id]
    if not others:
        return [], [], (Refusal(Reason.NOT_ACTIVE, post),)
    if label is None:
        return others, [], ()
    why = {t.key_id: unread(t.clearance, post, label) for t in others}
    fit = [terminal for terminal in others if not why[terminal.key_id]]
    unfit = [terminal for terminal in others if why[terminal.key_id]]
    if fit:
        return fit, unfit, ()
    # The nearest miss says what would help: fewest rules, then the highest level.
    nearest = min(unfit, key=lambda t: (len(why[t.key_id]), -t.clearance.level))
    return [], [], why[nearest.key_id]


def _archived(draft: Draft, label: Label, policy: Policy) -> bool:
    asked = rule_for(policy, label.level).archive
    return not asked or any(to.post == ARCHIVE for to in draft.to)


# --- showing


def may_show(
    member: Member, label: Label | None, policy: Policy, *, now: int
) -> tuple[Refusal, ...]:
    """Return why ``member`` may not be shown what bears ``label``; empty: show it.

    Asked each time that something is shown, printed or exported, with the member's
    clearance of that moment.
    """
    found = []
    if member.ended is not None or now >= member.valid_until:
        found.append(Refusal(Reason.MEMBER_NOT_ACTIVE, member.post))
    if label is None:
        return tuple(found)
    if label.level > policy.ceiling:
        found.append(Refusal(Reason.LEVEL_ABOVE_CEILING, limit=policy.ceiling))
    return (*found, *unread(member.clearance, member.post, label))


# --- releasing


def release_needed(policy: Policy, type_: RecordType, level: Level | None) -> Release:
    """Return whose signature a record of this type and level needs.

    Receipts need a member for what only a person can say; here they need nobody.
    """
    hand = RULES[type_].hand
    if hand is Hand.MACHINE or hand is Hand.EITHER:
        return Release.NOBODY
    if hand is Hand.MEMBER or level is None:
        return Release.MEMBER
    return Release.SECOND if rule_for(policy, level).second_member else Release.MEMBER


def may_sign(
    member: Member,
    *,
    drafter: Member | None,
    type_: RecordType,
    level: Level | None,
    policy: Policy,
) -> bool:
    """Tell whether ``member`` is one whose signature the policy asks for.

    Where a second member is needed, that is one who holds the release of the level
    and is another person than the drafter, under whatever key; the drafter is then
    named.
    """
    if level is None or release_needed(policy, type_, level) is not Release.SECOND:
        return True
    other = drafter is not None and drafter.person != member.person
    return other and member.may_release >= level


def covers(
    standing: StandingReleaseBody,
    stage: int,
    label: Label,
    policy: Policy,
    *,
    written: int,
) -> bool:
    """Tell whether a standing release lets a report go with its drafter alone.

    Alerts only, up to its own level and the policy's, written while it stood.
    """
    return (
        stage == standing.stage == Stage.ALERT
        and label.level <= min(standing.highest, policy.standing)
        and standing.start <= written < standing.until
    )
