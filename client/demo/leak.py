"""Looking for a report's text in what the relay keeps: the proof that it cannot read.

Every longer piece of text in the report is a canary.  The relay's folder is searched
byte by byte: database, write-ahead log, configuration, logs.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

SHORTEST: Final = 12  # characters: shorter pieces occur by chance
OVERLAP: Final = 4096  # bytes; longer than any piece that is searched for
CHUNK: Final = 1024 * 1024
LONGEST: Final = 200  # bytes of one canary


def canaries(report: bytes) -> list[bytes]:
    """Return the pieces of text in a JSON report, as UTF-8, each once."""
    found = {
        piece.encode()[:LONGEST]
        for text in _texts(json.loads(report))
        for piece in (text, *text.split(". "))
        if len(piece) >= SHORTEST
    }
    return sorted(found)


def _texts(value: Any) -> Iterator[str]:  # noqa: ANN401 -- JSON
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def search(folders: list[Path], pieces: list[bytes]) -> int:
    """Return how many of ``pieces`` occur in files below ``folders``."""
    left = set(pieces)
    for folder in folders:
        for file in sorted(folder.rglob("*")):
            if file.is_file() and not file.is_socket():
                left -= _found_in(file, left)
    return len(pieces) - len(left)


def _found_in(file: Path, pieces: set[bytes]) -> set[bytes]:
    found: set[bytes] = set()
    tail = b""
    with file.open("rb") as content:
        while chunk := content.read(CHUNK):
            window = tail + chunk
            found |= {piece for piece in pieces if piece in window}
            tail = window[-OVERLAP:]
    return found
