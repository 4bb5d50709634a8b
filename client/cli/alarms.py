"""``alarms`` and ``withdraw``: what went wrong, and taking back.

Each asks the agent and prints what it answers; nothing is decided here.
"""

import sys
from typing import Any, Final

import click

from client.cli.dates import clock
from client.cli.shell import Shell, as_json, print_json, with_shell
from client.cli.spoken import command
from client.cli.texts import OneLine
from client.exits import Exit


@command()
@click.option("--all", "ended", is_flag=True)
@as_json
@with_shell
def alarms(shell: Shell, /, *, ended: bool, as_json: bool) -> None:
    """List what people are to be told; status 6 while somebody may be lying."""
    found = shell.ask("alarms", ended=ended)
    if as_json:
        print_json([{**one, **_words(shell, one)} for one in found])
    else:
        if not found:
            shell.say("alarms.none")
        for one in found:
            _say(shell, one)
    if any(one["integrity"] and one["ended"] is None for one in found):
        sys.exit(Exit.INTEGRITY)


def _say(shell: Shell, one: dict[str, Any]) -> None:
    words = _words(shell, one)
    shell.say("alarms.line", since=clock(one["since"]), sentence=words["sentence"])
    if one["ended"] is None:
        shell.say("alarms.to-do", todo=words["todo"])
    else:
        shell.say("alarms.over", at=clock(one["ended"]))


def _words(shell: Shell, one: dict[str, Any]) -> dict[str, str]:
    """Return what happened and what to do, as people read it."""
    code, parts = one["what"], {"post": one["post"] or "-", "id": one["id"] or "-"}
    return {
        "sentence": shell.words.say(f"alarm.{code}", **parts),
        "todo": shell.words.say(f"alarm-do.{code}", **parts),
    }


@command()
@click.argument("message", metavar="ID")
@click.option("--reason", type=OneLine(), required=True, metavar="TEXT")
@click.option("--instead", metavar="ID")
@as_json
@with_shell
def withdraw(
    shell: Shell, /, *, message: str, reason: str, instead: str | None, as_json: bool
) -> None:
    """Take a message back: out of the outbox, or with a word beside it."""
    answer = shell.ask("withdraw", id=message, reason=reason, instead=instead)
    if as_json:
        print_json(answer)
    elif answer["withdrawal"] is None:
        shell.say("message.withdrawn", id=answer["id"])
    else:
        shell.say("message.withdrawn-after", id=answer["id"])


COMMANDS: Final = {"alarms": alarms, "withdraw": withdraw}
