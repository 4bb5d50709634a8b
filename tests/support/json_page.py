"""docs/json-output.md as a table, and whether what a command printed stands in it.

Both ways: every field that was printed is on the page with its type, and every field
on the page was printed where its object was, unless the page says "only" or "of a
file".
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

PAGE: Final = Path(__file__).parents[2] / "docs" / "json-output.md"
_BLOCK: Final = re.compile(r"```fields ([^\n]+)\n(.*?)```", re.DOTALL)
_TYPES: Final = (
    *("text or null", "number or null", "time or null", "yes, no or null"),
    *("yes or no", "text", "number", "time", "null", "sentence", "part"),
)
_LINE: Final = re.compile(
    r"(?P<path>\S+) +(?:like (?P<like>.+)|(?P<type>" + "|".join(_TYPES) + r")"
    r"(?: +(?P<means>.*))?)"
)
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
SOMETIMES: Final = re.compile(r"\bonly\b|\bof a file\b")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the page, where it stands in for its block."""

    path: str
    type: str
    always: bool


@cache
def blocks() -> dict[str, str]:
    """Return the text of each block by its name."""
    return dict(_BLOCK.findall(PAGE.read_text()))


@cache
def rows_of(name: str) -> tuple[Row, ...]:
    """Return the fields of a command, those of other blocks in their places."""
    rows: list[Row] = []
    for line in blocks()[name].splitlines():
        found = _LINE.fullmatch(line)
        assert found is not None, f"{name}: {line}"
        path = "" if found["path"] == "." else found["path"]
        if found["like"] is None:
            always = not SOMETIMES.search(found["means"] or "")
            rows.append(Row(path, found["type"], always))
            continue
        other, part = _named(found["like"])
        source = tuple(rows) if other == name else rows_of(other)
        for row in source:
            if row.path.startswith(part):
                rest = row.path[len(part) :].lstrip(".")
                dot = "." if path and rest and not rest.startswith("[") else ""
                rows.append(Row(f"{path}{dot}{rest}", row.type, row.always))
    return tuple(rows)


def _named(like: str) -> tuple[str, str]:
    known = max((n for n in blocks() if f"{like} ".startswith(f"{n} ")), key=len)
    return known, like[len(known) :].strip()


def faults(name: str, value: object) -> list[str]:
    """Return what of a printed value does not stand on the page so, or is missing."""
    return [*_faults(rows_of(name), value, "")]


def _faults(rows: Sequence[Row], value: object, path: str) -> Iterator[str]:
    here = {row.type for row in rows if row.path == path}
    if here & {"sentence", "part"}:
        if not _is_pair(value):
            yield f"{path}: is no pair"
    elif isinstance(value, list):
        for item in value:
            yield from _faults(rows, item, f"{path}[]")
    elif isinstance(value, dict):
        yield from _object(rows, value, path)
    elif not any(_fits(value, type_) for type_ in here):
        yield f"{path or 'the whole'}: {value!r:.40} is not {here or 'on the page'}"


def _object(rows: Sequence[Row], value: dict[str, Any], path: str) -> Iterator[str]:
    start = f"{path}." if path else ""
    below: dict[str, bool] = {}
    for row in rows:
        if row.path.startswith(start) and row.path != path:
            name = re.split(r"[.\[]", row.path[len(start) :])[0]
            below[name] = below.get(name, True) and row.always
    for name, item in value.items():
        shown = name if name in below or "*" not in below else "*"
        if shown in below:
            yield from _faults(rows, item, f"{start}{shown}")
        else:
            yield f"{start}{name}: is not on the page"
    for name, always in below.items():
        if always and name != "*" and name not in value:
            yield f"{start}{name}: was not printed"


def _fits(value: object, type_: str) -> bool:
    if value is None:
        return "null" in type_
    if isinstance(value, bool):
        return type_.startswith("yes")
    if isinstance(value, (int, float)):
        return type_.startswith("number")
    if type_.startswith("time"):
        return _TIME.fullmatch(str(value)) is not None
    return type_.startswith("text")


def _is_pair(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and isinstance(value[0], str)
        and isinstance(value[1], (str, dict))
    )


def named_in(words: Sequence[str]) -> str | None:
    """Return the block of the command that a line types; None: none prints JSON."""
    if "--json" not in words or "|" in words[words.index("--json") :]:
        return None  # not JSON, or not as it was printed
    if words[:1] == ["demo"]:
        return "demo"
    if "evidence" in words and "--check" in words:
        return "audit evidence --check"
    line = f" {' '.join(words)} "
    typed = [name for name in blocks() if f" {name} " in line]
    return max(typed, key=len) if typed else None


def require_on_page(words: Sequence[str], printed: str) -> None:
    """Return if what the command that was typed printed stands on the page so.

    A command that was refused prints nothing, or ends before it is known.
    """
    name = named_in(words)
    if name is None or not printed.strip():
        return
    found = faults(name, json.loads(printed))
    assert found == [], f"docs/json-output.md, {name}: {found}"
