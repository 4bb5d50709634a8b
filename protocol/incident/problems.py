"""What can be wrong with a report's file: codes, where, and what would be right.

Every problem is a code with parts, and a part that is a phrase is a code again, so
that a client can say all of it in the reader's language; the English here is for logs
and for whoever has no catalogue::

    report.json: what.text: is missing, give text

Nothing of the report's content is in a problem: only the names of its fields,
numbers that were counted, and what this format knows anyway.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

WHOLE: Final = "(file)"  # the path of a problem that is of no one field


class Flaw(enum.StrEnum):
    """Kinds of problems; a client has a sentence for each."""

    TOO_LARGE = "too-large"
    NOT_UTF8 = "not-utf8"
    NOT_JSON = "not-json"
    TWICE = "twice"
    UNKNOWN_FIELD = "unknown-field"
    MISSPELT_FIELD = "misspelt-field"
    MISSING = "missing"
    WRONG_TYPE = "wrong-type"
    EMPTY = "empty"
    TOO_LONG = "too-long"
    TOO_MANY = "too-many"
    SEVERAL_LINES = "several-lines"
    CONTROL_CHARACTER = "control-character"
    WRONG_WORD = "wrong-word"
    WRONG_FORM = "wrong-form"
    WRONG_TIME = "wrong-time"
    WRONG_NUMBER = "wrong-number"
    TOO_WORDY = "too-wordy"
    NO_END = "no-end"
    ENDED = "ended"
    ABOVE_LABEL = "above-label"


# What is wrong, and what would be right.
ENGLISH: Final[Mapping[Flaw, tuple[str, str]]] = MappingProxyType(
    {
        Flaw.TOO_LARGE: ("is larger than {limit} bytes", "attach what is long"),
        Flaw.NOT_UTF8: ("is not UTF-8 text", "save it as UTF-8"),
        Flaw.NOT_JSON: ("is not JSON", "check commas, quotes and brackets before it"),
        Flaw.TWICE: ("is there twice", "keep one"),
        Flaw.UNKNOWN_FIELD: ("is no field of this format", "leave it out"),
        Flaw.MISSPELT_FIELD: ("is no field of this format", "did you mean {nearest}?"),
        Flaw.MISSING: ("is missing", "give {wants}"),
        Flaw.WRONG_TYPE: ("is {found}", "give {wants}"),
        Flaw.EMPTY: ("is empty", "give text"),
        Flaw.TOO_LONG: ("has {count} characters", "at most {limit}"),
        Flaw.TOO_MANY: ("has {count} items", "at most {limit}"),
        Flaw.SEVERAL_LINES: ("has several lines", "give one line"),
        Flaw.CONTROL_CHARACTER: ("holds a control character", "give plain text"),
        Flaw.WRONG_WORD: ("is no known word", "give {wants}"),
        Flaw.WRONG_FORM: ("has another form", "give {wants}"),
        Flaw.WRONG_TIME: ("is no such time", "give {wants}"),
        Flaw.WRONG_NUMBER: ("is out of range", "give {wants}"),
        Flaw.TOO_WORDY: ("has {count} words in all", "an alert has at most {limit}"),
        Flaw.NO_END: ("says not how long", "give until (a date) or event (text)"),
        Flaw.ENDED: ("is not after aware_at", "give a later date"),
        Flaw.ABOVE_LABEL: ("is above the label", "give at most the label's level"),
    }
)


# What belongs in a field (the part ``wants``), and what stands there (``found``).
WANTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "text": "text",
        "sha256": "64 characters of 0-9 and a-f",
        "country": "two capital letters (ISO 3166-1)",
        "grading": "a letter A-F and a digit 1-6",
        "post": "the name of a post: a-z, 0-9 and -",
        "scheme": "capital letters, 0-9 and -",
        "time": "a time in UTC, as 2026-11-23T15:30:00Z",
        "date-or-time": "a date, as 2026-11-23, or a time, as 2026-11-23T15:30:00Z",
        "number": "a whole number from 0, below {below}",
        "word": "{words}",
        "words": "one of: {words}",
        "list": "a list",
        "object": "an object",
        "object-with": "an object with {names}",
    }
)
FOUND: Final[Mapping[str, str]] = MappingProxyType(
    {
        "null": "null",
        "boolean": "true or false",
        "number": "a number",
        "text": "text",
        "list": "a list",
        "object": "an object",
    }
)


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem: ``path`` names the field, ``parts`` fill the sentence."""

    path: str
    flaw: Flaw
    parts: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def wrong(self) -> str:
        """What is wrong, in English."""
        return ENGLISH[self.flaw][0].format(**self._in_english())

    @property
    def right(self) -> str:
        """What would be right, in English."""
        return ENGLISH[self.flaw][1].format(**self._in_english())

    def line(self, name: str) -> str:
        """Return ``NAME: field: what is wrong, what would be right``."""
        return f"{name}: {self.path}: {self.wrong}, {self.right}"

    def _in_english(self) -> dict[str, str | int]:
        said = dict(self.parts)
        for part, phrases in (("wants", WANTS), ("found", FOUND)):
            if part in said:
                said[part] = phrases[str(said[part])].format(**self.parts)
        return said


class ReportError(Exception):
    """A file that is no report; a person's mistake, never a peer's.

    Attributes:
        name: what the caller calls the file.
        problems: all of them, in the order of the format's fields.
    """

    def __init__(self, name: str, problems: tuple[Problem, ...]) -> None:
        super().__init__(name, problems)
        self.name = name
        self.problems = problems

    def lines(self) -> tuple[str, ...]:
        """Return one line per problem, in English."""
        return tuple(problem.line(self.name) for problem in self.problems)

    def __str__(self) -> str:
        """Return the lines, one below the other."""
        return "\n".join(self.lines())
