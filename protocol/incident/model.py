"""What a report holds: the ten sections of a report, all stages in one format.

A report is written as a JSON file (:mod:`protocol.incident.check`) and travels as
the body of a record (:func:`to_body`).  Its stage is the body's and its label the
record's, so that nothing is said twice and no two places can disagree::

    report = IncidentReport(Stage.ALERT, label, Sections(title=..., ...))
    from_body(to_body(report), label) == report

The sections, by the fields that make them: 1 awareness (``aware_at``, ``how_aware``,
``awareness``); 2 ``what``; 3 who is hit (``who_is_hit``, ``victims``); 4 ``impact``
with ``severity``; 5 evidence (``indicators``, ``files``); 6 ``assessment`` with
``attribution``, apart from the facts; 7 ``diplomatic``; 8 ``asked_of_tfc``; 9
``channel_in_doubt``; 10 ``tear_line``.  Whatever is not known is left out, and reads
back as unknown.  Names of fields are those of the file; ``class`` is ``kind`` here,
because Python has the word.
"""

from dataclasses import dataclass, field
from typing import Annotated, Final

from msgspec import Meta

from protocol.bodies import IncidentBody
from protocol.codec import Message, decode, encode
from protocol.errors import MalformedError
from protocol.fields import END_OF_TIME, UInt48
from protocol.incident.taxonomy import (
    Answer,
    Confidence,
    Effect,
    IndicatorType,
    Interest,
    Kind,
    Likelihood,
    Pap,
    Request,
    Responsibility,
    Sector,
    Severity,
    Source,
    Stage,
    Status,
    Tlp,
)
from protocol.label import Label, Level
from protocol.limits import KIB

MAX_FILE: Final = 256 * KIB  # bytes of a report as a file
MAX_BODY: Final = MAX_FILE  # bytes of the same in CBOR, which is shorter
MAX_WORDS: Final = 200  # over all prose of an alert: three minutes to write

# Text is read and shown by its kind: docs/spec/incident.md section 3.
Title = Annotated[str, Meta(min_length=1, max_length=200, extra={"text": "title"})]
Phrase = Annotated[str, Meta(min_length=1, max_length=1_000, extra={"text": "phrase"})]
Prose = Annotated[str, Meta(min_length=1, max_length=16_384, extra={"text": "prose"})]
Value = Annotated[str, Meta(min_length=1, max_length=16_384, extra={"text": "value"})]
When = Annotated[int, Meta(ge=0, lt=END_OF_TIME, extra={"time": "time"})]  # POSIX
Sha256 = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z", extra={"text": "sha256"})]
Country = Annotated[str, Meta(pattern=r"\A[A-Z]{2}\Z", extra={"text": "country"})]
# Admiralty: reliability of the source, credibility of the news.
Grading = Annotated[str, Meta(pattern=r"\A[A-F][1-6]\Z", extra={"text": "grading"})]
Few = Meta(max_length=64)
Many = Meta(max_length=1_000)


class Awareness(Message):
    """Section 1: how the post came to know, beside ``how_aware``."""

    source: Source = Source.UNKNOWN
    told_by: Phrase | None = None
    grading: Grading | None = None


class What(Message):
    """Section 2: what happens."""

    kind: Kind = Kind.UNKNOWN  # `class` in the file
    status: Status = Status.UNKNOWN
    malicious: Answer = Answer.UNKNOWN
    cross_border: Answer = Answer.UNKNOWN
    text: Prose
    affected: Annotated[tuple[Phrase, ...], Few] = ()  # systems
    started_at: When | None = None
    ended_at: When | None = None


class Victims(Message):
    """Section 3: who is hit, beside ``who_is_hit``."""

    interests: Annotated[tuple[Interest, ...], Few] = ()
    host_state: Country | None = None
    sectors: Annotated[tuple[Sector, ...], Few] = ()
    third_states: Annotated[tuple[Country, ...], Few] = ()


class Felt(Message):
    """One kind of impact, and how bad."""

    kind: Effect
    severity: Severity = Severity.UNKNOWN
    text: Prose | None = None


