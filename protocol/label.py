"""Labels and clearances: a lattice, after VIRBI 2025 (docs/spec/labels.md).

A label says how secret, until when, and for whom; a clearance says up to where
somebody may read.  Both endpoints decide with the same pure functions, offline::

    refusals(clearance, "bern", label) == ()        # bern may have it
    dominates(high, low)                            # who may read high may read low
    join(a, b)                                      # the label of a and b together

The order of labels has four parts: the level, the caveats (more is higher), the
posts it may be released to (fewer is higher; absent means all) and the foreign
schemes it carries.  When a classification ends is no part of the order; a join ends
when the last of its parts has ended.

Source: docs/spec/labels.md; why a lattice: docs/decisions/0008-label-lattice.md.
"""

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final

from msgspec import Meta

from protocol.codec import Message
from protocol.errors import Reason
from protocol.fields import PostId, Time

MAX_EVENTS: Final = 8  # what a person can read in a banner's small print
MAX_RELEASABLE: Final = 1_000  # as many as a message may have addressees
MAX_FOREIGN: Final = 8  # markings, and schemes in a clearance


class Level(enum.IntEnum):
    """VIRBI 2025 (in force since 9 September 2025), and what is below it."""

    ONGERUBRICEERD = 0
    DEP_V = 1
    STG_C = 2
    STG_G = 3
    STG_ZG = 4


SHORT: Final[Mapping[Level, str]] = MappingProxyType(
    {
        Level.ONGERUBRICEERD: "Ongerubriceerd",
        Level.DEP_V: "Dep.V",
        Level.STG_C: "Stg.C",
        Level.STG_G: "Stg.G",
        Level.STG_ZG: "Stg.ZG",
    }
)
FULL: Final[Mapping[Level, str]] = MappingProxyType(
    {
        Level.ONGERUBRICEERD: "Ongerubriceerd",
        Level.DEP_V: "Departementaal VERTROUWELIJK",
        Level.STG_C: "Stg. CONFIDENTIEEL",
        Level.STG_G: "Stg. GEHEIM",
        Level.STG_ZG: "Stg. ZEER GEHEIM",
    }
)


class Caveat(enum.IntEnum):
    """Limits beside the level.  A number is never reused."""

    ORCON = 1  # the originator decides on passing on: an obligation, not a right
    NLD_EYES_ONLY = 2  # readers need it in their clearance


CAVEATS: Final[Mapping[Caveat, str]] = MappingProxyType(
    {Caveat.ORCON: "ORCON", Caveat.NLD_EYES_ONLY: "NLD EYES ONLY"}
)


class Precedence(enum.IntEnum):
    """How fast; the relay sees only the lane that follows from it."""

    ROUTINE = 0
    PRIORITY = 1
    IMMEDIATE = 2
    FLASH = 3

    @property
    def lane(self) -> int:
        """0 for FLASH to 3 for ROUTINE."""
        return Precedence.FLASH - self


Scheme = Annotated[str, Meta(pattern=r"\A[A-Z][A-Z0-9-]{0,15}\Z")]  # EU, NATO, ...
Caveats = Annotated[tuple[Caveat, ...], Meta(max_length=len(Caveat))]
Marking = Annotated[str, Meta(min_length=1, max_length=1000)]  # as the owner wrote it
Event = Annotated[str, Meta(min_length=1, max_length=1000)]  # what ends it, in words


class Foreign(Message):
    """A foreign marking, carried unchanged beside the national level."""

    scheme: Scheme
    marking: Marking


class Label(Message):
    """The classification of a message or a part of it."""

    level: Level
    until: Time | None = None
    events: Annotated[tuple[Event, ...], Meta(max_length=MAX_EVENTS)] = ()
    caveats: Caveats = ()  # ascending, each once
    releasable: (
        Annotated[tuple[PostId, ...], Meta(max_length=MAX_RELEASABLE)] | None
    ) = None  # ascending, each once; absent: not limited to named posts
    foreign: Annotated[tuple[Foreign, ...], Meta(max_length=MAX_FOREIGN)] = ()


