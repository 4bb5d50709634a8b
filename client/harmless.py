"""Text of a peer, made safe to print: shown, never obeyed.

Control and bidirectional characters that a peer wrote are shown as their code, so
that a text can neither move the screen's cursor nor pretend to be ours.
"""

import json
import unicodedata
from typing import Final

_ODD: Final = frozenset({"Cc", "Cf", "Co", "Cs"})  # categories that hide or move


def harmless(text: str) -> str:
    """Return ``text`` with characters that hide or move shown as their code."""
    return "".join(f"<U+{ord(c):04X}>" if _odd(c) else c for c in text)


def json_text(value: object) -> str:
    """Return ``value`` as JSON that is safe on a screen and still means the same."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    return "".join(json.dumps(c)[1:-1] if _odd(c) else c for c in text)


def json_line(value: object) -> str:
    """Return ``value`` as one line of JSON, as safe."""
    text = json.dumps(value, ensure_ascii=False)
    return "".join(json.dumps(c)[1:-1] if _odd(c) else c for c in text)


def _odd(character: str) -> bool:
    return unicodedata.category(character) in _ODD and character != "\n"
