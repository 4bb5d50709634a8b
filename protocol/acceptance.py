"""Is it allowed: the receiver's policy over a record that is known to be genuine.

Every failure here is a :exc:`PolicyError` with a reason code, never an error of
verification: the record counts as received and its sender is told why.  The order
of the checks is the specification's (record-and-envelope.md, section 7), so that
two receivers give one reason.

What may be shown to one member is asked again, with the member's own clearance,
when it is shown.
"""

from collections.abc import Callable
from dataclasses import dataclass

from crypto.types import Digest
from protocol.bodies import CableBody, IncidentBody, StandingReleaseBody
from protocol.codec import Message, decode
from protocol.directory_view import DirectoryView, Member, Terminal
from protocol.errors import MalformedError, PolicyError, Reason
from protocol.genuine import Genuine
from protocol.limits import MAX_RECORD
from protocol.record import Record, Role
from protocol.record_type import Hand, RecordType, TypeRule, rule_of


@dataclass(frozen=True, slots=True)
class StandingRelease:
    """A standing release that was admitted before, with the post that signed it."""

    post: str
    body: StandingReleaseBody


# H(record) -> the standing release that was admitted under that name, if any.
Standing = Callable[[Digest], StandingRelease | None]


def accept(
    found: Genuine, own: Terminal, view: DirectoryView, standing: Standing
) -> Message:
    """Return the parsed body of a record that may be received.

    Raises:
        PolicyError: with the first reason that applies.
    """
    record = found.record
    rule = rule_of(record.type)
    if rule is None:
        raise PolicyError(Reason.TYPE_UNKNOWN)
    _check_shape(record, rule)
    try:
        body = decode(record.body, rule.body, limit=MAX_RECORD)
    except MalformedError:
        raise PolicyError(Reason.INCONSISTENT) from None
    return body
