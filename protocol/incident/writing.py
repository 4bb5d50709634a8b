"""From a report to its file, byte for byte the same for the same report.

What is unknown is left out, except where the format asks.  Reading what was written
gives the report again::

    parse(to_json(report), name) == report

A label that a file cannot say (a level with no end, from a regrade) is written as it
is, and :func:`protocol.incident.check.parse` will ask for the end.
"""

import datetime as dt
import json
from typing import Any, Final

from protocol.codec import Message
from protocol.incident.file_shape import FILE
from protocol.incident.label_form import to_form
from protocol.incident.model import IncidentReport
from protocol.incident.shapes import (
    FieldShape,
    ListShape,
    ObjectShape,
    Shape,
    TimeShape,
    WordShape,
)
from protocol.incident.taxonomy import Format, word

DAY: Final = 86_400


def to_json(report: IncidentReport) -> bytes:
    """Return the report as a file: UTF-8, two spaces, one line feed at the end."""
    return (json.dumps(to_object(report), ensure_ascii=False, indent=2) + "\n").encode()


def to_object(report: IncidentReport) -> dict[str, Any]:
    """Return the report as JSON's values."""
    outside = {
        "format": Format.V1,
        "stage": report.stage,
        "label": to_form(report.label),
    }
    return {
        known.name: _written(known.shape, outside[known.name])
        if known.name in outside
        else _written(known.shape, getattr(report.sections, known.attribute))
        for known in FILE.fields
        if known.required or _is_known(known, report.sections)
    }


def _is_known(known: FieldShape, holder: Message) -> bool:
    return bool(getattr(holder, known.attribute) != known.default)


def _written(shape: Shape, value: Any) -> Any:  # noqa: ANN401 -- of the shape's type
    match shape:
        case WordShape():
            return word(value)
        case TimeShape():
            return _time(value, date=shape.kind != "time")
        case ListShape() if shape.lone and len(value) == 1:
            return _written(shape.item, value[0])
        case ListShape():
            return [_written(shape.item, item) for item in value]
        case ObjectShape():
            return {
                known.name: _written(known.shape, getattr(value, known.attribute))
                for known in shape.fields
                if known.required or _is_known(known, value)
            }
        case _:
            return value


def _time(seconds: int, *, date: bool) -> str:
    moment = dt.datetime.fromtimestamp(seconds, dt.UTC)
    if date and seconds % DAY == 0:
        return moment.strftime("%Y-%m-%d")
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