class Impact(Message):
    """Section 4: now, and what may come."""

    now: Prose | None = None
    outlook: Prose | None = None
    effects: Annotated[tuple[Felt, ...], Few] = ()


class Indicator(Message):
    """Section 5: one indicator, with what may be done with it."""

    type: IndicatorType
    value: Value
    tlp: Tlp = Tlp.UNKNOWN  # unknown is handled as RED
    pap: Pap = Pap.UNKNOWN  # unknown is handled as RED
    source: Phrase | None = None
    first_seen: When | None = None
    last_seen: When | None = None
    note: Phrase | None = None


class Evidence(Message):
    """Section 5: a file, by its hash; the file itself is an attachment."""

    name: Phrase
    sha256: Sha256
    size: UInt48 | None = None  # bytes
    tlp: Tlp = Tlp.UNKNOWN
    pap: Pap = Pap.UNKNOWN
    note: Phrase | None = None


class Attribution(Message):
    """Section 6: judgements as words that can be counted, beside ``assessment``."""

    actor: Phrase | None = None
    responsibility: Responsibility = Responsibility.UNKNOWN
    likelihood: Likelihood = Likelihood.UNKNOWN
    confidence: Confidence = Confidence.UNKNOWN
    alternatives: Annotated[tuple[Phrase, ...], Few] = ()


class Contact(Message):
    """Section 7: one conversation."""

    who: Phrase
    at: When | None = None
    text: Prose | None = None


class Deadline(Message):
    """Section 7: something that will happen or is due."""

    at: When
    what: Phrase


class Diplomatic(Message):
    """Section 7: the part that only a diplomat can write."""

    contacts: Annotated[tuple[Contact, ...], Few] = ()
    host_stance: Prose | None = None
    deadlines: Annotated[tuple[Deadline, ...], Few] = ()
    options: Annotated[tuple[Prose, ...], Few] = ()
    media: Prose | None = None


class Asked(Message):
    """Section 8: what the Taskforce Cyber is to do, and by when."""

    kind: Request = Request.UNKNOWN
    what: Prose | None = None
    by: When | None = None


class Sections(Message):
    """A report without its stage and label.  Unknown: absent."""

    title: Title
    aware_at: When
    severity: Severity = Severity.UNKNOWN
    how_aware: Prose | None = None
    awareness: Awareness | None = None
    what: What
    who_is_hit: Prose | None = None
    victims: Victims | None = None
    impact: Impact | None = None
    indicators: Annotated[tuple[Indicator, ...], Many] = ()
    files: Annotated[tuple[Evidence, ...], Few] = ()
    assessment: Prose | None = None
    attribution: Attribution | None = None
    diplomatic: Diplomatic | None = None
    asked_of_tfc: Asked | None = None
    channel_in_doubt: Answer
    channel_note: Prose | None = None  # which other means, since when
    tear_line: Prose | None = None  # may be passed on, at the level below
    tear_line_level: Level | None = None  # absent: Ongerubriceerd
    case: Phrase | None = None  # TFC's number of the case, on later stages
    sources: Annotated[tuple[Phrase, ...], Few] = ()


@dataclass(frozen=True, slots=True)
class IncidentReport:
    """One report of one stage, with the classification that its writer proposes."""

    stage: Stage
    label: Label = field(repr=False)
    sections: Sections = field(repr=False)


def to_body(report: IncidentReport) -> IncidentBody:
    """Return the body of the record that carries the report; its label is apart."""
    return IncidentBody(stage=report.stage, report=encode(report.sections))


def from_body(body: IncidentBody, label: Label) -> IncidentReport:
    """Return the report that a record's body and label hold.

    Raises:
        MalformedError: no report of this version: shown as unreadable.
    """
    if body.stage not in _STAGES:
        raise MalformedError
    return IncidentReport(
        Stage(body.stage), label, decode(body.report, Sections, limit=MAX_BODY)
    )


_STAGES: Final = frozenset(Stage)
