"""Sheets of paper: printed once, typed back when all else is forgotten.

Two kinds, each with its own words above it: a member's recovery sheet opens the
vault; the post's paper key speaks for the post.  Neither does what the other does.
"""

import os
from pathlib import Path
from typing import Final

from client.cli.shell import Shell
from client.exits import Exit
from client.files import write_atomic
from client.harmless import harmless
from client.paper import ROWS, Kind, SheetError, check_row, read_rows, rows_of
from crypto.types import Secret

MAX_TYPED: Final = 4096  # bytes read from a descriptor
_NAMES: Final = {Kind.VAULT: "recovery-sheet", Kind.POST: "paper-key"}


def write_sheet(shell: Shell, kind: Kind, secret: Secret, whose: str) -> None:
    """Write a sheet into the home and say that it belongs on paper."""
    code = kind.name.lower()
    rows = rows_of(secret, kind)
    lines = [
        shell.words.say(f"sheet.{code}-title", whose=harmless(whose)),
        "",
        shell.words.say(f"sheet.{code}-use"),
        "",
        *(f"{number}   {row}" for number, row in enumerate(rows, start=1)),
        "",
        shell.words.say("sheet.how", rows=ROWS),
    ]
    file = _free(shell.home.path, _NAMES[kind])
    write_atomic(file, ("\n".join(lines) + "\n").encode())
    shell.tell(f"sheet.{code}-written", file=file)


def read_sheet(shell: Shell, kind: Kind, descriptor: int | None) -> Secret:
    """Return the secret of a sheet: from a descriptor, else typed row by row.

    A descriptor may bring the rows alone or the whole sheet as it was written.
    """
    if descriptor is None:
        return read_rows("".join(_typed(shell, kind)), kind)
    try:
        with os.fdopen(descriptor, "rb") as file:
            text = file.read(MAX_TYPED).decode()
        return read_rows(_rows_in(text), kind)
    except (OSError, UnicodeDecodeError):
        shell.refuse("passphrase.unreadable", Exit.BAD_INPUT)
    except SheetError as error:
        shell.refuse("sheet.wrong-row", Exit.BAD_INPUT, row=error.row)


def _typed(shell: Shell, kind: Kind) -> list[str]:
    rows: list[str] = []
    while len(rows) < ROWS:
        number = len(rows) + 1
        row = shell.typed("sheet.ask", row=number)
        try:
            check_row(row, number, kind)
        except SheetError:
            shell.tell("sheet.wrong-row", row=number)
            continue
        rows.append(row)
    return rows


def _rows_in(text: str) -> str:
    """Return the rows of a whole sheet without their numbers, or the text itself."""
    numbered = [line.split() for line in text.splitlines()]
    rows = [
        parts[1]
        for parts in numbered
        if len(parts) == 2 and parts[0].isascii() and parts[0].isdigit()  # noqa: PLR2004 -- number and row
    ]
    return "\n".join(rows) if len(rows) == ROWS else text


def _free(folder: Path, name: str) -> Path:
    file, number = folder / f"{name}.txt", 1
    while file.exists():
        number += 1
        file = folder / f"{name}-{number}.txt"
    return file
