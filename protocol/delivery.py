"""Where one record stands on its way to one terminal: the sender's machine.

::

    COMPOSED -Sealed-> SEALED -Stored-> STORED -Proven-> ACCEPTED -Delivered-> DELIVERED
             -Read-> READ -Acknowledged-> ACKNOWLEDGED           or REFUSED

The record is kept, and with it every promise, until the terminal's own receipt says
that it is there with all its attachments: what relays do in between may be lost,
repeated or denied.  A submission is idempotent by H(envelope): whoever is in doubt
deposits *the same bytes* again.  A nack asks for another seal of the same record, and
so does a terminal that the same bytes did not reach, together at most MAX_RESEALS
times; then people are told.  So they are at the deadline.

A receipt is believed when it comes, whatever came before: a terminal that has the
record proves more than a relay that says so.  An event that says nothing new changes
nothing.  ``EDGES`` is the whole truth about the states; the specification prints it.

An archive has no receipts: for it the proof of the leaf is the end.

Source: docs/spec/delivery-and-streams.md, section 1.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from crypto.types import Digest, PrekeyId
from protocol.errors import UnexpectedMessageError
from protocol.limits import MAX_RESEALS


class State(enum.IntEnum):
    """Stored in the vault.  A number is never reused; a higher one is further on."""

    COMPOSED = 1  # signed by people, not sealed or to be sealed anew
    SEALED = 2  # deposited, or to be deposited: the relay has not confirmed it
    STORED = 3  # durable at the relay
    ACCEPTED = 4  # its leaf is proven under a witnessed checkpoint
    DELIVERED = 5  # durable in the terminal's vault, by its own receipt
    READ = 6  # a member opened it
    ACKNOWLEDGED = 7  # a member answers for the action
    REFUSED = 8  # arrived, kept unread, with a reason


# --- events


@dataclass(frozen=True, slots=True)
class Sealed:
    """A seal for this terminal stands in the outbox: its envelope and prekey."""

    envelope: Digest  # H(envelope), the idempotency key
    kid: PrekeyId


@dataclass(frozen=True, slots=True)
class Stored:
    """The relay says that this envelope is durable."""

    envelope: Digest


@dataclass(frozen=True, slots=True)
class Proven:
    """The inclusion of this envelope's leaf was verified."""

    envelope: Digest


@dataclass(frozen=True, slots=True)
class Delivered:
    """The terminal's receipt; ``whole`` when it has every attachment, verified."""

    whole: bool


