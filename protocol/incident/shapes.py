"""The shape of a report's file, taken from its types: one description for three uses.

The reader (:mod:`protocol.incident.reading`), the writer
(:mod:`protocol.incident.writing`) and the JSON Schema
(:mod:`protocol.incident.schema`) all walk these shapes, so that no two of them can
know different fields.  A field is declared once, in :mod:`protocol.incident.model`.
"""

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from msgspec import NODEFAULT, inspect

from protocol.codec import Message

RENAMED: Final = {"kind": "class"}  # what Python does not let us call a field
CLASSED: Final = "What"  # ... and where: other types have a `kind` of their own
LINES: Final = frozenset({"prose", "value"})  # kinds of text with several lines
COUNTED: Final = frozenset({"title", "prose"})  # kinds of text whose words count


@dataclass(frozen=True, slots=True)
class TextShape:
    """Text of one kind; ``pattern`` where the kind has one form."""

    kind: str
    longest: int  # characters
    pattern: re.Pattern[str] | None


@dataclass(frozen=True, slots=True)
class TimeShape:
    """A time in UTC, or ("date-or-time") also a date."""

    kind: str


@dataclass(frozen=True, slots=True)
class NumberShape:
    """A whole number from 0."""

    below: int


@dataclass(frozen=True, slots=True)
class WordShape:
    """One word of a list."""

    of: type[enum.IntEnum]


@dataclass(frozen=True, slots=True)
class ListShape:
    """A list; ``lone``: one item may also stand without brackets."""

    item: "Shape"
    longest: int
    lone: bool


@dataclass(frozen=True, slots=True)
class FieldShape:
    """A field of an object: its name in the file and its attribute."""

    name: str
    attribute: str
    shape: "Shape"
    required: bool
    default: Any


@dataclass(frozen=True, slots=True)
class ObjectShape:
    """An object with named fields, and no others."""

    of: type[Message]
    fields: tuple[FieldShape, ...]


Shape = TextShape | TimeShape | NumberShape | WordShape | ListShape | ObjectShape


@cache
def shape_of(of: type[Message]) -> ObjectShape:
    """Return the shape of a message type, as its file has it."""
    info = inspect.type_info(of)
    fields = info.fields if isinstance(info, inspect.StructType) else ()
    return ObjectShape(of, tuple(_field(found, of) for found in fields))


def _field(found: inspect.Field, owner: type) -> FieldShape:
    renamed = owner.__name__ == CLASSED and found.name in RENAMED
    return FieldShape(
        name=RENAMED[found.name] if renamed else found.name,
        attribute=found.name,
        shape=_shape(found.type, {}),
        required=found.default is NODEFAULT,
        default=found.default,
    )


def _shape(found: inspect.Type, extra: Mapping[str, Any]) -> Shape:
    match found:
        case inspect.Metadata():
            return _shape(found.type, found.extra or {})
        case inspect.UnionType():  # with None: optional, and that is the field's
            return _shape(found.types[0], extra)
        case inspect.StrType():
            pattern = re.compile(found.pattern) if found.pattern else None
            return TextShape(extra["text"], found.max_length or 0, pattern)
        case inspect.IntType() if "time" in extra:
            return TimeShape(extra["time"])
        case inspect.IntType():
            return NumberShape(found.lt or 0)
        case inspect.EnumType() if issubclass(found.cls, enum.IntEnum):
            return WordShape(found.cls)
        case inspect.VarTupleType():
            item = _shape(found.item_type, {})
            return ListShape(item, found.max_length or 0, "lone" in extra)
        case inspect.StructType() if issubclass(found.cls, Message):
            return shape_of(found.cls)
        case _:
            raise TypeError("a type that a file has no form for")
