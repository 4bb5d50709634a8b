"""What the relay promises for one mailbox: its model, as small as it can be.

::

    mailbox, effects = step(mailbox, Submitted(key, now))       # -> Answer, Offer
    mailbox, effects = step(mailbox, Collect())                 # -> Offer ...
    mailbox, effects = step(mailbox, Confirmed((cursor,), now)) # -> nothing, or Drop

* A submission is stored once per idempotency key, H(envelope): a repeated one gets
  the same answer and nothing is delivered again because of it.
* Cursors count up by one and are never given twice.
* What is confirmed is dropped; what is not is offered again in every session, in
  the order of its lane and cursor, for ever: nothing else makes the relay drop it.
* Keys are remembered for a while after the confirmation, so that a sender whose
  answer was lost does not deliver twice.

The relay's tables do this in SQL; the simulation runs both against the same events.

Source: docs/spec/delivery-and-streams.md, section 6.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from crypto.types import Digest
from protocol.errors import BusyError

KEY_SECONDS: Final = 30 * 86_400  # an outbox waits as long for a terminal
MAX_WAITING: Final = 100_000  # quota of one mailbox: beyond it senders keep theirs


class State(enum.Enum):
    """Of one cursor."""

    ABSENT = enum.auto()  # its envelope was never stored
    WAITING = enum.auto()
    CONFIRMED = enum.auto()


@dataclass(frozen=True, slots=True)
class Submitted:
    """A sender gave an envelope with a wrap for this mailbox."""

    key: Digest  # H(envelope)
    lane: int
    now: int  # POSIX seconds


@dataclass(frozen=True, slots=True)
class Collect:
    """The terminal of this mailbox began a session."""


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The terminal has these durably, or refused them for good."""

    cursors: tuple[int, ...]
    now: int


@dataclass(frozen=True, slots=True)
class Expire:
    """Forget the keys of what was confirmed long ago."""

    now: int


Event = Submitted | Collect | Confirmed | Expire


@dataclass(frozen=True, slots=True)
class Answer:
    """Tell the sender, after the commit: stored, under this cursor."""

    key: Digest
    cursor: int


@dataclass(frozen=True, slots=True)
class Offer:
    """Deliver this envelope if the terminal is there."""

    cursor: int
    key: Digest


@dataclass(frozen=True, slots=True)
class Drop:
    """Delete this mailbox's share of the envelope."""

    cursor: int
    key: Digest


Effect = Answer | Offer | Drop

EDGES: Final[Mapping[State, Mapping[type[Event], State]]] = {
    State.ABSENT: {Submitted: State.WAITING},
    State.WAITING: {Confirmed: State.CONFIRMED},
    State.CONFIRMED: {Expire: State.ABSENT},
}


@dataclass(frozen=True, slots=True)
class Item:
    """One envelope in one mailbox."""

    key: Digest
    lane: int
    confirmed: int | None = None  # POSIX seconds


@dataclass(frozen=True, slots=True)
class Mailbox:
    """All that the relay keeps for one terminal."""

    next: int = 1  # the next cursor
    items: Mapping[int, Item] = field(default_factory=lambda: MappingProxyType({}))
    keys: Mapping[Digest, int] = field(default_factory=lambda: MappingProxyType({}))
    waiting: int = 0

    def state(self, key: Digest) -> State:
        """Return where the envelope ``key`` stands here."""
        cursor = self.keys.get(key)
        if cursor is None:
            return State.ABSENT
        confirmed = self.items[cursor].confirmed is not None
        return State.CONFIRMED if confirmed else State.WAITING


Step = tuple[Mailbox, tuple[Effect, ...]]


def step(mailbox: Mailbox, event: Event) -> Step:
    """Return what ``event`` makes of ``mailbox``, and what to do about it.

    Raises:
        BusyError: MAX_WAITING envelopes wait here; nothing changed.
    """
    match event:
        case Submitted():
            return _submitted(mailbox, event)
        case Collect():
            due = sorted(
                (item.lane, cursor, item.key)
                for cursor, item in mailbox.items.items()
                if item.confirmed is None
            )
            return mailbox, tuple(Offer(cursor, key) for _, cursor, key in due)
        case Confirmed(cursors, now):
            return _confirmed(mailbox, cursors, now)
        case _:
            return _expired(mailbox, event.now), ()


def _submitted(mailbox: Mailbox, event: Submitted) -> Step:
    cursor = mailbox.keys.get(event.key)
    if cursor is not None:
        return mailbox, (Answer(event.key, cursor),)
    if mailbox.waiting >= MAX_WAITING:
        raise BusyError
    cursor = mailbox.next
    after = replace(
        mailbox,
        next=cursor + 1,
        items=MappingProxyType({**mailbox.items, cursor: Item(event.key, event.lane)}),
        keys=MappingProxyType({**mailbox.keys, event.key: cursor}),
        waiting=mailbox.waiting + 1,
    )
    return after, (Answer(event.key, cursor), Offer(cursor, event.key))


def _confirmed(mailbox: Mailbox, cursors: tuple[int, ...], now: int) -> Step:
    items = dict(mailbox.items)
    dropped: list[Effect] = []
    for cursor in cursors:
        item = items.get(cursor)
        if item is None or item.confirmed is not None:
            continue  # again, or of another mailbox: it says nothing new
        items[cursor] = replace(item, confirmed=now)
        dropped.append(Drop(cursor, item.key))
    after = replace(
        mailbox,
        items=MappingProxyType(items),
        waiting=mailbox.waiting - len(dropped),
    )
    return after, tuple(dropped)


def _expired(mailbox: Mailbox, now: int) -> Mailbox:
    items = {
        cursor: item
        for cursor, item in mailbox.items.items()
        if item.confirmed is None or now - item.confirmed < KEY_SECONDS
    }
    keys = {key: cursor for key, cursor in mailbox.keys.items() if cursor in items}
    return replace(mailbox, items=MappingProxyType(items), keys=MappingProxyType(keys))