@dataclass(frozen=True, slots=True)
class Read:
    """A member's receipt."""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A member's receipt."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The terminal's receipt: genuine, not shown."""


@dataclass(frozen=True, slots=True)
class Nacked:
    """A genuine nack: the prekey of this wrap is gone."""

    kid: PrekeyId


@dataclass(frozen=True, slots=True)
class Missed:
    """The terminal asks for its place again: the same bytes did not reach it."""


@dataclass(frozen=True, slots=True)
class Voided:
    """The key that signed the current seal was replaced here: it is made again.

    Nothing is wrong with its prekey, so that seal is not counted, and the same epoch
    key serves again.
    """


@dataclass(frozen=True, slots=True)
class Doubt:
    """A line was cut, an answer is late, or the relay lost its memory."""

    forgotten: bool = False  # the relay is known to have lost what it stored


@dataclass(frozen=True, slots=True)
class Tick:
    """Time went by; ``now`` is POSIX seconds."""

    now: int


Event = (
    Sealed
    | Stored
    | Proven
    | Delivered
    | Read
    | Acknowledged
    | Refused
    | Nacked
    | Missed
    | Voided
    | Doubt
    | Tick
)

# --- effects


@dataclass(frozen=True, slots=True)
class Seal:
    """Seal the record for this terminal, to none of the prekeys ``avoid``."""

    avoid: tuple[PrekeyId, ...]


@dataclass(frozen=True, slots=True)
class Deposit:
    """Give these very bytes to the relay."""

    envelope: Digest


class Alarm(enum.Enum):
    """Why people are told."""

    OVERDUE = "overdue"  # no receipt by the deadline
    RESEALS_SPENT = "reseals-spent"  # its prekeys keep disappearing


@dataclass(frozen=True, slots=True)
class Raise:
    """Tell the member who sent it."""

    alarm: Alarm


@dataclass(frozen=True, slots=True)
class Release:
    """The outbox need not keep record, envelope or attachments for this terminal."""


Effect = Seal | Deposit | Raise | Release

# --- the machine

_UNCONFIRMED: Final = (State.COMPOSED, State.SEALED, State.STORED, State.ACCEPTED)
_RECEIPTS: Final[Mapping[type[Event], State]] = {
    Delivered: State.DELIVERED,
    Read: State.READ,
    Acknowledged: State.ACKNOWLEDGED,
    Refused: State.REFUSED,
}
# What each event may lead to, from each state; staying is always allowed.
EDGES: Final[Mapping[State, Mapping[type[Event], State]]] = {
    State.COMPOSED: {Sealed: State.SEALED, **_RECEIPTS},
    State.SEALED: {
        Stored: State.STORED,
        Proven: State.ACCEPTED,
        Nacked: State.COMPOSED,
        Voided: State.COMPOSED,
        **_RECEIPTS,
    },
    State.STORED: {
        Proven: State.ACCEPTED,
        Nacked: State.COMPOSED,
        Missed: State.COMPOSED,
        Voided: State.COMPOSED,
        Doubt: State.SEALED,
        **_RECEIPTS,
    },
    State.ACCEPTED: {
        Nacked: State.COMPOSED,
        Missed: State.COMPOSED,
        Voided: State.COMPOSED,
        Doubt: State.SEALED,
        **_RECEIPTS,
    },
    State.DELIVERED: {Read: State.READ, Acknowledged: State.ACKNOWLEDGED},
    State.READ: {Acknowledged: State.ACKNOWLEDGED},
    State.ACKNOWLEDGED: {},
    State.REFUSED: {},
}


@dataclass(frozen=True, slots=True)
class Delivery:
    """One record on its way to one terminal."""

    deadline: int  # POSIX seconds: a receipt is missed after it
    archive: bool = False
    state: State = State.COMPOSED
    envelope: Digest | None = None  # of the current seal
    kids: tuple[PrekeyId, ...] = ()  # of all seals, the current one last
    proven: bool = False  # the current seal's leaf is accepted
    whole: bool = False  # its attachments are there
    overdue: bool = False
    released: bool = False


Step = tuple[Delivery, tuple[Effect, ...]]


def begin(deadline: int, *, archive: bool = False) -> Step:
    """Return a record that was composed for a terminal, and the wish to seal it."""
    return Delivery(deadline, archive), (Seal(()),)


def step(delivery: Delivery, event: Event) -> Step:
    """Return what ``event`` makes of ``delivery``, and what to do about it.

    Raises:
        UnexpectedMessageError: Stored or Proven for another envelope than the
            current seal's, or Sealed when no seal was asked for; nothing changed.
    """
    match event:
        case Sealed(envelope, kid):
            if delivery.state is not State.COMPOSED or kid in delivery.kids:
                raise UnexpectedMessageError
            after = replace(
                delivery,
                state=State.SEALED,
                envelope=envelope,
                kids=(*delivery.kids, kid),
                proven=False,
            )
            return after, (Deposit(envelope),)
        case Stored(envelope) | Proven(envelope):
            if envelope != delivery.envelope:
                raise UnexpectedMessageError
            return _confirmed(delivery, event)
        case Delivered() | Read() | Acknowledged() | Refused():
            return _receipt(delivery, event)
        case Nacked() | Missed():
            return _again(delivery, event)
        case Voided():
            return _void(delivery)
        case Doubt(forgotten):
            return _doubt(delivery, forgotten=forgotten)
        case _:
            late = event.now >= delivery.deadline and delivery.state in _UNCONFIRMED
            if not late or delivery.overdue or delivery.released:
                return delivery, ()
            return replace(delivery, overdue=True), (Raise(Alarm.OVERDUE),)


def _confirmed(delivery: Delivery, event: Stored | Proven) -> Step:
    after = _moved(delivery, event)
    if isinstance(event, Proven):
        after = replace(after, proven=True)
        if after.archive:
            return _release(after)
    return after, ()


def _receipt(
    delivery: Delivery, event: Delivered | Read | Acknowledged | Refused
) -> Step:
    after = _moved(delivery, event)
    match event:
        case Delivered(whole=True):
            return _release(replace(after, whole=True))
        case Refused() if after.state is State.REFUSED:
            return _release(after)
        case _:  # a text that was read may still lack its attachments
            return after, ()


def _again(delivery: Delivery, event: Nacked | Missed) -> Step:
    if isinstance(event, Nacked) and delivery.kids[-1:] != (event.kid,):
        return delivery, ()  # of an earlier seal
    if type(event) not in EDGES[delivery.state]:
        return delivery, ()  # overtaken by a receipt, or on its way as it is
    if len(delivery.kids) > MAX_RESEALS:
        if delivery.overdue:
            return delivery, ()
        return replace(delivery, overdue=True), (Raise(Alarm.RESEALS_SPENT),)
    after = replace(_moved(delivery, event), envelope=None, proven=False)
    return after, (Seal(after.kids),)


def _void(delivery: Delivery) -> Step:
    if Voided not in EDGES[delivery.state]:
        return delivery, ()
    kids = delivery.kids[:-1]
    after = replace(_moved(delivery, Voided()), envelope=None, kids=kids, proven=False)
    return after, (Seal(kids),)


def _doubt(delivery: Delivery, *, forgotten: bool) -> Step:
    if delivery.envelope is None or delivery.released:
        return delivery, ()
    if delivery.state is State.SEALED:
        return delivery, (Deposit(delivery.envelope),)
    if not forgotten or Doubt not in EDGES[delivery.state]:
        return delivery, ()
    return _moved(delivery, Doubt(forgotten)), (Deposit(delivery.envelope),)


def _moved(delivery: Delivery, event: Event) -> Delivery:
    state = EDGES[delivery.state].get(type(event), delivery.state)
    return replace(delivery, state=state)


def _release(delivery: Delivery) -> Step:
    if delivery.released:
        return delivery, ()
    return replace(delivery, released=True), (Release(),)
