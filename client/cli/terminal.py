"""``koerier terminal``: make a terminal, unlock it, lock it, see where it stands."""

import base64
from pathlib import Path
from typing import Final

import click

from client.cli.exits import Exit
from client.cli.shell import Shell, as_json, passphrase_fd, print_json, with_shell
from client.cli.spoken import group
from client.files import write_atomic
from client.home import Config
from client.operator.documents import Invitation, read_document, write_document
from client.operator.enrolment import NewKeys, draw_keys
from client.operator.enrolment import request as make_request
from client.operator.rootfile import read_root
from client.vault.making import make_vault
from crypto.sign import Realm

FILE: Final = click.Path(dir_okay=False, path_type=Path)
YEAR: Final = 366 * 86_400  # seconds


@group
def terminal() -> None:
    """This terminal: make, unlock, lock, status."""


@terminal.command()
@click.option("--invite", type=FILE, required=True)
@click.option("--root", "root_file", type=FILE, required=True)
@click.option("--member", required=True)
@click.option("--relay", default="", metavar="HOST:PORT")
@click.option("--demo", is_flag=True)
@click.option("--out", type=FILE, required=True)
@passphrase_fd
@with_shell
def init(
    shell: Shell,
    /,
    *,
    invite: Path,
    root_file: Path,
    member: str,
    relay: str,
    demo: bool,
    out: Path,
    passphrase_fd: int | None,
) -> None:
    """Make this terminal's keys and its request to be enrolled.

    Compare the hash of the root document with the paper at your post first.
    """
    root = read_root(root_file)
    invitation = read_document(invite, Invitation, "invitation")
    if (root.realm is Realm.DEMO) is not demo:
        shell.refuse("terminal.demo-root", Exit.REFUSED)
    if invitation.root != root.digest:
        shell.refuse("operator.bad-file", Exit.BAD_INPUT, file=invite, kind="root")
    passphrase = shell.passphrase(passphrase_fd, fresh=True)
    language = shell.words.language
    shell.home.create(Config(language=language, post=invitation.post, relay=relay))
    write_atomic(shell.home.root_file, root_file.read_bytes())
    keys = draw_keys(root.document.suite, invitation.post, member, shell.entropy)
    make_vault(shell.home, keys, root, passphrase, shell.entropy)
    asked = make_request(
        invitation,
        keys,
        realm=root.realm,
        until=invitation.until + YEAR,
        entropy=shell.entropy,
    )
    write_document(out, asked)
    _recovery_sheet(shell, keys)
    shell.say("terminal.made", file=out)


def _recovery_sheet(shell: Shell, keys: NewKeys) -> None:
    """Write the post's paper key; it belongs in the safe and not on the machine."""
    words = base64.b32encode(keys.recovery.reveal()).decode().rstrip("=")
    lines = [words[start : start + 8] for start in range(0, len(words), 8)]
    sheet = shell.home.path / "recovery-sheet.txt"
    write_atomic(sheet, ("\n".join(lines) + "\n").encode())
    shell.tell("terminal.recovery", file=sheet)


@terminal.command()
@passphrase_fd
@click.option("--foreground", is_flag=True)
@with_shell
def unlock(shell: Shell, /, *, passphrase_fd: int | None, foreground: bool) -> None:
    """Unlock: the agent owns the vault, synchronises and moves the outbox."""
    from client.agent import run_agent
    from client.background import start_agent

    shell.home.config()
    passphrase = shell.passphrase(passphrase_fd)
    if foreground:
        run_agent(shell.home, passphrase)
        return
    start_agent(shell.home, passphrase)
    shell.say("terminal.unlocked")


@terminal.command()
@with_shell
def lock(shell: Shell, /) -> None:
    """Lock: the agent ends, the vault is closed."""
    shell.ask("lock")
    shell.say("terminal.locked")


@terminal.command()
@as_json
@with_shell
def status(shell: Shell, /, *, as_json: bool) -> None:
    """Show whether this terminal is connected, enrolled and up to date."""
    found = shell.ask("status")
    if as_json:
        print_json(found)
        return
    if not found["enrolled"]:
        shell.say("terminal.not-enrolled")
        return
    connection = shell.words.say(f"connection.{'up' if found['online'] else 'down'}")
    shell.say(
        "terminal.status",
        post=found["post"],
        number=found["terminal"],
        connection=connection,
        entries=found["entries"],
        waiting=found["waiting"],
    )


COMMANDS: Final = {"terminal": terminal}
