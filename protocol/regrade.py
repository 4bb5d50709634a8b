"""Which label holds now: the chain of regrades of one record.

A regrade names its target, a new label and what it follows: the target, or the
regrade before it.  Who holds a copy applies what has arrived, in any order::

    target  <-  Dep.V until 2030  <-  Ongerubriceerd          complete: the last one
    target  <-  (missing)         <-  Ongerubriceerd          not lowered
    target  <-  (missing)         <-  Stg.C                   raised at once
    target  <-  one, and  target  <-  another                 fork: the join of both

So nobody handles a copy below its label because a message is late, and no relay can
choose between two orders by holding one of them back.

Source: docs/spec/receipts.md section 5.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce

from crypto.types import Digest
from protocol.bodies import RegradeBody
from protocol.decision import Release, release_needed
from protocol.directory_view import Member
from protocol.errors import BindingError, PolicyError, Reason
from protocol.label import Label, join
from protocol.policy import Policy
from protocol.record import Record
from protocol.record_type import RecordType


@dataclass(frozen=True, slots=True)
class Step:
    """One regrade that was admitted and whose signer may regrade the target."""

    name: Digest  # H(record) of the regrade
    body: RegradeBody


@dataclass(frozen=True, slots=True)
class Graded:
    """The label to handle a copy by, and how sure it is."""

    label: Label
    complete: bool  # every step hangs on the target
    forked: bool  # two steps follow the same one: tell the releaser


def step(  # noqa: PLR0913 -- what was signed, by whom, of what, under which policy
    name: Digest,
    body: RegradeBody,
    member: Member,
    *,
    target: Record,
    named: Digest,
    policy: Policy,
) -> Step:
    """Return the step if ``member`` may regrade ``target``.

    Args:
        name: H(record) of the regrade.
        body: its body.
        member: who signed the regrade; current, as admission has shown.
        target: the record that is regraded.
        named: H(target).
        policy: in force.

    Raises:
        BindingError: the regrade is of another record (B5).
        PolicyError: the member neither released the target nor holds, at its post,
            the release of the higher of both levels.
    """
    if body.target != named:
        raise BindingError("B5")
    levels = [body.label.level]
    if target.label is not None:
        levels.append(target.label.level)
    holds_office = member.post == target.sender and member.may_release >= max(levels)
    if not _released(member, target, policy) and not holds_office:
        raise PolicyError(Reason.RELEASE_NOT_PERMITTED)
    return Step(name, body)


def _released(member: Member, target: Record, policy: Policy) -> bool:
    """Tell whether ``member`` released the target.

    Who sent an alert alone, under a standing release, drafted it and released
    nothing.
    """
    if member.key_id not in target.by or target.label is None:
        return False
    return target.drafter != member.key_id or (
        release_needed(policy, RecordType.REGRADE, target.label.level)
        is not Release.SECOND
    )


def current(target: Digest, label: Label, steps: Iterable[Step]) -> Graded:
    """Return the label that holds for a copy of ``target`` after ``steps``.

    Args:
        target: H(record).
        label: the record's own.
        steps: all that arrived, in any order, each once or more often.
    """
    known = {found.name: found for found in steps}
    followers = defaultdict(list)
    for found in known.values():
        followers[found.body.prev].append(found)
    reached, last = _walk(target, followers)
    loose = [found for name, found in known.items() if name not in reached]
    grades = [known[name].body.label for name in last] or [label]
    grades += [found.body.label for found in loose]
    return Graded(
        label=reduce(join, grades),
        complete=not loose,
        forked=any(len(next_) > 1 for next_ in followers.values()),
    )


def _walk(
    target: Digest, followers: dict[Digest, list[Step]]
) -> tuple[set[Digest], list[Digest]]:
    """Return the steps that hang on ``target``, and those that nothing follows."""
    reached: set[Digest] = set()
    last = []
    waiting = list(followers.get(target, ()))
    while waiting:
        found = waiting.pop()
        reached.add(found.name)
        then = followers.get(found.name, ())
        waiting.extend(then)
        if not then:
            last.append(found.name)
    return reached, last
