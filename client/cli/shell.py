"""What every command shares: home, language, output, refusals, passphrases."""

import getpass
import json
import os
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, NoReturn, ParamSpec

import click

from client import link
from client.cli.exits import Exit
from client.home import Home, HomeError
from client.words import Words, chosen_language
from crypto.entropy import Entropy, system

P = ParamSpec("P")
MAX_PASSPHRASE = 1024  # bytes read from a descriptor

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
passphrase_fd = click.option(
    "--passphrase-fd",
    type=int,
    metavar="N",
    help="Read the passphrase from this file descriptor instead of the terminal.",
)


class Shell:
    """The context of one command."""

    def __init__(self, home: str | None, language: str | None) -> None:
        self.home = Home.chosen(home)
        self.words = Words(chosen_language(language, os.environ.get("LANG")))

    @property
    def entropy(self) -> Entropy:
        """Return the randomness that keys and nonces are drawn from."""
        return system

    def say(self, code: str, **parts: object) -> None:
        """Print a sentence on standard output."""
        click.echo(self.words.say(code, **parts))

    def tell(self, code: str, **parts: object) -> None:
        """Print a sentence on standard error: progress and hints."""
        click.echo(self.words.say(code, **parts), err=True)

    def refuse(self, code: str, status: Exit, **parts: object) -> NoReturn:
        """Say why not, and end with ``status``."""
        click.echo("koerier: " + self.words.say(code, **parts), err=True)
        sys.exit(status)

    def ask(self, method: str, /, **arguments: object) -> Any:  # noqa: ANN401 -- JSON
        """Ask the agent; a refusal or a missing agent ends the command."""
        try:
            return link.ask(self.home, method, **arguments)
        except link.NoAgentError:
            self.refuse("agent.locked", Exit.LOCKED)
        except link.AgentRefusal as refusal:
            self.refuse(refusal.code, Exit(refusal.exit_code), **refusal.parts)

    def passphrase(self, descriptor: int | None, *, fresh: bool = False) -> str:
        """Return the passphrase: from a descriptor, else typed; never from argv.

        Args:
            descriptor: an open file descriptor, its first line; None: the terminal.
            fresh: ask twice, because nobody could check a typing error later.
        """
        if descriptor is not None:
            try:
                with os.fdopen(descriptor, "rb") as file:
                    line = file.readline(MAX_PASSPHRASE).decode()
            except (OSError, UnicodeDecodeError):
                self.refuse("passphrase.unreadable", Exit.BAD_INPUT)
            return line.rstrip("\r\n")
        typed = getpass.getpass(self.words.say("passphrase.ask") + " ")
        again = self.words.say("passphrase.again") + " "
        if fresh and getpass.getpass(again) != typed:
            self.refuse("passphrase.differ", Exit.BAD_INPUT)
        return typed


def with_shell(
    function: Callable[Concatenate[Shell, P], None],
) -> Callable[P, None]:
    """Give a command its :class:`Shell`, and turn a wrong home into its sentence."""

    @click.pass_context
    @wraps(function)
    def wrapped(ctx: click.Context, /, *args: P.args, **kwargs: P.kwargs) -> None:
        options = ctx.obj or {}
        shell = Shell(options.get("home"), options.get("lang"))
        try:
            function(shell, *args, **kwargs)
        except HomeError as error:
            shell.refuse(error.code, Exit.BAD_INPUT, **error.parts)

    return wrapped


def print_json(value: object) -> None:
    """Print one JSON value, and nothing else, on standard output."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))
