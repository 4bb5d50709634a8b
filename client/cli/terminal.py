"""``koerier terminal``: make a terminal, unlock it, lock it, see where it stands."""

from dataclasses import replace
from pathlib import Path
from typing import Final

import click

from client.cli import members, restoring, restricting, vault
from client.cli.sheets import write_sheet
from client.cli.shell import Shell, as_json, passphrase_fd, print_json, with_shell
from client.cli.spoken import group
from client.cli.texts import OneLine
from client.door import asking
from client.exits import Exit
from client.files import read_bounded, write_atomic
from client.home import Config
from client.operator.addition import (
    Addition,
    AdditionRequest,
    Position,
    read_invitation,
    request_terminal,
)
from client.operator.documents import Invitation, Request, write_document
from client.operator.enrolment import NewKeys, draw_keys
from client.operator.enrolment import request as make_request
from client.operator.rootfile import read_root
from client.operator.voice import of_request, said
from client.paper import Kind
from client.vault.making import PIN, POST, VOICE, draw_member, make_vault
from crypto.entropy import Entropy
from crypto.sign import Realm, SigningKey
from protocol.directory_entry import Action
from protocol.root_file import MAX_ROOT_FILE
from protocol.trusted_root import TrustedRoot

FILE: Final = click.Path(dir_okay=False, path_type=Path)
YEAR: Final = 366 * 86_400  # seconds


@group
def terminal() -> None:
    """This terminal: make, unlock, lock, status; its members; its vault."""


@terminal.command()
@click.option("--invite", type=FILE, required=True)
@click.option("--root", "root_file", type=FILE, required=True)
@click.option("--member", type=OneLine(), required=True)
@click.option("--relay", default="", metavar="HOST:PORT")
@click.option("--witness", "witnesses", multiple=True, metavar="NAME=URL")
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
    witnesses: tuple[str, ...],
    demo: bool,
    out: Path,
    passphrase_fd: int | None,
) -> None:
    """Make this terminal's keys and its request to be enrolled.

    Compare the hash of the root document with the paper at your post first.  With an
    invitation for a second terminal this one joins a post that there is already.
    """
    root = read_root(root_file)
    invitation = read_invitation(invite)
    post = require_invited(shell, invitation, root, invite, demo=demo)
    passphrase = shell.passphrase(passphrase_fd, fresh=True)
    elsewhere = dict(pair.partition("=")[::2] for pair in witnesses)
    config = Config(post=post, relay=relay, witnesses=elsewhere)
    suite = root.document.suite
    keys = draw_keys(suite, post, member, shell.entropy)
    person = draw_member(suite, member, passphrase, shell.entropy)
    shell.home.create(config)
    write_atomic(shell.home.root_file, read_bounded(root_file, MAX_ROOT_FILE))
    keys = replace(keys, member=person.seed)
    asked = _asked(invitation, keys, root.realm, shell.entropy)
    heard = of_request(asked)
    facts = {PIN: root.digest, POST: post.encode(), VOICE: heard}
    make_vault(shell.home, keys.terminal, person, facts, shell.entropy)
    if isinstance(invitation, Invitation):
        write_sheet(shell, Kind.POST, keys.paper, post)
    write_document(out, asked)
    write_sheet(shell, Kind.VAULT, person.sheet, member)
    shell.say("terminal.made", file=out)
    shell.say("terminal.voice", **said(heard))


def _asked(
    invitation: Invitation | Addition, keys: NewKeys, realm: Realm, entropy: Entropy
) -> Request | AdditionRequest:
    """Return the request of a new post, or of a terminal that joins one."""
    until = invitation.until + YEAR
    if isinstance(invitation, Invitation):
        return make_request(invitation, keys, realm=realm, until=until, entropy=entropy)
    key = SigningKey.from_seed(keys.suite, keys.terminal)
    return request_terminal(invitation, key, realm=realm, until=until, entropy=entropy)


def require_invited(
    shell: Shell,
    invitation: Invitation | Addition,
    root: TrustedRoot,
    file: Path,
    *,
    demo: bool,
) -> str:
    """Return the post that is invited, under this root and in this realm."""
    if (root.realm is Realm.DEMO) is not demo:
        shell.refuse("terminal.demo-root", Exit.REFUSED)
    where: Invitation | Position
    if isinstance(invitation, Addition):
        where, wrong = invitation.position, invitation.action is not Action.ADD_TERMINAL
    else:
        where, wrong = invitation, False
    if wrong or where.root != root.digest:
        shell.refuse("operator.bad-file", Exit.BAD_INPUT, file=file, kind="root")
    return where.post


@terminal.command()
@passphrase_fd
@click.option("--member", metavar="NAME")
@click.option("--foreground", is_flag=True)
@with_shell
def unlock(
    shell: Shell,
    /,
    *,
    passphrase_fd: int | None,
    member: str | None,
    foreground: bool,
) -> None:
    """Unlock: the agent owns the vault, synchronises and moves the outbox.

    While it is unlocked, `--member` lets another member sit down: what is read,
    acknowledged and sent from then on is signed by them.
    """
    from client.agent.background import is_running, start_agent
    from client.agent.process import run_agent

    shell.home.config()
    if member is not None and not foreground and is_running(shell.home):
        members.change_seats(shell, member, passphrase_fd)
        return
    passphrase = shell.passphrase(passphrase_fd)
    if foreground:
        run_agent(shell.home, passphrase, member)
        return
    start_agent(shell.home, passphrase, member, shell.words.language)
    shell.say("terminal.unlocked")


@terminal.command()
@with_shell
def lock(shell: Shell, /) -> None:
    """Lock: the agent ends, the vault is closed."""
    from client.agent.background import wait_until_free

    try:
        asking.ask(shell.home, "lock")
    except asking.NoAgentError:
        shell.refuse("agent.locked", Exit.LOCKED)
    wait_until_free(shell.home)
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
        if found["request"] is not None:
            shell.say("terminal.voice", **found["request"])
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
    keys = found["keys"]
    if keys is not None and keys["ending"] != "far":
        shell.say(f"doctor.keys-{keys['ending']}", days=max(0, keys["days"]))


@terminal.command("renew-streams")
@as_json
@with_shell
def renew_streams(shell: Shell, /, *, as_json: bool) -> None:
    """Go on in new streams, because somebody may have a copy of this vault."""
    answer = shell.ask("renew_streams")
    if as_json:
        print_json(answer)
    else:
        shell.say("terminal.streams-renewed", count=answer["terminals"])


for command in (
    *(vault.passphrase, vault.recover, vault.check, vault.backup),
    *(restoring.restore, members.member, members.position, members.consent),
    members.rotate,
    restricting.restrict_self,
):
    terminal.add_command(command)

COMMANDS: Final = {"terminal": terminal}
