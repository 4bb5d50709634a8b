"""A label as a report's file writes it; a record has :class:`protocol.label.Label`.

A file says ``until`` as a date or time, one ``event`` or several, and names lists in
any order; a label has one form.  :func:`to_label` and :func:`to_form` go both ways::

    {"level": "Dep.V", "until": "2027-06-30", "caveats": ["ORCON"]}
"""

from typing import Annotated

from msgspec import Meta

from protocol.codec import Message
from protocol.fields import END_OF_TIME
from protocol.label import (
    MAX_EVENTS,
    MAX_FOREIGN,
    MAX_RELEASABLE,
    Caveat,
    Foreign,
    Label,
    Level,
)

Until = Annotated[int, Meta(ge=0, lt=END_OF_TIME, extra={"time": "date-or-time"})]
Event = Annotated[str, Meta(min_length=1, max_length=1_000, extra={"text": "phrase"})]
PostName = Annotated[
    str, Meta(pattern=r"\A[a-z0-9][a-z0-9-]{0,62}\Z", extra={"text": "post"})
]
SchemeName = Annotated[
    str, Meta(pattern=r"\A[A-Z][A-Z0-9-]{0,15}\Z", extra={"text": "scheme"})
]


class ForeignForm(Message):
    """A foreign marking, unchanged."""

    scheme: SchemeName
    marking: Event


class LabelForm(Message):
    """Classification of the report: a level, and until when."""

    level: Level
    until: Until | None = None
    event: Annotated[
        tuple[Event, ...], Meta(max_length=MAX_EVENTS, extra={"lone": True})
    ] = ()
    caveats: Annotated[tuple[Caveat, ...], Meta(max_length=len(Caveat))] = ()
    releasable_to: (
        Annotated[tuple[PostName, ...], Meta(max_length=MAX_RELEASABLE)] | None
    ) = None
    foreign: Annotated[tuple[ForeignForm, ...], Meta(max_length=MAX_FOREIGN)] = ()


def to_label(form: LabelForm) -> Label:
    """Return the one form of the label that a file describes."""
    foreign = {(marked.scheme, marked.marking) for marked in form.foreign}
    posts = form.releasable_to
    return Label(
        level=form.level,
        until=form.until or None,
        events=tuple(sorted({*form.event})),
        caveats=tuple(sorted({*form.caveats})),
        releasable=None if posts is None else tuple(sorted({*posts})),
        foreign=tuple(Foreign(scheme=s, marking=m) for s, m in sorted(foreign)),
    )


def to_form(label: Label) -> LabelForm:
    """Return a label as a file writes it."""
    return LabelForm(
        level=label.level,
        until=label.until,
        event=label.events,
        caveats=label.caveats,
        releasable_to=label.releasable,
        foreign=tuple(
            ForeignForm(scheme=marked.scheme, marking=marked.marking)
            for marked in label.foreign
        ),
    )
