"""``koerier operator list|show|approve|reject``: proposals, and a second key.

A proposal is named by the beginning of its id, as ``operator list`` shows it, or by the
file that somebody handed over.  What is signed is shown from its bytes first.
"""

from pathlib import Path
from typing import Any, Final

import click

from client.cli.bulletins import witness_option
from client.cli.dates import clock
from client.cli.shell import Shell, as_json, passphrase_fd, print_json, with_shell
from client.cli.signing import (
    Office,
    lines_of,
    out_option,
    root_option,
    say_all,
    with_own,
    write_leaf,
)
from client.cli.spoken import SpokenCommand
from client.cli.zeroising import tell_order
from client.clock import SystemClock
from client.exits import Exit
from client.home import HomeError
from client.operator.documents import read_document
from client.operator.rootfile import read_root
from client.operator.showing import sentences, short_id
from crypto.sign import Usage
from crypto.types import KeyId
from protocol.bodies import Subject
from protocol.codec import decode, encode
from protocol.directory_entry import DirectoryEntry
from protocol.errors import ProtocolError
from protocol.key_log_entry import LeafKind, signed_leaf
from protocol.proposal import require_open
from protocol.signed import Signed, signers
from protocol.zeroising import is_order

USAGES: Final = {
    Subject.DIRECTORY_ENTRY: Usage.DIR,
    Subject.RESTRICTION: Usage.SUSPEND,
    Subject.ZEROISE: Usage.ZEROISE,
}


@click.command("list", cls=SpokenCommand)
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="FILE")
@as_json
@with_shell
def list_(shell: Shell, /, *, files: tuple[Path, ...], as_json: bool) -> None:
    """List proposals: those that came or were made here, or those in files."""
    found = [_of_file(file) for file in files] if files else shell.ask("operator-list")
    if as_json:
        print_json(found)
        return
    for line in found:
        _say_line(shell, line)
    if not found:
        shell.say("operator.none")


@click.command(cls=SpokenCommand)
@click.argument("proposal", metavar="ID|FILE")
@as_json
@with_shell
def show(shell: Shell, /, *, proposal: str, as_json: bool) -> None:
    """Show one proposal whole: what it says, what it would change, who signed."""
    if Path(proposal).is_file():
        line = _of_file(Path(proposal))
        lines = sentences(bytes.fromhex(line["document"]))
    else:
        line = shell.ask("operator-proposal", id=proposal)
        lines = _sentences_of(shell, line)
    if as_json:
        print_json({**line, "sentences": lines})
        return
    say_all(shell, lines)
    _say_line(shell, line)
    for refusal in line["refusals"]:
        shell.say("operator.rejected-by", **refusal)


@click.command(cls=SpokenCommand)
@click.argument("proposal", required=False, metavar="ID|FILE")
@root_option
@out_option
@witness_option
@passphrase_fd
@as_json
@with_shell
def approve(
    shell: Shell,
    /,
    *,
    proposal: str | None,
    root_file: Path | None,
    out: Path | None,
    witnesses: tuple[str, ...],
    passphrase_fd: int | None,
    as_json: bool,
) -> None:
    """Show another operator's proposal, then sign it.

    What is signed is told on standard error first, from the bytes themselves.
    """
    office = Office(shell, root_file)
    if proposal is None:
        proposal = _the_open_one(shell)
    if root_file is not None or Path(proposal).is_file():
        _approve_file(office, Path(proposal), out, passphrase_fd, witnesses)
        return
    found = shell.ask("operator-proposal", id=proposal)
    _require_open(shell, found)
    document, subject = bytes.fromhex(found["document"]), _subject(found)
    office.show(document, subject)
    own = office.sign(document, USAGES[subject], passphrase_fd)
    if own.signatures[0].key.hex() in found["signed_by"]:
        shell.refuse("operator.own-proposal", Exit.REFUSED)
    (line,) = lines_of(own)
    after = shell.ask("operator-approve", id=found["name"], line=line)
    if as_json:
        print_json(after)
    else:
        shell.say("operator.signed", id=after["id"])
        _say_line(shell, after)
        if not after["online"]:
            shell.tell("message.queued")
    if subject is Subject.ZEROISE and after["standing"] in {"complete", "logged"}:
        tell_order(office, witnesses, bytes.fromhex(after["signed"]))


@click.command(cls=SpokenCommand)
@click.argument("proposal", required=False, metavar="ID")
@click.option("--reason", required=True)
@as_json
@with_shell
def reject(
    shell: Shell, /, *, proposal: str | None, reason: str, as_json: bool
) -> None:
    """Say no to a proposal, and why; nobody can approve it afterwards."""
    proposal = proposal or _the_open_one(shell)
    answer = shell.ask("operator-reject", id=proposal, reason=reason)
    if as_json:
        print_json(answer)
        return
    shell.say("operator.rejected-here", id=answer["id"])
    if not answer["online"]:
        shell.tell("message.queued")


