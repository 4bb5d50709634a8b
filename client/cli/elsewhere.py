"""``koerier relay`` and ``koerier witness``: commands of the other package.

The client never imports the server; where both are installed it starts the
server's own program in its place.
"""

import os
import subprocess
import sys
from typing import Final

import click

from client.cli.spoken import SpokenCommand, end
from client.exits import Exit
from client.programs import program

_PASS: Final = {"ignore_unknown_options": True, "help_option_names": []}


def _start(name: str, arguments: tuple[str, ...]) -> None:
    path = program(name)
    if path is None:
        from client.words import Words

        language = click.get_current_context().obj["lang"]
        end(Words(language).say("usage.not-installed", name=name), Exit.FAILED)
    if os.name == "nt":  # no exec there that keeps the console
        sys.exit(subprocess.run([path, *arguments], check=False).returncode)  # noqa: S603 -- ours
    os.execv(path, [path, *arguments])  # noqa: S606 -- our own program


@click.command(cls=SpokenCommand, context_settings=_PASS, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def relay(arguments: tuple[str, ...]) -> None:
    """Start koerier-relay with these arguments."""
    _start("koerier-relay", arguments)


@click.command(cls=SpokenCommand, context_settings=_PASS, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def witness(arguments: tuple[str, ...]) -> None:
    """Start koerier-witness with these arguments."""
    _start("koerier-witness", arguments)


COMMANDS: Final = {"relay": relay, "witness": witness}
