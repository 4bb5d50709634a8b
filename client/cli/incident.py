"""``koerier incident``: reports from a post to the Taskforce Cyber."""

from typing import BinaryIO, Final

import click

from client.cli.exits import Exit
from client.cli.messages import read_message
from client.cli.report_file import problems_of
from client.cli.shell import Shell, as_json, print_json, with_shell

TFC: Final = "tfc"


@click.group()
def incident() -> None:
    """Send and show incident reports.

    \b
    koerier incident send alert.json        to the Taskforce Cyber, as FLASH
    koerier incident show 3f2a91            what came in
    """  # noqa: D301 -- click's own mark


@incident.command()
@click.argument("file", type=click.File("rb"))
@click.option("--to", default=TFC, show_default=True, metavar="UNIT")
@as_json
@with_shell
def send(shell: Shell, /, *, file: BinaryIO, to: str, as_json: bool) -> None:
    """Send a report (koerier-incident/1, JSON) as a FLASH message."""
    data = file.read()
    problems = problems_of(data, file.name, shell.words)
    if problems:
        click.echo("\n".join(problems), err=True)
        raise SystemExit(Exit.BAD_INPUT)
    answer = shell.ask("incident", report=data.decode(), to=[to])
    if as_json:
        print_json(answer)
    else:
        shell.say("message.in-outbox", id=answer["id"])


@incident.command()
@click.argument("message", metavar="ID")
@as_json
@with_shell
def show(shell: Shell, /, *, message: str, as_json: bool) -> None:
    """Show a report.  Its sender is told that it was read, and by whom."""
    read_message(shell, message, as_json=as_json)


COMMANDS: Final = {"incident": incident}
