"""Lines that others wrote, kept apart from ours on a screen of any width.

A screen breaks a long line by itself and begins the rest at its edge, where our own
lines begin: whoever counts columns could write what looks like one of ours.  So we
break it first, and mark the rest.
"""

import sys
import unicodedata
from typing import Final

MORE: Final = "  | "  # before everything of a text but the line that it begins on
LEAST: Final = 20  # columns: a screen that says less is not believed
EMOJI: Final = "\ufe0f"  # makes the sign before it wide
# Sections of the catalogue whose sentences hold what other posts and members wrote.
THEIRS: Final = frozenset(
    {"attach", "event", "exposure", "inbox", "member", "message", "outbox", "receipts"}
)
SIGNED: Final = "operator.show-"


def is_theirs(code: str) -> bool:
    """Tell whether a sentence holds what others wrote."""
    return code.partition(".")[0] in THEIRS or code.startswith(SIGNED)


def columns(*, err: bool) -> int | None:
    """Return how wide the screen is; None: it goes into no screen."""
    stream = sys.stderr if err else sys.stdout
    if not stream.isatty():
        return None
    import shutil

    return max(LEAST, shutil.get_terminal_size().columns)


def folded(line: str, width: int) -> str:
    """Return ``line`` broken where it is wider than ``width``, the rest marked."""
    lines, here, used = [], "", 0
    for character in line:
        cells = _cells(character)
        if used + cells > width:
            lines.append(here)
            here, used = MORE, len(MORE)
        here += character
        used += cells
    return "\n".join([*lines, here])


def _cells(character: str) -> int:
    if character == EMOJI:
        return 1
    if unicodedata.category(character) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1
