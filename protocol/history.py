"""History: a record of long ago, sent once more by whoever it was exchanged with.

A terminal that lost everything asks a post for the records that the two exchanged; a
member there agrees; a machine then sends each again, inside a record of today
(:class:`~protocol.machine_bodies.HistoryBody`), to the terminal that asked::

    record of today = {type history, from the peer, label of the old one, body}
    body            = {request, number, inner of the old sealing, H(body), tlog-proof}

What the old record proves rests on its own signatures, which are verified over the
bytes that were signed, and never on the word of whoever sends it again.  A key that
has ended since proves as much as the logs show: where the sealing was witnessed before
the end, it is as good as then; where nothing shows that, it is kept, in doubt.  A new
terminal did not see when the end came; the peer's answer brings checkpoints of the key
log from before it.

Source: docs/spec/history.md.
"""

import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from msgspec import structs

from crypto.types import Digest
from protocol.by_position import parse_inner
from protocol.codec import decode
from protocol.directory_view import DirectoryView, Ended, Member, Terminal
from protocol.errors import PolicyError, ProtocolError, Reason, StrangerError
from protocol.genuine import Attested, Genuine, bind, end_of, verify
from protocol.label import Label
from protocol.leaf import leaf_commitment, message_leaf
from protocol.limits import MAX_RECORD
from protocol.machine_bodies import HistoryBody, HistoryEndBody
from protocol.receiver import Receiver
from protocol.record import Record
from protocol.record_type import RecordType, rule_of
from protocol.root import RootDocument
from protocol.tlog_proof import verify_proof
from protocol.trusted_log import signed_checkpoint
from protocol.witness_policy import quorum_time

_OF_HISTORY: Final = frozenset(
    {RecordType.HISTORY_REQUEST, RecordType.HISTORY_ANSWER, RecordType.HISTORY}
)


class Worth(enum.Enum):
    """What the old signatures prove today."""

    CURRENT = "current"  # the keys have no end
    BEFORE = "before"  # a key has ended, and the log shows that this is older
    DOUBTED = "doubted"  # a key has ended, and nothing shows that this is older


@dataclass(frozen=True, slots=True)
class Seen:
    """The key log as it was witnessed once: so large, and not larger."""

    size: int
    witnessed: int  # POSIX seconds


@dataclass(frozen=True, slots=True)
class Resent:
    """An old record whose signatures hold."""

    name: Digest  # H(record)
    record: Record
    terminal: Terminal
    member: Member | None
    ends: tuple[Ended, ...]  # of the signing keys, those that have one
    witnessed: int | None  # POSIX seconds: in the log not later than this

    def worth(self, seen: Iterable[Seen]) -> Worth:
        """Return what the signatures prove today (TIME-8, HIST-7).

        Args:
            seen: the key log at earlier times: an end that it did not have yet came
                later.
        """
        if not self.ends:
            return Worth.CURRENT
        known = tuple(seen)
        before = all(self._before(end, known) for end in self.ends)
        return Worth.BEFORE if before else Worth.DOUBTED

    def _before(self, end: Ended, seen: Iterable[Seen]) -> bool:
        logged = self.witnessed
        if logged is None:
            return False
        if logged < end.witnessed:
            return True
        return end.index is not None and any(
            one.size <= end.index and logged <= one.witnessed for one in seen
        )


def may_be_resent(record: Record, asking: str, asked: str) -> bool:
    """Tell whether an old record is one that two posts exchanged (HIST-4)."""
    rule = rule_of(record.type)
    if rule is None or not rule.written or rule.own_post:
        return False
    if record.type in _OF_HISTORY:
        return False
    ends = {(record.sender, to.post) for to in record.to}
    return asking != asked and bool(ends & {(asking, asked), (asked, asking)})


