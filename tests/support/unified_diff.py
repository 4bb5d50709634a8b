"""Apply a unified diff the strict way: every line of context must be there, exactly.

What `patch -p1 --fuzz=0` does, without needing `patch`: a hunk may have moved to
another line, but it may not have changed.  Only edits of existing files.
"""

import re
from dataclasses import dataclass
from pathlib import Path

HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+\d+(?:,(\d+))? @@")


class StaleDiffError(Exception):
    """The tree no longer has what the diff replaces, or the diff is malformed."""


@dataclass(frozen=True)
class Hunk:
    """The lines `old` near line `start`, counted from 0, become the lines `new`."""

    start: int
    old: tuple[str, ...]
    new: tuple[str, ...]


def parse(text: str) -> dict[str, list[Hunk]]:
    """Return the hunks per path, which stands in the diff as `a/PATH` and `b/PATH`."""
    found: dict[str, list[Hunk]] = {}
    lines = text.split("\n")
    number = 0
    hunks: list[Hunk] | None = None
    while number < len(lines):
        line = lines[number]
        number += 1
        if line.startswith("--- a/"):
            path = line[6:].partition("\t")[0]
            if not lines[number].startswith(f"+++ b/{path}"):
                raise StaleDiffError(f"{path}: the diff renames it")
            hunks = found.setdefault(path, [])
            number += 1
        elif match := HUNK.match(line):
            if hunks is None:
                raise StaleDiffError("a hunk before its file")
            old, new, number = _body(lines, number, match)
            hunks.append(Hunk(max(int(match[1]) - 1, 0), old, new))
    if not any(found.values()):
        raise StaleDiffError("no hunk")
    return found


def _body(
    lines: list[str], number: int, header: re.Match[str]
) -> tuple[tuple[str, ...], tuple[str, ...], int]:
    """Read as many lines as the hunk's header says it has."""
    old: list[str] = []
    new: list[str] = []
    sizes = int(header[2] or 1), int(header[3] or 1)
    while (len(old), len(new)) != sizes:
        if number == len(lines) or len(old) > sizes[0] or len(new) > sizes[1]:
            raise StaleDiffError("a hunk's lines are not as many as its header says")
        # An editor may have taken the one space of an empty line of context.
        mark, line = lines[number][:1] or " ", lines[number][1:]
        number += 1
        if mark in " -":
            old.append(line)
        if mark in " +":
            new.append(line)
        if mark not in " -+":
            raise StaleDiffError(f"a hunk's line starts with {mark!r}")
    return tuple(old), tuple(new), number


def changed(source: str, hunks: list[Hunk]) -> str:
    """Return the source with every hunk applied, each nearest to where it was made."""
    lines = source.split("\n")
    grown = 0
    for hunk in hunks:
        size = len(hunk.old)
        places = [
            place
            for place in range(len(lines) - size + 1)
            if tuple(lines[place : place + size]) == hunk.old
        ]
        if not places:
            raise StaleDiffError(f"nothing like the hunk of line {hunk.start + 1}")
        expected = hunk.start + grown
        place = min(places, key=lambda place: abs(place - expected))
        lines[place : place + size] = hunk.new
        grown += len(hunk.new) - size
    return "\n".join(lines)


def result(text: str, tree: Path) -> dict[Path, str]:
    """Return what each changed file would hold; nothing is written."""
    written: dict[Path, str] = {}
    for path, hunks in parse(text).items():
        file = tree / path
        if not file.is_file():
            raise StaleDiffError(f"{path}: not there")
        source = file.read_text(encoding="utf-8")
        try:
            written[file] = changed(source, hunks)
        except StaleDiffError as error:
            raise StaleDiffError(f"{path}: {error}") from None
        if written[file] == source:
            raise StaleDiffError(f"{path}: changes nothing")
    return written
