"""Text of a peer, made safe to print: shown, never obeyed.

Control and bidirectional characters that a peer wrote are shown as their code, so
that a text can neither move the screen's cursor nor pretend to be ours.  The end of a
line is such a character as well, wherever one line is meant.
"""

import json
import unicodedata
from typing import Final

# Categories of what hides, moves or ends a line, as U+2028 does on some screens.
_ODD: Final = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})


def harmless(text: str) -> str:
    """Return ``text`` as one line, with what hides, moves or ends it as its code."""
    return "".join(f"<U+{ord(c):04X}>" if _odd(c) else c for c in text)


def harmless_lines(text: str) -> str:
    """Return ``text`` as harmless, its lines kept: whoever shows them marks each."""
    return "\n".join(harmless(line) for line in text.split("\n"))


def is_plain(text: str) -> bool:
    """Tell whether ``text`` is one line that is shown as it is."""
    return not any(_odd(c) for c in text)


def json_text(value: object) -> str:
    """Return ``value`` as JSON that is safe on a screen and still means the same."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    lines = text.split("\n")  # of the layout: those in a text are codes already
    return "\n".join(_spelt(line) for line in lines)


def json_line(value: object) -> str:
    """Return ``value`` as one line of JSON, as safe."""
    return _spelt(json.dumps(value, ensure_ascii=False))


def _spelt(line: str) -> str:
    return "".join(json.dumps(c)[1:-1] if _odd(c) else c for c in line)


def _odd(character: str) -> bool:
    return unicodedata.category(character) in _ODD
