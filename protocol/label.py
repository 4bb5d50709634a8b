"""Labels and clearances: a lattice, after VIRBI 2025 (docs/spec/labels.md).

A label says how secret, until when, and for whom; a clearance says up to where
somebody may read.  Both endpoints decide with the same pure functions, offline::

    refusals(clearance, "bern", label) == ()        # bern may have it
    join(a, b)                                      # the label of a and b together

The order of labels has four parts: the level, the caveats (more is higher), the
posts it may be released to (fewer is higher; absent means all) and the foreign
schemes it carries.  When a classification ends is no part of the order; a join ends
when the last of its parts has ended.
"""

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final

from msgspec import Meta

from protocol.codec import Message
from protocol.errors import Reason
from protocol.fields import Line, PostId, Time

MAX_EVENTS = 8
MAX_RELEASABLE = 1_000
MAX_FOREIGN = 8


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


class Foreign(Message):
    """A foreign marking, carried unchanged beside the national level."""

    scheme: Scheme
    marking: Line


class Label(Message):
    """The classification of a message or a part of it."""

    level: Level
    until: Time | None = None
    events: Annotated[tuple[Line, ...], Meta(max_length=MAX_EVENTS)] = ()
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


def at_most(low: Label, high: Label) -> bool:
    """Return whether whoever may read ``high`` may read ``low``: the partial order."""
    return (
        low.level <= high.level
        and set(low.caveats) <= set(high.caveats)
        and {m.scheme for m in low.foreign} <= {m.scheme for m in high.foreign}
        and (
            low.releasable is None
            or (
                high.releasable is not None
                and set(high.releasable) <= set(low.releasable)
            )
        )
    )


def join(one: Label, other: Label) -> Label:
    """Return the least label that is at least both."""
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
    """Return what a label lacks by itself: an end, or one order of its parts."""
    found = []
    if label.level > Level.ONGERUBRICEERD and not (label.until or label.events):
        found.append(Reason.LABEL_INCOMPLETE)
    if join(label, label) != label:  # sorted, each once: one form of each label
        found.append(Reason.LABEL_NOT_CANONICAL)
    return tuple(found)


def has_ended(label: Label, now: int) -> bool:
    """Return whether the classification is over by time alone; events need a person."""
    return label.until is not None and not label.events and now >= label.until
