"""A machine's table as the specification prints it."""

import enum
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

CHAPTERS = Path(__file__).parents[2] / "docs" / "spec"


def printed(
    edges: Mapping[Any, Mapping[Any, object]],
    anywhere: Mapping[Any, object] | None = None,
) -> str:
    """Return one line per state and event, with the states it may lead to."""
    lines = ["| state | event | may lead to |", "|---|---|---|"]
    rows = [(state.name, events) for state, events in edges.items()]
    for state, events in [*rows, ("any", anywhere or {})]:
        for event, to in events.items():
            names = sorted(names_of(to))
            lines.append(f"| {state} | {event.__name__} | {', '.join(names)} |")
    return "\n".join(lines)


def names_of(to: object) -> Iterable[str]:
    """Return the names of one state or of several."""
    if isinstance(to, enum.Enum):
        return (to.name,)
    assert isinstance(to, frozenset)
    return (state.name for state in to)


def fenced(chapter: str, language: str) -> str:
    """Return the block of a chapter that is fenced as ``language``."""
    text = (CHAPTERS / chapter).read_text(encoding="utf-8")
    _, found, rest = text.partition(f"```{language}\n")
    assert found, f"{chapter} has no block {language}"
    return rest.partition("\n```")[0]