def label_of_resent(record: Record, asking: str) -> Label | None:
    """Return the label of the record that an old one travels in (HIST-5).

    It is the old one's.  The originator need not be on its own list of posts; here it
    is an addressee, and is put on it.
    """
    label = record.label
    if label is None or label.releasable is None or record.sender != asking:
        return label
    posts = tuple(sorted({*label.releasable, asking}))
    return structs.replace(label, releasable=posts)


def resent(
    body: HistoryBody, view: DirectoryView, root: RootDocument | None, *, now: int
) -> Resent:
    """Return the old record, its signatures verified with our own directory.

    Args:
        body: as it came, or as it is about to leave.
        view: the only source of keys, current and ended.
        root: the root document in force: whose message log, whose witnesses; None:
            no proof counts.
        now: witnessed time W, POSIX seconds.

    Raises:
        MalformedError: not the one encoding of the inner parts, slip or record.
        VerificationError: an unknown signer, or a signature that does not hold.
        BindingError: parts that are not of each other.
    """
    inner = parse_inner(body.inner)
    signers = verify(inner, view)
    record = decode(inner.record, Record, limit=MAX_RECORD)
    found = bind(inner, record, signers, record.id)
    leaf = message_leaf(leaf_commitment(found.slip.r, inner.slip), body.body)
    return Resent(
        name=found.name,
        record=record,
        terminal=found.terminal,
        member=found.member,
        ends=_ends(found, now),
        witnessed=None if root is None else _logged(body.proof, leaf, root),
    )


def key_log_seen(
    note: bytes, root: RootDocument, root_at: Callable[[int], Digest | None]
) -> Seen | None:
    """Return what a checkpoint of the key log shows of an earlier time.

    None: it is not this log's, of another tree, or not of a quorum of the witnesses of
    the root document in force.

    Args:
        note: as a peer kept it.
        root: the root document in force.
        root_at: the root of our own key log at a size; None: it is not so large.
    """
    try:
        signed, checkpoint = signed_checkpoint(note, root.key_log)
        witnessed = quorum_time(root.witnesses, signed, checkpoint)
    except ProtocolError:
        return None
    if root_at(checkpoint.size) != checkpoint.root:
        return None
    return Seen(checkpoint.size, witnessed)


def check_history(
    carrier: Genuine, body: HistoryBody | HistoryEndBody, receiver: Receiver
) -> None:
    """Return if a record may bring history to us (HIST-3 to HIST-6).

    Raises:
        PolicyError: nobody here asked this post; or what is inside was not signed like
            that, was not exchanged with it, or has another label.
        StrangerError: an old signer may stand in the part of the key log we lack.
    """
    record = carrier.record
    if receiver.asked(body.request) != record.sender:
        raise PolicyError(Reason.NOT_ASKED)
    if isinstance(body, HistoryEndBody):
        return
    try:
        old = resent(body, receiver.view, receiver.root, now=receiver.now).record
    except StrangerError:
        if carrier.slip.dir.key_size > receiver.view.key_log[0]:
            raise
        raise PolicyError(Reason.HISTORY_FALSE) from None
    except ProtocolError:
        raise PolicyError(Reason.HISTORY_FALSE) from None
    post = receiver.own.post
    if not may_be_resent(old, post, record.sender):
        raise PolicyError(Reason.INCONSISTENT)
    if record.label != label_of_resent(old, post):
        raise PolicyError(Reason.INCONSISTENT)


def _ends(found: Attested, now: int) -> tuple[Ended, ...]:
    keys = (found.terminal, *(() if found.member is None else (found.member,)))
    return tuple(end for key in keys if (end := end_of(key, now)) is not None)


def _logged(proof: bytes | None, leaf: bytes, root: RootDocument) -> int | None:
    """Return when a leaf was witnessed; None where the proof shows nothing.

    Under an earlier root document's log key or witnesses it shows nothing: nobody
    here knows until when those were theirs (HIST-7).
    """
    if proof is None:
        return None
    try:
        return verify_proof(proof, leaf, root.message_log, root.witnesses).witnessed
    except ProtocolError:
        return None
