"""Files that a person names on the command line, read within bounds.

``-`` is standard input.  Whatever is named, no more is read than could be of use.
"""

import sys
from pathlib import Path
from typing import Final

import click

from client.cli.shell import Shell
from client.exits import Exit
from client.files import read_bounded

STDIN: Final = "-"
INPUT: Final = click.Path(exists=True, allow_dash=True, path_type=Path)


def read_input(shell: Shell, path: Path, limit: int) -> bytes:
    """Return what is in a file or comes over standard input; one byte too much, if so.

    Raises:
        OSError: the file cannot be read, or is larger than ``limit``.
    """
    if str(path) != STDIN:
        return read_bounded(path, limit)
    stream = sys.stdin
    if stream is None or stream.closed:
        shell.refuse("file.no-input", Exit.BAD_INPUT)
    if stream.isatty():
        shell.tell("file.type")
    try:
        data = stream.buffer.read(limit + 1)
    except OSError:
        shell.refuse("file.no-input", Exit.BAD_INPUT)
    if len(data) > limit:
        shell.refuse("file.too-large", Exit.BAD_INPUT, file=STDIN)
    return data


def read_text(shell: Shell, path: Path, limit: int) -> str:
    """Return the same as text, each line ended as Unix does."""
    try:
        text = read_input(shell, path, limit).decode()
    except UnicodeDecodeError:
        shell.refuse("file.not-text", Exit.BAD_INPUT, file=path)
    return text.replace("\r\n", "\n").replace("\r", "\n")
