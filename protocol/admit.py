"""What a receiver believes: one ordered list of checks over opened bytes.

``crypto.envelope`` has opened a wrap and a body and proven nothing but that
somebody had our prekey.  :func:`admit` takes those bytes and goes through the
specification's list (docs/spec/record-and-envelope.md section 7), stopping at the
first failure.  Signatures are verified over the raw bytes with keys from our own
directory before a byte of record or slip is parsed (:mod:`protocol.genuine`).

The outcome is one of three, or an error:

* :class:`Admitted` -- genuine and allowed: show it.
* :class:`Refused` -- genuine, not allowed: it counts as received, is kept unread
  and is answered with the reason, so that it blocks nothing behind it.
* :class:`Held` -- genuine, under a key that has ended, and not shown to be from
  before: kept as evidence, moves no stream; ask again with a proof of its leaf.
* an error -- not genuine: nothing in it is known to be anyone's.

Whether the record is already in the vault (B3) and where it stands in its stream
(B13) is asked of the outcome's ``name`` and ``place`` by :mod:`protocol.streams`.
"""

import enum
from dataclasses import dataclass
from typing import Final

from protocol.acceptance import accept
from protocol.codec import Message
from protocol.directory_view import Ended
from protocol.errors import PolicyError, Reason
from protocol.genuine import Genuine, Proven, Unsealed, genuine, prove
from protocol.receipt import Receipt, credit
from protocol.receiver import LogRoots, Receiver
from protocol.slip import Heads

# Seconds for which a current terminal may still bring what its member signed with a
# key that was rotated since: as long as an outbox waits.
VOUCHED: Final = 30 * 86_400


class ViewCheck(enum.Enum):
    """How the sender's logs compare with ours (B19)."""

    AGREES = "agrees"
    UNKNOWN = "unknown"  # a size that we cannot compare: ask for a consistency proof
    DIFFERS = "differs"  # the question of a split view: the sender must answer


@dataclass(frozen=True, slots=True)
class Admitted:
    """Genuine and allowed."""

    genuine: Genuine
    body: Message
    receipts: tuple[Receipt, ...]
    void_statements: int  # statements without the signature that their kind needs
    view: ViewCheck


@dataclass(frozen=True, slots=True)
class Refused:
    """Genuine and not allowed; counts as received and is answered with ``reason``."""

    genuine: Genuine
    reason: Reason
    view: ViewCheck


@dataclass(frozen=True, slots=True)
class Held:
    """Genuine, under a key that has ended; evidence until its leaf proves more."""

    genuine: Genuine
    ended: Ended
    view: ViewCheck
    unsealed: Unsealed  # to be judged again


Outcome = Admitted | Refused | Held


def admit(
    unsealed: Unsealed, receiver: Receiver, *, witnessed: int | None = None
) -> Outcome:
    """Return what the opened bytes are worth to ``receiver``.

    Args:
        unsealed: what the wrap and the body of one envelope held.
        receiver: our terminal, our directory, our logs, our time.
        witnessed: POSIX seconds of the earliest witnessed checkpoint that is shown
            to include this envelope's leaf; None without such a proof.

    Raises:
        MalformedError: not the one encoding of the inner parts, record or slip.
        VerificationError: a signature, or a key that the directory does not have
            (of a drafter too, while the sender saw more of the key log than we).
        BindingError: genuine parts that are not of each other, or not for us.
        ExpiredError: the sender's terminal is not usable yet.
    """
    return weigh(prove(unsealed, receiver.view), receiver, witnessed=witnessed)


def weigh(
    proven: Proven, receiver: Receiver, *, witnessed: int | None = None
) -> Outcome:
    """Return the outcome for parts whose signatures hold: the rest of :func:`admit`.

    Raises:
        MalformedError, BindingError, ExpiredError, StrangerError: as :func:`admit`.
    """
    found = genuine(proven, receiver.own, now=receiver.now)
    view = compare(found.slip.dir, receiver.logs)
    ended = found.ended
    before = ended is None or _from_before(ended, witnessed)
    if ended is not None and not before and not _vouched(found, receiver):
        return Held(found, ended, view, proven.unsealed)
    try:
        body = accept(found, receiver)
    except PolicyError as error:
        return Refused(found, error.reason, view)
    receipts, void = credit(
        found.record.rcpts,
        post=found.record.sender,
        terminal=found.terminal.key_id,
        members=found.record.by,
    )
    return Admitted(found, body, receipts, void, view)


def compare(heads: Heads, logs: LogRoots) -> ViewCheck:
    """Return how the heads that the sender saw compare with our logs (B19)."""
    pairs = (
        (logs.key_root(heads.key_size), heads.key_root),
        (logs.message_root(heads.message_size), heads.message_root),
    )
    if any(ours is not None and ours != theirs for ours, theirs in pairs):
        return ViewCheck.DIFFERS
    if any(ours is None for ours, _ in pairs):
        return ViewCheck.UNKNOWN
    return ViewCheck.AGREES


def _vouched(found: Genuine, receiver: Receiver) -> bool:
    """Tell whether a current terminal vouches for a member's rotated key (TIME-11).

    What waits in an outbox was signed before the rotation and cannot be signed again
    under its name.  The member is still one of the post, and a terminal of the post
    sealed it today: who has the old key alone gets nothing in.
    """
    member, terminal = found.member, found.terminal
    if member is None or member.ended is None or not member.lineage:
        return False
    if terminal.ended is not None or receiver.now >= terminal.valid_until:
        return False
    current = receiver.view.member(member.lineage[-1])
    return (
        member.ended.reason == "rotated"
        and current is not None
        and current.ended is None
        and receiver.now < member.ended.witnessed + VOUCHED
    )


def _from_before(ended: Ended, witnessed: int | None) -> bool:
    """Tell whether the leaf was witnessed before the key's end was."""
    return witnessed is not None and witnessed < ended.witnessed
