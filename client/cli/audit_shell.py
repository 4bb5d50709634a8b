"""What the commands of an auditor share: the ministry, its memory, its network."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from client.audit.asking import Ministry, entries_of, ministry_of
from client.audit.source import Copy, SourceError
from client.audit.state import Memory, StateError
from client.cli.shell import Shell
from client.exits import Exit
from protocol.errors import ProtocolError

T = TypeVar("T")
FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER: Final = click.Path(file_okay=False, path_type=Path)
root_file = click.option("--root", "root", type=FILE, metavar="FILE")
copied = click.option("--copy", "copy", type=FOLDER, metavar="FOLDER")
at_relay = click.option("--relay", "relay", metavar="ADDRESS")


def ministry_for(
    shell: Shell, root: Path | None, relay: str | None, copy: Path | None
) -> Ministry:
    """Return the ministry, with the entries of the terminal or of the copy."""
    entries: tuple[bytes, ...] | None = None
    if root is None:
        shell.home.config()
        entries = entries_of(lambda start: shell.ask("audit-entries", start=start))
    elif copy is not None:
        try:
            entries = Copy(copy).entries()
        except (ProtocolError, SourceError):
            shell.refuse("audit.copy-odd", Exit.BAD_INPUT)
    return ministry_of(shell.home, root, relay, entries or None)


def run(shell: Shell, work: Coroutine[Any, Any, T]) -> T:
    """Return what the work finds; a log that cannot be read ends the command."""
    try:
        return asyncio.run(work)
    except SourceError as error:
        away = error.code == "audit.relay-away"
        shell.refuse(error.code, Exit.QUEUED if away else Exit.FAILED)


def remembered(shell: Shell) -> Memory:
    """Return what was verified before in this home."""
    try:
        return Memory.of(shell.home.path)
    except StateError:
        shell.refuse("audit.state-hurt", Exit.INTEGRITY)