def _the_open_one(shell: Shell) -> str:
    """Return the id of the only open proposal, for who types none."""
    ids = [str(p["id"]) for p in shell.ask("operator-list") if p["standing"] == "open"]
    if len(ids) != 1:
        shell.refuse("operator.which", Exit.BAD_INPUT, count=len(ids))
    return ids[0]


def _approve_file(
    office: Office,
    file: Path,
    out: Path | None,
    descriptor: int | None,
    witnesses: tuple[str, ...],
) -> None:
    """Sign a proposal that came as a file; what is whole is written, or carried."""
    shell = office.shell
    if out is None and office.by_file:
        shell.refuse("operator.out-needed", Exit.BAD_INPUT)
    proposed = read_document(file, Signed, "proposal")
    order = is_order(proposed)
    subject = Subject.ZEROISE if order else Subject.DIRECTORY_ENTRY
    kind = LeafKind.ZEROISE if order else LeafKind.DIRECTORY
    office.show(proposed.document, subject)
    before = (
        _signers(office, proposed, file, USAGES[subject])
        if office.by_file
        else frozenset(line.key for line in proposed.signatures)
    )
    own = office.sign(proposed.document, USAGES[subject], descriptor)
    if own.signatures[0].key in before:
        shell.refuse("operator.own-proposal", Exit.REFUSED)
    both = with_own(proposed, own)
    leaf = signed_leaf(kind, both)
    if out is not None:
        write_leaf(shell, out, leaf)
    else:
        answer = shell.ask("operator-log", leaf=leaf.hex())
        shell.say("operator.carried", document=answer["document"][:12])
    if order:
        tell_order(office, witnesses, encode(both))


def _signers(
    office: Office, proposed: Signed, file: Path, usage: Usage
) -> frozenset[KeyId]:
    """Return which operators of the root document signed; expired ones are refused."""
    root = read_root(office.root_file) if office.root_file else None
    assert root is not None  # noqa: S101 -- by_file
    try:
        before = signers(proposed, root.operators, usage=usage, realm=root.realm)
        if usage is Usage.ZEROISE:
            return before
        entry = decode(proposed.document, DirectoryEntry)
    except ProtocolError:
        raise HomeError("operator.bad-file", file=file, kind="proposal") from None
    try:
        require_open(entry, SystemClock().wall())
    except ProtocolError:
        raise HomeError("operator.expired") from None
    return before


def _require_open(shell: Shell, found: dict[str, Any]) -> None:
    """Refuse what nobody needs to sign any more, with the reason."""
    standing = found["standing"]
    if standing == "rejected":
        shell.refuse("operator.rejected-by", Exit.REFUSED, **found["refusals"][0])
    if standing in {"logged", "complete", "expired"}:
        shell.refuse(f"operator.{standing}", Exit.REFUSED)


def _sentences_of(shell: Shell, line: dict[str, Any]) -> list[Any]:
    """Return what a proposal says; one that is open also what it would change."""
    asked = {"document": line["document"], "subject": _subject(line).value}
    past = line["standing"] != "open"
    answer: list[Any] = shell.ask("operator-show", **asked, past=past)["sentences"]
    return answer


def _subject(line: dict[str, Any]) -> Subject:
    return Subject[line["subject"].upper()]


def _of_file(file: Path) -> dict[str, Any]:
    """Return a proposal in a file as the list shows one; nothing of it is believed."""
    proposed = read_document(file, Signed, "proposal")
    try:
        entry = decode(proposed.document, DirectoryEntry)
    except ProtocolError:
        raise HomeError("operator.bad-file", file=file, kind="proposal") from None
    ended = SystemClock().wall() >= entry.expires
    return {
        "id": str(file),
        "subject": Subject.DIRECTORY_ENTRY.name.lower(),
        "action": entry.action.name,
        "post": entry.post,
        "reason": entry.reason,
        "document": proposed.document.hex(),
        "standing": "expired" if ended else "open",
        "signers": [short_id(line.key) for line in proposed.signatures],
        "operators": [short_id(line.key) for line in proposed.signatures],
        "needed": None,
        "refusals": [],
        "index": None,
        "witnessed": None,
        "carrying": None,
    }


def _say_line(shell: Shell, line: dict[str, Any]) -> None:
    what = line["action"] or line["subject"].upper()
    shell.say(
        "operator.line",
        id=line["id"],
        what=what,
        post=line["post"] or "-",
        signed=len(line["operators"]),
        needed="?" if line["needed"] is None else line["needed"],
        who=", ".join(line["signers"]),
        reason=line["reason"],
    )
    if line["index"] is not None:
        at = clock(line["witnessed"])
        shell.say("operator.at-index", index=line["index"], time=at)
    elif line["carrying"] is not None:
        shell.say(f"operator.carrying-{line['carrying']}")
    else:
        shell.say(f"operator.is-{line['standing']}")
