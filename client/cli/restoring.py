"""``koerier terminal restore``: the vault of a backup, here or on a new machine."""

from pathlib import Path
from typing import Final

import click

from client.cli.shell import Shell, passphrase_fd, with_shell
from client.cli.spoken import command
from client.clock import SystemClock
from client.exits import Exit
from client.files import read_bounded, write_atomic
from client.home import Config
from client.operator.addition import Addition, request_terminal
from client.operator.documents import read_document, write_document
from client.operator.rootfile import read_root
from client.operator.voice import of_request, said
from client.vault.making import draw_signing_key
from client.vault.restore import restore_elsewhere, restore_here
from protocol.directory_entry import Action
from protocol.root_file import MAX_ROOT_FILE

FILE: Final = click.Path(dir_okay=False, path_type=Path)
YEAR: Final = 366 * 86_400  # seconds


@command()
@click.argument("file", type=FILE)
@click.option("--invite", type=FILE)
@click.option("--root", "root_file", type=FILE)
@click.option("--out", type=FILE)
@click.option("--relay", default="", metavar="HOST:PORT")
@passphrase_fd
@with_shell
def restore(
    shell: Shell,
    /,
    *,
    file: Path,
    invite: Path | None,
    root_file: Path | None,
    out: Path | None,
    relay: str,
    passphrase_fd: int | None,
) -> None:
    """Restore a backup.  Whom you write to is told that this terminal was restored."""
    if invite is None and root_file is None and out is None:
        shell.home.config()
        typed = shell.passphrase(passphrase_fd)
        aside = restore_here(shell.home, file, typed, SystemClock())
        shell.say("backup.restored", aside="-" if aside is None else aside)
    elif invite is not None and root_file is not None and out is not None:
        _elsewhere(shell, file, (invite, root_file, out), relay, passphrase_fd)
    else:
        shell.refuse("backup.elsewhere-needs", Exit.BAD_INPUT)


def _elsewhere(
    shell: Shell,
    file: Path,
    papers: tuple[Path, Path, Path],
    relay: str,
    descriptor: int | None,
) -> None:
    invite, root_file, out = papers
    root = read_root(root_file)
    addition = read_document(invite, Addition, "invitation")
    where = addition.position
    if where.root != root.digest or addition.action is not Action.ADD_TERMINAL:
        shell.refuse("operator.bad-file", Exit.BAD_INPUT, file=invite, kind="root")
    typed = shell.passphrase(descriptor)
    config = Config(post=where.post, relay=relay)
    shell.home.create(config)
    write_atomic(shell.home.root_file, read_bounded(root_file, MAX_ROOT_FILE))
    seed, key = draw_signing_key(root.document.suite, shell.entropy)
    post = restore_elsewhere(
        shell.home, (file, typed), seed, SystemClock(), shell.entropy
    )
    if post != where.post:
        shell.refuse("operator.bad-file", Exit.BAD_INPUT, file=invite, kind=post)
    asked = request_terminal(
        addition,
        key,
        realm=root.realm,
        until=addition.until + YEAR,
        entropy=shell.entropy,
    )
    write_document(out, asked)
    shell.say("terminal.made", file=out)
    shell.say("terminal.voice", **said(of_request(asked)))
