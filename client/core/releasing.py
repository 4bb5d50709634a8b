"""May it be released: asked before a record is sent, as every receiver asks it.

A signature that the policy does not take is refused by every addressee; so it is
refused here first, before the record has a number and a place.  Standing releases are
no ground here: this version admits none (:meth:`client.core.inbox.Inbox.receiver`).

Source: docs/spec/labels.md, LBL-12 and LBL-15.
"""

from collections.abc import Iterator

from protocol.acceptance import may_release
from protocol.codec import Message
from protocol.decision import Refusal
from protocol.directory_view import DirectoryView
from protocol.errors import Reason
from protocol.label import Level
from protocol.record import Record
from protocol.record_type import RULES, Hand, RecordType


def unreleased(record: Record, body: Message, view: DirectoryView) -> Iterator[Refusal]:
    """Yield what is wrong with the release of a record that this terminal made.

    It concerns the message as a whole; the limit is up to where its signer releases.
    """
    if RULES[RecordType(record.type)].hand is not Hand.RELEASER:
        return
    drafter = None if record.drafter is None else view.member(record.drafter)
    for key in record.by:
        member = view.member(key)
        if member is None or may_release(record, body, (member, drafter), view.policy):
            continue  # one who is unknown is refused for that (LBL-14)
        limit = None if member.may_release < 0 else Level(member.may_release)
        yield Refusal(Reason.RELEASE_NOT_PERMITTED, limit=limit)
