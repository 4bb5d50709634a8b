"""``operator restrict`` and ``terminal restrict``: at once, by one hand.

The same signed bytes go to the relay, through the terminal's session, and as a bulletin
to every witness, past the relay: one that will not log a restriction cannot stop it.
The command tells where it arrived.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from client.cli.bulletins import kept_by, tell_witnesses, witness_option
from client.cli.messages import LEVELS
from client.cli.proposing import whom_options
from client.cli.sheets import read_sheet
from client.cli.shell import (
    Shell,
    as_json,
    passphrase_fd,
    print_json,
    sheet_fd,
    with_shell,
)
from client.cli.signing import Office, out_option, root_option, write_leaf
from client.cli.spoken import SpokenCommand, command
from client.clock import SystemClock
from client.exits import Exit
from client.operator.changes import Whom, typed_key
from client.operator.enrolment import paper_key
from client.paper import Kind
from crypto.sign import Usage
from crypto.types import KeyId
from protocol.bodies import Subject
from protocol.codec import decode, encode
from protocol.key_log_entry import LeafKind, signed_leaf
from protocol.label import Level
from protocol.restriction import Restriction
from protocol.signed import Signed, sign_document

WAIT: Final = 20  # seconds for the log to have it
_highest = click.option("--highest", type=click.Choice(LEVELS))
_reason = click.option("--reason", required=True)
_wait = click.option(
    "--wait", type=click.IntRange(0, 3600), default=WAIT, show_default=True
)


@dataclass(frozen=True, slots=True)
class Way:
    """How a restriction leaves: options that both commands have."""

    out: Path | None
    witnesses: tuple[str, ...]
    wait: int
    as_json: bool


@click.command(cls=SpokenCommand)
@click.argument("post", required=False, metavar="POST")
@whom_options
@_highest
@_reason
@root_option
@out_option
@witness_option
@_wait
@passphrase_fd
@as_json
@with_shell
def restrict(
    shell: Shell,
    /,
    *,
    post: str | None,
    highest: str | None,
    reason: str,
    root_file: Path | None,
    passphrase_fd: int | None,
    **options: Any,  # noqa: ANN401 -- options that others share
) -> None:
    """Cut a key, or a whole post, to a level or to nothing: at once, and alone."""
    office = Office(shell, root_file)
    named = Whom(*(options.pop(name) for name in ("key", "terminal", "member")))
    if not (named.one or named.whole_post) or (post is None and named.key is None):
        shell.refuse("operator.what-cut", Exit.BAD_INPUT)
    way = Way(**options)
    if office.by_file:
        if way.out is None:
            shell.refuse("operator.out-needed", Exit.BAD_INPUT)
        document = _restriction(typed_key(named.key or ""), highest, reason)
    else:
        found = shell.ask(
            "operator-restriction",
            post=post,
            key=named.key,
            terminal=named.terminal,
            member=named.member,
            highest=_level(highest),
            reason=reason,
            signer=office.signer.hex(),
        )
        document = bytes.fromhex(found["document"])
        shell.tell("operator.left", spent=found["spent"], limit=found["limit"])
    office.show(document, Subject.RESTRICTION)
    _deliver(office, office.sign(document, Usage.SUSPEND, passphrase_fd), way)


@command("restrict")
@_highest
@_reason
@click.option("--paper", is_flag=True)
@root_option
@out_option
@witness_option
@_wait
@sheet_fd
@as_json
@with_shell
def restrict_self(
    shell: Shell,
    /,
    *,
    highest: str | None,
    reason: str,
    paper: bool,
    root_file: Path | None,
    sheet_fd: int | None,
    **options: Any,  # noqa: ANN401 -- options that others share
) -> None:
    """Cut this terminal itself; with the paper key, suspend the whole post."""
    office, way = Office(shell, root_file), Way(**options)
    if paper:
        if highest is not None:
            shell.refuse("operator.paper-suspends", Exit.BAD_INPUT)
        if office.by_file and way.out is None:
            shell.refuse("operator.out-needed", Exit.BAD_INPUT)
        key = paper_key(office.suite, read_sheet(shell, Kind.POST, sheet_fd))
        document = _restriction(key.id, None, reason)
        office.show(document, Subject.RESTRICTION)
        signed = sign_document(document, [key], usage=Usage.SUSPEND, realm=office.realm)
    else:
        asked = {"highest": _level(highest), "reason": reason}
        answer = shell.ask("self-restriction", **asked)
        signed = decode(bytes.fromhex(answer["signed"]), Signed)
        Office(shell).show(signed.document, Subject.RESTRICTION)
    _deliver(office, signed, way)


def _deliver(office: Office, signed: Signed, way: Way) -> None:
    """Send it everywhere at once; say where it arrived, and end with that."""
    shell, leaf = office.shell, signed_leaf(LeafKind.RESTRICTION, signed)
    relay: dict[str, Any] = {"index": None, "carrying": None}
    if way.out is not None:
        write_leaf(shell, way.out, leaf)
    if not office.by_file:
        shell.ask("operator-log", leaf=leaf.hex())
    heard = tell_witnesses(office, way.witnesses, encode(signed))
    if not office.by_file:
        relay = _logged(shell, signed, way.wait)
    kept = kept_by(heard)
    found = {
        "restriction": signed.digest.hex(),
        "index": relay["index"],
        "relay": "logged" if relay["index"] is not None else relay["carrying"],
        "witnesses": heard,
    }
    if way.as_json:
        print_json(found)
    else:
        shell.say("operator.restricted", id=signed.digest.hex()[:12])
        shell.say(f"operator.relay-{found['relay'] or 'none'}", **relay)
        shell.say("operator.witnesses-have", kept=kept, all=len(heard))
    if relay["index"] is None and not kept:
        shell.refuse("operator.arrived-nowhere", Exit.FAILED)
    if relay["index"] is None or kept < len(heard):
        raise click.exceptions.Exit(Exit.QUEUED)


def _logged(shell: Shell, signed: Signed, wait: int) -> dict[str, Any]:
    """Return where it stands in the log, after at most ``wait`` seconds.

    A terminal that was unlocked for this one command has no line: it waits there.
    """
    time = SystemClock().monotonic
    limit = time() + wait
    while True:
        left = limit - time()
        if left > 0 and not shell.alone:
            shell.round(max(1, int(left)))
        found: dict[str, Any] = shell.ask("operator-leaf", document=signed.digest.hex())
        done = found["index"] is not None or not found["online"]
        if done or left <= 0:
            return found


def _restriction(key: KeyId, highest: str | None, reason: str) -> bytes:
    level, now = _level(highest), SystemClock().wall()
    return encode(
        Restriction(
            v=1,
            key=key,
            highest=None if level is None else Level(level),
            time=now,
            reason=reason,
        )
    )


def _level(name: str | None) -> int | None:
    return None if name is None else LEVELS.index(name)
