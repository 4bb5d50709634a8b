"""``koerier terminal passphrase|recover|check|backup|restore``: the vault's life."""

from pathlib import Path
from typing import Final

import click

from client.cli.sheets import read_sheet, write_sheet
from client.cli.shell import (
    Shell,
    as_json,
    new_passphrase_fd,
    passphrase_fd,
    print_json,
    sheet_fd,
    with_shell,
)
from client.cli.spoken import command
from client.clock import SystemClock
from client.exits import Exit
from client.files import write_atomic
from client.paper import SECRET_BYTES, Kind
from client.vault.locked import FullError, Person, Unlocked, of_sheet, relock
from client.vault.opening import VAULT_KEY, key_lock, try_passphrase
from crypto.types import Secret

FILE: Final = click.Path(dir_okay=False, path_type=Path)
_new_sheet = click.option("--new-sheet", is_flag=True)


@command()
@click.option("--member", metavar="NAME")
@_new_sheet
@passphrase_fd
@new_passphrase_fd
@with_shell
def passphrase(
    shell: Shell,
    /,
    *,
    member: str | None,
    new_sheet: bool,
    passphrase_fd: int | None,
    new_passphrase_fd: int | None,
) -> None:
    """Change a member's passphrase.  Messages and keys stay as they are."""
    old = shell.passphrase(passphrase_fd)
    opened = try_passphrase(shell.home, old, SystemClock(), member=member)
    new = shell.passphrase(new_passphrase_fd, fresh=True)
    replace_passphrase(shell, opened, new, new_sheet=new_sheet)
    shell.say("terminal.passphrase-changed")


@command()
@_new_sheet
@sheet_fd
@passphrase_fd
@with_shell
def recover(
    shell: Shell,
    /,
    *,
    new_sheet: bool,
    sheet_fd: int | None,
    passphrase_fd: int | None,
) -> None:
    """Set a new passphrase with the rows of a member's recovery sheet.

    The sheet is in the safe, with the member's name on it.  The post's paper key is
    another sheet and does not open the vault.
    """
    secret = read_sheet(shell, Kind.VAULT, sheet_fd)
    opened = try_passphrase(shell.home, of_sheet(secret), SystemClock(), sheet=True)
    new = shell.passphrase(passphrase_fd, fresh=True)
    replace_passphrase(shell, opened, new, new_sheet=new_sheet)
    shell.say("terminal.recovered", name=opened.who)


def replace_passphrase(
    shell: Shell, opened: Unlocked, new: str, *, new_sheet: bool
) -> None:
    """Wrap the vault key anew for a member; a crash leaves the old passphrase."""
    people = [Person(opened.who, new, opened.own)]
    sheet = Secret(shell.entropy(SECRET_BYTES)) if new_sheet else None
    if sheet is not None:
        people.append(Person(opened.who, of_sheet(sheet), opened.own, sheet=True))
    add_people(shell, opened.secret, people)
    if sheet is not None:
        write_sheet(shell, Kind.VAULT, sheet, opened.who)


def add_people(shell: Shell, secret: Secret, people: list[Person]) -> None:
    """Write vault.key with wraps for ``people``, each in the place of their old one."""
    file = shell.home.keys / VAULT_KEY
    with key_lock(shell.home):
        data = file.read_bytes()
        try:
            for person in people:
                data = relock(data, secret, person, shell.entropy)
        except FullError:
            shell.refuse("terminal.full", Exit.REFUSED)
        write_atomic(file, data)


@command()
@as_json
@with_shell
def check(shell: Shell, /, *, as_json: bool) -> None:
    """Check every page and every name in the vault.  Status 6 names each fault."""
    faults = shell.ask("check")["faults"]
    if as_json:
        print_json({"faults": faults})
    else:
        for fault in faults:
            click.echo(fault)
    if faults:
        shell.refuse("vault.faults", Exit.INTEGRITY, count=len(faults))
    if not as_json:
        shell.say("vault.sound")


@command()
@click.option("--out", type=FILE, required=True)
@as_json
@with_shell
def backup(shell: Shell, /, *, out: Path, as_json: bool) -> None:
    """Write an encrypted copy of everything but the living keys.

    It opens with the passphrases and recovery sheets of today.  It holds neither the
    terminal's identity nor its prekeys: nobody can be this terminal with it.
    """
    answer = shell.ask("backup", file=str(out.absolute()))
    if as_json:
        print_json(answer)
    else:
        shell.say("backup.written", **answer)
