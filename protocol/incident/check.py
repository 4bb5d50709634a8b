"""From a file to a report: all rules of the format, all problems at once.

::

    try:
        report = parse(data, "report.json")
    except ReportError as error:
        print(error)     # report.json: what.text: is missing, give text

The file is JSON, UTF-8 and at most 256 KiB; a name that stands twice or that the
format does not have is a problem, not a detail.

Source: docs/spec/incident.md.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

from protocol.incident.file_shape import FILE
from protocol.incident.label_form import LabelForm, to_label
from protocol.incident.model import (
    MAX_FILE,
    MAX_WORDS,
    IncidentReport,
    Sections,
)
from protocol.incident.problems import WHOLE, Flaw, Problem, ReportError
from protocol.incident.reading import JsonObject, Reading
from protocol.incident.shapes import (
    COUNTED,
    ListShape,
    ObjectShape,
    Shape,
    TextShape,
    shape_of,
)
from protocol.incident.taxonomy import Stage
from protocol.label import Level

ALL_PROSE: Final = "(all prose)"


def parse(data: bytes, name: str) -> IncidentReport:
    """Return the report that a file holds.

    Args:
        data: the file's bytes; a byte order mark is passed over.
        name: what the problems call the file.

    Raises:
        ReportError: with every problem of the file.
    """
    reading = Reading()
    values = reading.fields(FILE, _json(data, name), "")
    if values is None:
        raise ReportError(name, tuple(reading.problems))
    values.pop("format")
    stage: Stage = values.pop("stage")
    form: LabelForm = values.pop("label")
    sections = Sections(**values)
    problems = tuple(_against_rules(stage, form, sections))
    if problems:
        raise ReportError(name, problems)
    return IncidentReport(stage, to_label(form), sections)


def prose_words(sections: Sections) -> int:
    """Return how many words the prose of a report has; spaces separate words."""
    return sum(len(text.split()) for text in _prose(shape_of(Sections), sections))


def _json(data: bytes, name: str) -> object:
    try:
        if len(data) > MAX_FILE:
            problem = Problem(WHOLE, Flaw.TOO_LARGE, {"limit": MAX_FILE})
            raise ReportError(name, (problem,))
        return json.loads(
            data.decode("utf-8-sig"),
            object_pairs_hook=JsonObject,
            parse_constant=_no_constant,
        )
    except UnicodeDecodeError:
        problem = Problem(WHOLE, Flaw.NOT_UTF8)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno}"
        problem = Problem(place, Flaw.NOT_JSON)
    except (ValueError, RecursionError):  # a number or a nesting without measure
        problem = Problem(WHOLE, Flaw.NOT_JSON)
    raise ReportError(name, (problem,)) from None


def _no_constant(_: str) -> None:
    raise ValueError("NaN and Infinity are no JSON")


def _against_rules(
    stage: Stage, form: LabelForm, sections: Sections
) -> Iterator[Problem]:
    """Yield what is wrong between fields that are right by themselves."""
    count = prose_words(sections)
    if stage is Stage.ALERT and count > MAX_WORDS:
        parts = {"count": count, "limit": MAX_WORDS}
        yield Problem(ALL_PROSE, Flaw.TOO_WORDY, parts)
    if (sections.tear_line_level or Level.ONGERUBRICEERD) > form.level:
        yield Problem("tear_line_level", Flaw.ABOVE_LABEL)
    # Unclassified too: this format asks everybody the same question.
    if form.until is None and not form.event:
        yield Problem("label", Flaw.NO_END)
    if form.until is not None and form.until <= sections.aware_at:
        yield Problem("label.until", Flaw.ENDED)


def _prose(shape: Shape, value: Any) -> Iterator[str]:  # noqa: ANN401 -- of the shape's type
    match shape:
        case TextShape() if shape.kind in COUNTED and value is not None:
            yield value
        case ListShape():
            for item in value:
                yield from _prose(shape.item, item)
        case ObjectShape() if value is not None:
            for known in shape.fields:
                yield from _prose(known.shape, getattr(value, known.attribute))
        case _:
            return
