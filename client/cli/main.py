"""The ``koerier`` command.

Each command lives in a module that is imported when it is used, and its page of help
is read when it is asked for, so that ``koerier --help`` starts as fast as its library
does.
"""

import importlib
import os
from typing import Final

import click

from client.cli.spoken import Program, end
from client.exits import Exit
from client.words import LANGUAGES

COMMANDS: Final = {
    "demo": "client.cli.demo",
    "incident": "client.cli.incident",
    "send": "client.cli.messages",
    "inbox": "client.cli.messages",
    "read": "client.cli.messages",
    "ack": "client.cli.messages",
    "outbox": "client.cli.messages",
    "receipts": "client.cli.messages",
    "withdraw": "client.cli.alarms",
    "alarms": "client.cli.alarms",
    "export": "client.cli.courier",
    "import": "client.cli.courier",
    "attach": "client.cli.attach",
    "sync": "client.cli.following",
    "watch": "client.cli.following",
    "doctor": "client.cli.doctor",
    "audit": "client.cli.audit",
    "terminal": "client.cli.terminal",
    "operator": "client.cli.operator",
    "directory": "client.cli.directory",
    "exposure": "client.cli.exposure",
    "root": "client.cli.root",
    "relay": "client.cli.elsewhere",
    "witness": "client.cli.elsewhere",
}


class _Koerier(Program):
    """The program: its commands are imported on use."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = importlib.import_module(COMMANDS[name])
        command: click.Command = module.COMMANDS[name]
        return command


@click.command(cls=_Koerier)
@click.option("--home", metavar="FOLDER")
@click.option("--lang", type=click.Choice(LANGUAGES))
@click.option("--passphrase-fd", "descriptor", type=int, metavar="N")
@click.option("--member", metavar="NAME")
@click.version_option(package_name="koerier", message="koerier %(version)s")
@click.pass_context
def main(
    ctx: click.Context,
    home: str | None,
    lang: str | None,
    descriptor: int | None,
    member: str | None,
) -> None:
    """Send classified messages between posts and the Taskforce Cyber."""
    from client.hardening import KeyLogError, harden

    language = lang or ctx.obj["lang"]
    try:
        harden(os.environ)
    except KeyLogError:
        from client.words import Words

        end(Words(language).say("home.key-log"), Exit.BAD_INPUT)
    ctx.obj = {
        "home": home,
        "lang": language,
        "descriptor": descriptor,
        "member": member,
    }


if __name__ == "__main__":
    main()