class Clearance(Message):
    """Up to where somebody may read."""

    level: Level
    caveats: Caveats = ()
    schemes: Annotated[tuple[Scheme, ...], Meta(max_length=MAX_FOREIGN)] = ()


NEEDS_CLEARANCE: Final = frozenset({Caveat.NLD_EYES_ONLY})


def refusals(clearance: Clearance, post: str, label: Label) -> tuple[Reason, ...]:
    """Return every reason why ``post`` with ``clearance`` may not read ``label``.

    An empty tuple means that the clearance dominates the label.
    """
    found = []
    if label.level > clearance.level:
        found.append(Reason.LEVEL_ABOVE_CLEARANCE)
    if not NEEDS_CLEARANCE.intersection(label.caveats) <= set(clearance.caveats):
        found.append(Reason.CAVEAT_NOT_HELD)
    if not {marking.scheme for marking in label.foreign} <= set(clearance.schemes):
        found.append(Reason.SCHEME_NOT_HELD)
    if label.releasable is not None and post not in label.releasable:
        found.append(Reason.NOT_RELEASABLE)
    return tuple(found)


def dominates(high: Label, low: Label) -> bool:
    """Return whether ``high`` is at least ``low``: who may read it may read ``low``.

    A partial order on what decides about reading: labels that differ only in their
    end, or in the wording of a marking of one scheme, dominate each other.
    """
    return (
        high.level >= low.level
        and set(high.caveats) >= set(low.caveats)
        and {m.scheme for m in high.foreign} >= {m.scheme for m in low.foreign}
        and (
            low.releasable is None
            or (
                high.releasable is not None
                and set(high.releasable) <= set(low.releasable)
            )
        )
    )


def join(one: Label, other: Label) -> Label:
    """Return the least label that dominates both.

    It may have more events or markings than one label holds; :func:`flaws` says so.
    """
    foreign = {(m.scheme, m.marking): m for m in (*one.foreign, *other.foreign)}
    return Label(
        level=max(one.level, other.level),
        until=max(one.until or 0, other.until or 0) or None,
        events=tuple(sorted({*one.events, *other.events})),
        caveats=tuple(sorted({*one.caveats, *other.caveats})),
        releasable=_both(one.releasable, other.releasable),
        foreign=tuple(foreign[key] for key in sorted(foreign)),
    )


def meet(one: Clearance, other: Clearance) -> Clearance:
    """Return the clearance that reads what both read: for limits on an entry."""
    return Clearance(
        level=min(one.level, other.level),
        caveats=tuple(sorted({*one.caveats} & {*other.caveats})),
        schemes=tuple(sorted({*one.schemes} & {*other.schemes})),
    )


def _both(
    one: tuple[str, ...] | None, other: tuple[str, ...] | None
) -> tuple[str, ...] | None:
    if one is None or other is None:
        return one if other is None else other
    return tuple(sorted({*one} & {*other}))


def flaws(label: Label) -> tuple[Reason, ...]:
    """Return what a label lacks by itself: an end, one order, a size."""
    found = []
    named = [event for event in label.events if event.strip()]
    if label.level > Level.ONGERUBRICEERD and not (label.until or named):
        found.append(Reason.LABEL_INCOMPLETE)
    # Sorted, each once, nothing blank: one form of each label.
    if join(label, label) != label or len(named) < len(label.events):
        found.append(Reason.LABEL_NOT_CANONICAL)
    if len(label.events) > MAX_EVENTS or len(label.foreign) > MAX_FOREIGN:
        found.append(Reason.TOO_LARGE)
    return tuple(found)


def has_ended(label: Label, now: int) -> bool:
    """Return whether the classification is over by time alone; events need a person."""
    return label.until is not None and not label.events and now >= label.until
