"""``koerier incident``: reports from a post to the Taskforce Cyber."""

from pathlib import Path
from typing import Final

import click

from client.cli.attaching import sealed
from client.cli.messages import read_message, sent
from client.cli.reading import INPUT, read_input
from client.cli.report_file import problems_of
from client.cli.shell import Shell, as_json, with_shell
from client.cli.spoken import group
from client.exits import Exit
from client.harmless import harmless
from protocol.incident.model import MAX_FILE

TFC: Final = "tfc"


@group
def incident() -> None:
    """Send and show incident reports."""


@incident.command()
@click.argument("file", type=INPUT)
@click.option("--to", default=TFC, show_default=True, metavar="UNIT")
@click.option(
    "--attach", type=click.Path(path_type=Path), multiple=True, metavar="FILE"
)
@as_json
@with_shell
def send(
    shell: Shell,
    /,
    *,
    file: Path,
    to: str,
    attach: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Send a report (koerier-incident/1, JSON) as a FLASH message."""
    data = read_input(shell, file, MAX_FILE)
    problems = problems_of(data, harmless(str(file)), shell.words)
    if problems:
        click.echo("\n".join(problems), err=True)
        raise SystemExit(Exit.BAD_INPUT)
    with sealed(shell, attach) as files:
        answer = shell.ask("incident", report=data.decode(), to=[to], attachments=files)
    sent(shell, answer, as_json=as_json)


@incident.command()
@click.argument("message", metavar="ID")
@as_json
@with_shell
def show(shell: Shell, /, *, message: str, as_json: bool) -> None:
    """Show a report.  Its sender is told that it was read, and by whom."""
    read_message(shell, message, as_json=as_json)


COMMANDS: Final = {"incident": incident}
