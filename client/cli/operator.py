"""``koerier operator``: changes that two people make together.

It knows the enrolment of a post, and of a member or a terminal that joins one:
invite, propose, approve.  Files go from hand to hand; each step checks what it is
given before it signs anything.
"""

from pathlib import Path
from typing import Final

import click

from client.cli.messages import LEVELS
from client.cli.shell import Shell, passphrase_fd, with_shell
from client.cli.spoken import group
from client.cli.texts import OneLine
from client.clock import SystemClock
from client.exits import Exit
from client.files import write_atomic
from client.home import Config
from client.operator.addition import (
    AdditionRequest,
    Position,
    addition_proposal,
    invite_addition,
    read_invitation,
    read_request,
)
from client.operator.documents import read_document, write_document
from client.operator.enrolment import invite as make_invitation
from client.operator.enrolment import proposal
from client.operator.keyfile import make_key, open_key
from client.operator.rootfile import read_root
from client.operator.showing import sentences
from crypto.sign import Usage
from crypto.suite import SuiteId
from protocol.codec import decode
from protocol.directory_entry import Action, DirectoryEntry
from protocol.errors import ProtocolError
from protocol.key_log_entry import LeafKind, read_leaf, read_signed, signed_leaf
from protocol.label import Caveat, Clearance, Level
from protocol.proposal import require_open
from protocol.signed import Signed, gather, sign_document, signers

ROLE: Final = "operator"
WEEK: Final = 7 * 86_400  # seconds: life of an invitation and of a proposal
FILE: Final = click.Path(dir_okay=False, path_type=Path)
_root = click.option("--root", "root_file", type=FILE, required=True)
_out = click.option("--out", type=FILE, required=True)


@group
def operator() -> None:
    """Two-person changes: invite, propose, approve."""


@operator.command()
@passphrase_fd
@with_shell
def init(shell: Shell, /, *, passphrase_fd: int | None) -> None:
    """Make this operator's key."""
    shell.home.create(Config())
    passphrase = shell.passphrase(passphrase_fd, fresh=True)
    public, _ = make_key(shell.home, ROLE, SuiteId.S1, passphrase, shell.entropy)
    shell.say("operator.made", file=public)


@operator.command()
@_root
@click.option("--post")
@click.option("--name-nl", type=OneLine())
@click.option("--name-en", type=OneLine())
@click.option("--terminal", is_flag=True)
@click.option("--member", is_flag=True)
@click.option("--position", "position_file", type=FILE)
@_out
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
    until = SystemClock().wall() + WEEK
    if terminal is not member and position_file is not None:
        where = read_document(position_file, Position, "position")
        action = Action.ADD_TERMINAL if terminal else Action.ADD_MEMBER
        post = where.post
        write_document(
            out, invite_addition(where, action, until=until, entropy=shell.entropy)
        )
    elif post and name_nl and name_en and not (terminal or member):
        names = (name_nl, name_en)
        invitation = make_invitation(
            root.digest, post, names, until=until, entropy=shell.entropy
        )
        write_document(out, invitation)
    else:
        shell.refuse("operator.whom", Exit.BAD_INPUT)
    read_invitation(out)  # a wrong post id shows here
    shell.say("operator.invited", post=post, file=out)


@operator.command()
@click.argument("request_file", type=FILE, metavar="FILE")
@_root
@click.option("--level", type=click.Choice(LEVELS), required=True)
@click.option("--release", type=click.Choice(LEVELS))
@click.option("--eyes-only", is_flag=True)
@passphrase_fd
@_out
@with_shell
def propose(
    shell: Shell,
    /,
    *,
    request_file: Path,
    root_file: Path,
    level: str,
    release: str | None,
    eyes_only: bool,
    passphrase_fd: int | None,
    out: Path,
) -> None:
    """Propose what a post asked, with rights, and sign it first."""
    asked = read_request(request_file)
    root = read_root(root_file)
    caveats = (Caveat.NLD_EYES_ONLY,) if eyes_only else ()
    cleared = Clearance(level=Level(LEVELS.index(level)), caveats=caveats)
    highest = None if release is None else Level(LEVELS.index(release))
    expires = SystemClock().wall() + WEEK
    try:
        document = (
            addition_proposal(asked, cleared, highest, expires=expires)
            if isinstance(asked, AdditionRequest)
            else proposal(asked, cleared, highest, expires=expires)
        )
    except ProtocolError:
        shell.refuse(
            "operator.bad-file", Exit.BAD_INPUT, file=request_file, kind="request"
        )
    key = open_key(
        shell.home, ROLE, root.document.suite, shell.passphrase(passphrase_fd)
    )
    signed = sign_document(document, [key], usage=Usage.DIR, realm=root.realm)
    write_document(out, signed)
    shell.say("operator.proposed", file=out)


@operator.command()
@click.argument("proposal_file", type=FILE, metavar="FILE")
@_root
@passphrase_fd
@_out
@with_shell
def approve(
    shell: Shell,
    /,
    *,
    proposal_file: Path,
    root_file: Path,
    passphrase_fd: int | None,
    out: Path,
) -> None:
    """Show another operator's proposal, then sign it; the result goes to the relay.

    What is signed is told on standard error first, from the bytes themselves.
    """
    root = read_root(root_file)
    proposed = read_document(proposal_file, Signed, "proposal")
    for code, parts in sentences(proposed.document):
        shell.tell(code, **parts)
    key = open_key(
        shell.home, ROLE, root.document.suite, shell.passphrase(passphrase_fd)
    )
    try:
        before = signers(proposed, root.operators, usage=Usage.DIR, realm=root.realm)
        require_open(decode(proposed.document, DirectoryEntry), SystemClock().wall())
    except ProtocolError:
        shell.refuse(
            "operator.bad-file", Exit.BAD_INPUT, file=proposal_file, kind="proposal"
        )
    if key.id in before:
        shell.refuse("operator.own-proposal", Exit.REFUSED)
    own = sign_document(proposed.document, [key], usage=Usage.DIR, realm=root.realm)
    leaf = signed_leaf(LeafKind.DIRECTORY, gather([proposed, own]))
    read_signed(read_leaf(leaf).body)
    write_atomic(out, leaf)
    shell.say("operator.approved", file=out)


COMMANDS: Final = {"operator": operator}
