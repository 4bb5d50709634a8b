"""``operator zeroise``: two operators order a lost terminal to destroy its vault.

The first proposes, the second approves (:mod:`client.cli.approving`).  The finished
order goes to the log, and to every witness's board: a terminal that was suspended gets
no log any more, and hears its witnesses all the same.
"""

from pathlib import Path
from typing import Final

import click

from client.cli.bulletins import kept_by, tell_witnesses, witness_option
from client.cli.shell import Shell, passphrase_fd, with_shell
from client.cli.signing import (
    Office,
    hand_on,
    out_option,
    require_out,
    root_option,
    to_option,
)
from client.cli.spoken import SpokenCommand
from client.clock import SystemClock
from client.exits import Exit
from client.operator.changes import typed_key
from crypto.sign import Usage
from crypto.types import KeyId
from protocol.bodies import Subject
from protocol.codec import encode
from protocol.restriction import ZeroiseOrder

NONCE: Final = 32  # bytes


@click.command(cls=SpokenCommand)
@click.argument("post", required=False, metavar="POST")
@click.option("--terminal", type=click.IntRange(1, 255), metavar="N")
@click.option("--key", metavar="ID")
@click.option("--reason")
@click.option("--again", metavar="ID")
@root_option
@out_option
@to_option
@witness_option
@passphrase_fd
@with_shell
def zeroise(
    shell: Shell,
    /,
    *,
    post: str | None,
    terminal: int | None,
    key: str | None,
    reason: str | None,
    again: str | None,
    root_file: Path | None,
    out: Path | None,
    to: tuple[str, ...],
    witnesses: tuple[str, ...],
    passphrase_fd: int | None,
) -> None:
    """Propose that a lost terminal destroys its vault; another operator approves."""
    office = Office(shell, root_file)
    if again is not None:
        found = shell.ask("operator-proposal", id=again)
        if found["subject"] != "zeroise" or found["standing"] in {"open", "rejected"}:
            shell.refuse("operator.no-order", Exit.BAD_INPUT, id=again)
        tell_order(office, witnesses, bytes.fromhex(found["signed"]))
        return
    if reason is None or (terminal is None) is (key is None):
        shell.refuse("operator.which-vault", Exit.BAD_INPUT)
    require_out(office, out)
    if office.by_file:
        whose = typed_key(key or "")
    elif post is None:
        shell.refuse("operator.which-vault", Exit.BAD_INPUT)
    else:
        asked = {"post": post, "terminal": terminal, "key": key}
        whose = KeyId(bytes.fromhex(shell.ask("operator-terminal", **asked)["key"]))
    now, nonce = SystemClock().wall(), shell.entropy(NONCE)
    document = encode(
        ZeroiseOrder(v=1, key=whose, nonce=nonce, time=now, reason=reason)
    )
    office.show(document, Subject.ZEROISE)
    signed = office.sign(document, Usage.ZEROISE, passphrase_fd)
    hand_on(office, signed, out=out, to=to, subject=Subject.ZEROISE, reason=reason)


def tell_order(office: Office, witnesses: tuple[str, ...], data: bytes) -> None:
    """Post a finished order to every witness; end with 4 where one has it not."""
    heard = tell_witnesses(office, witnesses, data)
    kept = kept_by(heard)
    office.shell.say("operator.order-at-witnesses", kept=kept, all=len(heard))
    if kept < len(heard):
        office.shell.tell("operator.order-again")
        raise click.exceptions.Exit(Exit.QUEUED)
