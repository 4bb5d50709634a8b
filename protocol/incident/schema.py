"""The file format as JSON Schema, for editors and for other programs.

docs/schema/koerier-incident-1.schema.json is this text; a test compares them.  A
schema cannot say everything: the number of words, names that stand twice, and times
that do not exist are found by :mod:`protocol.incident.check` only.
"""

import json
from typing import Any, Final

from protocol.incident.file_shape import FILE
from protocol.incident.model import MAX_FILE, MAX_WORDS
from protocol.incident.problems import WANTS
from protocol.incident.reading import UNKNOWN, wanted
from protocol.incident.shapes import (
    FieldShape,
    ListShape,
    NumberShape,
    Shape,
    TextShape,
    TimeShape,
    WordShape,
)
from protocol.incident.taxonomy import words

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
TIME: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?Z$"
DATE_OR_TIME: Final = TIME.replace("T[", "(T[").replace("Z$", "Z)?$")
LABEL: Final = "label"  # one of until and event is asked


def schema_text() -> str:
    """Return the schema as the file has it."""
    return json.dumps(schema(), ensure_ascii=False, indent=2) + "\n"


def schema() -> dict[str, Any]:
    """Return the schema as JSON's values."""
    return {
        "$schema": DRAFT,
        "$id": "urn:koerier:schema:koerier-incident-1",
        "title": "Incident report from a post to the Taskforce Cyber",
        "description": (
            f"UTF-8, at most {MAX_FILE} bytes, no name twice; an alert has at most"
            f" {MAX_WORDS} words of prose. In an optional field null and"
            f' "{UNKNOWN}" mean that it is left out.'
        ),
        **_described(FILE),
    }


def _field(known: FieldShape) -> dict[str, Any]:
    found = _described(known.shape)
    if known.name == LABEL:
        found["anyOf"] = [{"required": ["until"]}, {"required": ["event"]}]
    return found if known.required else {"anyOf": [found, {"enum": [UNKNOWN, None]}]}


def _said(shape: Shape) -> str:
    return WANTS[str(wanted(shape)["wants"])]


def _described(shape: Shape) -> dict[str, Any]:
    match shape:
        case TextShape():
            if shape.pattern is None:
                return {"type": "string", "minLength": 1, "maxLength": shape.longest}
            pattern = shape.pattern.pattern.replace(r"\A", "^").replace(r"\Z", "$")
            return {"type": "string", "pattern": pattern, "description": _said(shape)}
        case TimeShape():
            pattern = TIME if shape.kind == "time" else DATE_OR_TIME
            return {"type": "string", "pattern": pattern, "description": _said(shape)}
        case NumberShape():
            return {"type": "integer", "minimum": 0, "exclusiveMaximum": shape.below}
        case WordShape():
            return {"enum": list(words(shape.of))}
        case ListShape():
            items = _described(shape.item)
            found = {"type": "array", "maxItems": shape.longest, "items": items}
            return {"anyOf": [items, found]} if shape.lone else found
        case _:
            return {
                "type": "object",
                "additionalProperties": False,
                "required": [known.name for known in shape.fields if known.required],
                "properties": {known.name: _field(known) for known in shape.fields},
            }
