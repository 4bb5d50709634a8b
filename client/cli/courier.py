"""``koerier export`` and ``koerier import``: a message on a medium."""

import base64
import sys
from pathlib import Path
from typing import Final

import click

from client.cli.dates import clock
from client.cli.shell import Shell, as_json, print_json, with_shell
from client.cli.spoken import command
from client.exits import Exit
from client.files import TOO_LARGE, read_bounded, write_atomic

FILE: Final = click.Path(dir_okay=False, path_type=Path)
MAX_FILE: Final = 8_454_208  # bytes: protocol.courier's bound; a test compares them


@command("export")
@click.argument("message", metavar="ID")
@click.option("--out", type=FILE, required=True)
@click.option("--to", multiple=True, metavar="POST")
@as_json
@with_shell
def export(
    shell: Shell, /, *, message: str, out: Path, to: tuple[str, ...], as_json: bool
) -> None:
    """Write a message as a courier bundle."""
    if out.exists():
        shell.refuse("file.exists", Exit.BAD_INPUT, file=str(out))
    made = shell.ask("export", id=message, to=list(to))
    bundle = base64.b64decode(made.pop("bundle"))
    write_atomic(out.absolute(), bundle)
    if as_json:
        print_json({**made, "file": str(out), "size": len(bundle)})
        return
    shell.say("courier.made", file=str(out), posts=", ".join(made["to"]))
    shell.tell("courier.stale", clock=clock(made["directory"]))
    if made["without"]:
        shell.tell("courier.without", posts=", ".join(made["without"]))
    if made["attachments"]:
        shell.tell("courier.attachments")


@command("import")
@click.argument("file", type=FILE)
@as_json
@with_shell
def import_(shell: Shell, /, *, file: Path, as_json: bool) -> None:
    """Take a message out of a courier bundle."""
    try:
        data = read_bounded(file, MAX_FILE)
    except OSError as error:
        if error.errno != TOO_LARGE:
            raise
        shell.refuse("courier.no-bundle", Exit.BAD_INPUT)
    came = shell.ask("import", bundle=base64.b64encode(data).decode())
    if as_json:
        print_json(came)
    elif came["known"]:
        shell.say("courier.known", id=came["id"])
    elif came["shown"]:
        shell.say("courier.came", id=came["id"])
    if not came["shown"]:
        shell.tell("courier.unread")
        sys.exit(Exit.REFUSED)


COMMANDS: Final = {"export": export, "import": import_}
