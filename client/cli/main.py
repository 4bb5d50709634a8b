"""The ``koerier`` command.

Each command lives in a module that is imported when it is used, so that
``koerier --help`` starts as fast as its library does.
"""

import importlib
import os
from typing import Final

import click

COMMANDS: Final = {
    "demo": ("client.cli.demo", "Found a small ministry and send real messages."),
    "incident": ("client.cli.incident", "Send and show incident reports."),
    "inbox": ("client.cli.messages", "What came in."),
    "read": ("client.cli.messages", "Show a message and say that it was read."),
    "ack": ("client.cli.messages", "Acknowledge: we take this on."),
    "send": ("client.cli.messages", "Send a message."),
    "outbox": ("client.cli.messages", "What was written here, and where it is."),
    "receipts": ("client.cli.messages", "Who has it, who read it."),
    "terminal": ("client.cli.terminal", "This terminal: make, unlock, lock, status."),
    "operator": (
        "client.cli.operator",
        "Two-person changes: invite, propose, approve.",
    ),
    "root": ("client.cli.root", "Root ceremony: found a ministry."),
    "relay": ("client.cli.elsewhere", "The relay, where it is installed."),
    "witness": ("client.cli.elsewhere", "The witness, where it is installed."),
}


class _Commands(click.Group):
    """A group whose commands are imported on use."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = importlib.import_module(COMMANDS[name][0])
        command: click.Command = module.COMMANDS[name]
        return command

    def format_commands(
        self, _ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.command(cls=_Commands)
@click.option("--home", metavar="FOLDER", help="Home folder (or KOERIER_HOME).")
@click.option("--lang", type=click.Choice(["nl", "en"]), help="Language (or LANG).")
@click.version_option(package_name="koerier")
@click.pass_context
def main(ctx: click.Context, home: str | None, lang: str | None) -> None:
    """Koerier: classified messages between posts and the Taskforce Cyber.

    \b
    Start here:
      koerier demo                 a whole ministry on this machine
      koerier terminal status      where this terminal stands
      koerier incident send FILE   report an incident
    """  # noqa: D301 -- click's own mark for "keep these lines"
    os.umask(0o077)
    ctx.obj = {"home": home, "lang": lang}


if __name__ == "__main__":
    main()
