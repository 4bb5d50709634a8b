"""``koerier terminal member|position|consent``: more people, more terminals."""

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
from client.cli.spoken import command, group
from client.cli.texts import OneLine
from client.cli.vault import add_people
from client.clock import SystemClock
from client.exits import Exit
from client.files import read_bounded, write_atomic
from client.operator.addition import Addition, AdditionRequest, consented
from client.operator.documents import read_document, write_document
from client.operator.enrolment import paper_key
from client.operator.rootfile import read_root
from client.operator.showing import sentences
from client.operator.voice import of_request, said
from client.paper import Kind
from client.vault.locked import Unlocked, holds
from client.vault.making import draw_member
from client.vault.opening import VAULT_KEY, try_passphrase
from protocol.codec import decode, encode
from protocol.errors import ProtocolError
from protocol.limits import MAX_DOCUMENT
from protocol.signed import Signed

FILE: Final = click.Path(dir_okay=False, path_type=Path)


@group
def member() -> None:
    """People at this terminal."""


@member.command("list")
@as_json
@with_shell
def list_(shell: Shell, /, *, as_json: bool) -> None:
    """List who has a place here, who sits, and who is enrolled."""
    found = shell.ask("members")
    if as_json:
        print_json(found)
        return
    for one in found:
        enrolled = "enrolled" if one["enrolled"] else "asked"
        code = "seated" if one["seated"] else enrolled
        shell.say(f"member.{code}", name=one["name"], key=one["key"])


@member.command()
@click.option("--invite", type=FILE, required=True)
@click.option("--name", type=OneLine(), required=True)
@click.option("--out", type=FILE, required=True)
@passphrase_fd
@new_passphrase_fd
@with_shell
def add(
    shell: Shell,
    /,
    *,
    invite: Path,
    name: str,
    out: Path,
    passphrase_fd: int | None,
    new_passphrase_fd: int | None,
) -> None:
    """Give somebody a place, and ask operators to enrol them.

    A member who has a place types their own passphrase first; then the new one
    chooses theirs.  For a name that has a place already this makes a new request,
    and its own passphrase is enough.
    """
    addition = read_document(invite, Addition, "invitation")
    typed = shell.passphrase(passphrase_fd)
    file = shell.home.keys / VAULT_KEY
    there = file.exists() and holds(file.read_bytes(), name)
    opened = try_passphrase(
        shell.home, typed, SystemClock(), member=name if there else None
    )
    if not there:
        opened = _new_place(shell, opened, name, new_passphrase_fd)
    asked = shell.ask(
        "member-request",
        addition=encode(addition).hex(),
        name=name,
        own=_own(opened),
    )
    write_atomic(out, bytes.fromhex(asked["document"]))
    shell.say("member.added", name=name, file=out)
    request = decode(bytes.fromhex(asked["document"]), AdditionRequest)
    shell.say("terminal.voice", **said(of_request(request)))


def _new_place(
    shell: Shell, opened: Unlocked, name: str, descriptor: int | None
) -> Unlocked:
    """Keep a new member's keys, then their two ways in, and print their sheet.

    A crash in between leaves keys that nobody can use: the same command again
    replaces them.
    """
    new = shell.passphrase(descriptor, fresh=True)
    suite = read_root(shell.home.root_file).document.suite
    person = draw_member(suite, name, new, shell.entropy)
    box = person.box(shell.entropy)
    shell.ask("member-add", name=name, public=person.public.hex(), box=box.hex())
    add_people(shell, opened.secret, [*person.people()])
    write_sheet(shell, Kind.VAULT, person.sheet, name)
    return Unlocked(opened.secret, name, person.own)


def change_seats(shell: Shell, name: str, descriptor: int | None) -> None:
    """Let another member sit down at an unlocked terminal."""
    typed = shell.passphrase(descriptor)
    opened = try_passphrase(shell.home, typed, SystemClock(), member=name)
    shell.ask("seat", name=opened.who, own=_own(opened))
    shell.say("member.sits", name=opened.who)


def _own(opened: Unlocked) -> str:
    return "" if opened.own is None else opened.own.reveal().hex()


@command()
@click.option("--terminal", "own", is_flag=True)
@click.option("--member", "person", is_flag=True)
@click.option("--out", type=FILE, required=True)
@passphrase_fd
@with_shell
def rotate(
    shell: Shell, /, *, own: bool, person: bool, out: Path, passphrase_fd: int | None
) -> None:
    """Draw a new key for this terminal, or for who sits, and ask operators to enrol it.

    Until two of them did, the old key goes on; then the terminal changes over by
    itself.  The same command again asks for the same key.
    """
    seated = ""
    opened = None
    if person:
        seated = next(one["name"] for one in shell.ask("members") if one["seated"])
        typed = shell.passphrase(passphrase_fd)
        opened = try_passphrase(shell.home, typed, SystemClock(), member=seated)
    asked = shell.ask(
        "rotate",
        terminal=own or not person,
        name=seated,
        own="" if opened is None else _own(opened),
    )
    write_atomic(out, bytes.fromhex(asked["document"]))
    shell.say("terminal.rotating", file=out)


@command()
@click.option("--post")
@click.option("--out", type=FILE, required=True)
@with_shell
def position(shell: Shell, /, *, post: str | None, out: Path) -> None:
    """Write where the post's next entry goes: an operator needs it to invite."""
    answer = shell.ask("position", post=post)
    write_atomic(out, bytes.fromhex(answer["document"]))
    shell.say("terminal.position", file=out)


@command()
@click.argument("proposal_file", type=FILE, metavar="FILE")
@click.option("--paper", is_flag=True)
@click.option("--out", type=FILE, required=True)
@sheet_fd
@with_shell
def consent(
    shell: Shell,
    /,
    *,
    proposal_file: Path,
    paper: bool,
    out: Path,
    sheet_fd: int | None,
) -> None:
    """Agree that the post gets another terminal.  It will read what comes in."""
    proposed = read_document(proposal_file, Signed, "proposal")
    for code, parts in sentences(proposed.document):
        shell.tell(code, **parts)
    if not paper:
        answer = shell.ask(
            "consent", proposal=read_bounded(proposal_file, MAX_DOCUMENT).hex()
        )
        write_atomic(out, bytes.fromhex(answer["document"]))
    else:
        secret = read_sheet(shell, Kind.POST, sheet_fd)
        root = read_root(shell.home.root_file)
        post = shell.home.config().post
        try:
            key = paper_key(root.document.suite, secret)
            agreed = consented(proposed, key, post, realm=root.realm)
        except ProtocolError:
            shell.refuse("terminal.no-consent", Exit.REFUSED)
        write_document(out, agreed)
    shell.say("terminal.consented", file=out)
