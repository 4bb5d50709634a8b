"""From JSON values to a message, or every problem on the way.

The walk goes on after a problem, so that a person mends a file once.  What cannot be
read becomes :data:`BAD` and spoils only what it stands in.
"""

import datetime as dt
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from itertools import islice
from typing import Any, Final

from protocol.incident.problems import WHOLE, Flaw, Problem
from protocol.incident.shapes import (
    LINES,
    FieldShape,
    ListShape,
    NumberShape,
    ObjectShape,
    Shape,
    TextShape,
    TimeShape,
    WordShape,
)
from protocol.incident.taxonomy import words

BAD: Final = object()  # stands for what could not be read
UNKNOWN: Final = "unknown"  # as the value of any optional field: left out
MAX_STRANGE: Final = 20  # fields of one object that are named as unknown
MAX_GUESSES: Final = 50  # problems after which no likely name is looked for
_TIME: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})T([0-9]{2}:[0-9]{2})(:[0-9]{2})?Z"
)
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SHOWN: Final = re.compile(r"[A-Za-z0-9_-]{1,40}")  # a name that may stand in a line
# Controls but tab and line feed, line separators, overrides of direction, surrogates:
# what could make a terminal or a page show something else than was signed.
_CONTROL: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


class JsonObject(dict[str, Any]):
    """An object of a JSON file that remembers names that were there twice."""

    def __init__(self, pairs: Sequence[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        counted = Counter(name for name, _ in pairs)
        self.twice = frozenset(name for name, count in counted.items() if count > 1)


class Reading:
    """One walk through a file; collects the problems."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def report(self, path: str, flaw: Flaw, **parts: str | int) -> Any:  # noqa: ANN401 -- BAD fits everywhere
        """Note a problem and return :data:`BAD`."""
        self.problems.append(Problem(path, flaw, parts))
        return BAD

    def value(self, shape: Shape, found: Any, path: str) -> Any:  # noqa: ANN401 -- JSON in, the field's type out
        """Return what ``found`` means as ``shape``, or BAD."""
        match shape:
            case TextShape():
                return self._text(shape, found, path)
            case TimeShape():
                return self._time(shape, found, path)
            case NumberShape():
                return self._number(shape, found, path)
            case WordShape():
                return self._word(shape, found, path)
            case ListShape():
                return self._list(shape, found, path)
            case _:
                values = self.fields(shape, found, path)
                return BAD if values is None else shape.of(**values)

    def fields(
        self, shape: ObjectShape, found: object, path: str
    ) -> dict[str, Any] | None:
        """Return the values of an object by attribute; None: it has problems."""
        if not isinstance(found, JsonObject):
            self._wrong_type(shape, found, path or WHOLE)
            return None
        before = len(self.problems)
        values = {
            known.attribute: self._field(known, found, below(path, known.name))
            for known in shape.fields
        }
        self._strange(found, [known.name for known in shape.fields], path)
        return values if len(self.problems) == before else None

    def _field(self, known: FieldShape, found: Mapping[str, Any], path: str) -> Any:  # noqa: ANN401 -- a value of the type that the shape says
        value = found.get(known.name)
        if not known.required and (value is None or value == UNKNOWN):
            return known.default
        if known.name not in found:
            return self.report(path, Flaw.MISSING, **wanted(known.shape))
        return self.value(known.shape, value, path)

    def _strange(self, found: JsonObject, known: list[str], path: str) -> None:
        for name in islice(sorted(found.twice), MAX_STRANGE):
            self.report(below(path, name), Flaw.TWICE)
        strange = (name for name in found if name not in known)
        for name in islice(strange, MAX_STRANGE):
            patient = len(self.problems) < MAX_GUESSES
            near = get_close_matches(name[:40], known, n=1) if patient else []
            if near:
                self.report(below(path, name), Flaw.MISSPELT_FIELD, nearest=near[0])
            else:
                self.report(below(path, name), Flaw.UNKNOWN_FIELD)

    def _wrong_type(self, shape: Shape, found: object, path: str) -> Any:  # noqa: ANN401 -- a value of the type that the shape says
        found = kind_of(found)
        return self.report(path, Flaw.WRONG_TYPE, found=found, **wanted(shape))

    def _text(self, shape: TextShape, found: object, path: str) -> Any:  # noqa: ANN401 -- a value of the type that the shape says
        if not isinstance(found, str):
            return self._wrong_type(shape, found, path)
        text = found.replace("\r\n", "\n")
        if not text.strip():
            return self.report(path, Flaw.EMPTY)
        if shape.pattern is not None:
            if shape.pattern.fullmatch(text) is None:
                return self.report(path, Flaw.WRONG_FORM, **wanted(shape))
            return text
        if len(text) > shape.longest:
            count, limit = len(text), shape.longest
            return self.report(path, Flaw.TOO_LONG, count=count, limit=limit)
        if _CONTROL.search(text):
            return self.report(path, Flaw.CONTROL_CHARACTER)
        if shape.kind not in LINES and ("\n" in text or "\t" in text):
            return self.report(path, Flaw.SEVERAL_LINES)
        return text

    def _time(self, shape: TimeShape, found: object, path: str) -> Any:  # noqa: ANN401 -- a value of the type that the shape says
        if not isinstance(found, str):
            return self._wrong_type(shape, found, path)
        day = shape.kind != "time" and _DATE.fullmatch(found) is not None
        if not day and _TIME.fullmatch(found) is None:
            return self.report(path, Flaw.WRONG_TIME, **wanted(shape))
        try:
            moment = dt.datetime.fromisoformat(found)
        except ValueError:  # the 31st of February
            return self.report(path, Flaw.WRONG_TIME, **wanted(shape))
        seconds = int(moment.replace(tzinfo=dt.UTC).timestamp())
        if seconds < 0:
            return self.report(path, Flaw.WRONG_TIME, **wanted(shape))
        return seconds

    def _number(self, shape: NumberShape, found: object, path: str) -> Any:  # noqa: ANN401 -- a value of the type that the shape says
        if type(found) is not int:  # true is no number
            return self._wrong_type(shape, found, path)
        if not 0 <= found < shape.below:
            return self.report(path, Flaw.WRONG_NUMBER, **wanted(shape))
        return found

    def _word(self, shape: WordShape, found: object, path: str) -> Any:  # noqa: ANN401 -- a value of the type that the shape says
        if not isinstance(found, str):
            return self._wrong_type(shape, found, path)
        member = words(shape.of).get(found)
        if member is None:
            return self.report(path, Flaw.WRONG_WORD, **wanted(shape))
        return member

    def _list(self, shape: ListShape, found: object, path: str) -> Any:  # noqa: ANN401 -- a value of the type that the shape says
        if shape.lone and isinstance(found, str):
            found = [found]
        if not isinstance(found, list):
            return self._wrong_type(shape, found, path)
        if len(found) > shape.longest:
            count, limit = len(found), shape.longest
            return self.report(path, Flaw.TOO_MANY, count=count, limit=limit)
        items = tuple(
            self.value(shape.item, item, f"{path}[{number}]")
            for number, item in enumerate(found)
        )
        return BAD if any(item is BAD for item in items) else items


def below(path: str, name: str) -> str:
    """Return the path of a field; a name that is no name of a field is not shown."""
    shown = name if _SHOWN.fullmatch(name) else "?"
    return f"{path}.{shown}" if path else shown


def kind_of(found: object) -> str:
    """Return what a JSON value is: a code of :data:`~.problems.FOUND`."""
    match found:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "text"
        case list():
            return "list"
        case _:
            return "object"


def wanted(shape: Shape) -> dict[str, str | int]:
    """Return what belongs here: a code of :data:`~.problems.WANTS`, and its parts."""
    match shape:
        case TextShape():
            return {"wants": "text" if shape.pattern is None else shape.kind}
        case TimeShape():
            return {"wants": shape.kind}
        case NumberShape():
            return {"wants": "number", "below": shape.below}
        case WordShape():
            choices = words(shape.of)
            code = "words" if len(choices) > 1 else "word"
            return {"wants": code, "words": ", ".join(choices)}
        case ListShape():
            return {"wants": "list"}
        case _:
            needs = ", ".join(known.name for known in shape.fields if known.required)
            code = "object-with" if needs else "object"
            return {"wants": code, "names": needs}
