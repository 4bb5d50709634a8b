"""``koerier operator``: changes that two people make together, and the fast one alone.

Here are the operator's key and the invitations; beside it what one proposes
(:mod:`client.cli.proposing`), what another approves (:mod:`client.cli.approving`), and
what one does alone (:mod:`client.cli.restricting`).  On a terminal proposals travel as
sealed records; without one, files go from hand to hand.  Each step checks what it is
given and shows what would be signed, before it signs anything.
"""

from pathlib import Path
from typing import Final

import click

from client.cli import approving, directory, proposing, restricting, zeroising
from client.cli.shell import Shell, passphrase_fd, with_shell
from client.cli.signing import FILE, ROLE
from client.cli.spoken import group
from client.cli.texts import OneLine
from client.clock import SystemClock
from client.exits import Exit
from client.home import CONFIG, Config
from client.operator.addition import (
    Position,
    invite_addition,
    invite_again,
    read_invitation,
)
from client.operator.documents import read_document, write_document
from client.operator.enrolment import invite as make_invitation
from client.operator.keyfile import make_key
from client.operator.rootfile import read_root
from crypto.suite import SuiteId
from protocol.codec import Message
from protocol.directory_entry import Action
from protocol.policy import WEEK


@group
def operator() -> None:
    """Two-person changes: invite, propose, approve; restrict alone."""


@operator.command()
@passphrase_fd
@with_shell
def init(shell: Shell, /, *, passphrase_fd: int | None) -> None:
    """Make this operator's key, in a home of its own or beside a terminal."""
    if (shell.home.keys / f"{ROLE}.key").exists():
        shell.refuse("operator.key-there", Exit.BAD_INPUT, path=str(shell.home.path))
    if not (shell.home.path / CONFIG).exists():
        shell.home.create(Config())
    passphrase = shell.passphrase(passphrase_fd, fresh=True)
    public, _ = make_key(shell.home, ROLE, SuiteId.S1, passphrase, shell.entropy)
    shell.say("operator.made", file=public)


@operator.command()
@click.option("--root", "root_file", type=FILE, required=True)
@click.option("--post")
@click.option("--name-nl", type=OneLine())
@click.option("--name-en", type=OneLine())
@click.option("--terminal", is_flag=True)
@click.option("--member", is_flag=True)
@click.option("--position", "position_file", type=FILE)
@click.option("--out", type=FILE, required=True)
@with_shell
def invite(
    shell: Shell,
    /,
    *,
    root_file: Path,
    post: str | None,
    name_nl: str | None,
    name_en: str | None,
    terminal: bool,
    member: bool,
    position_file: Path | None,
    out: Path,
) -> None:
    """Invite a post to enrol, or a terminal or member to join one."""
    root = read_root(root_file)
    until, drawn = SystemClock().wall() + WEEK, shell.entropy
    names = (name_nl, name_en) if name_nl and name_en else None
    document: Message
    if terminal is not member and position_file is not None:
        where = read_document(position_file, Position, "position")
        action, post = Action.ADD_MEMBER, where.post
        if terminal:
            action = Action.ADD_TERMINAL
        document = invite_addition(where, action, until=until, entropy=drawn)
    elif names and position_file is not None and not (terminal or member):
        where = read_document(position_file, Position, "position")
        post = where.post
        document = invite_again(where, names, until=until, entropy=drawn)
    elif post and names and not (terminal or member):
        document = make_invitation(root.digest, post, names, until=until, entropy=drawn)
    else:
        shell.refuse("operator.whom", Exit.BAD_INPUT)
    write_document(out, document)
    read_invitation(out)  # a wrong post id shows here
    shell.say("operator.invited", post=post, file=out)


for command in (
    *(proposing.propose, proposing.rotate, proposing.revoke),
    *(approving.list_, approving.show, approving.approve, approving.reject),
    *(restricting.restrict, zeroising.zeroise, directory.expiring),
):
    operator.add_command(command)

COMMANDS: Final = {"operator": operator}
