"""``koerier sync`` and ``koerier watch``: one round, and everything as it happens."""

import sys
from typing import Any, Final

import click

from client.cli.dates import clock
from client.cli.shell import Shell, as_json, print_json, with_shell
from client.cli.spoken import command
from client.exits import Exit
from client.harmless import json_line

WAIT: Final = 20  # seconds
OVER: Final = "-over"  # an alarm whose cause went away: client.core.alarms


@command()
@click.option("--wait", type=click.IntRange(1, 3600), default=WAIT, show_default=True)
@as_json
@with_shell
def sync(shell: Shell, /, *, wait: int, as_json: bool) -> None:
    """Synchronise once and say what changed."""
    found = shell.round(wait)
    if as_json:
        print_json(found)
    elif found["online"]:
        shell.say("sync.logs", entries=found["entries"], log=found["log"])
        shell.say("sync.messages", **found)
    if not found["online"]:
        shell.refuse("sync.no-relay", Exit.QUEUED, waiting=found["waiting"])
    if found["alarms"]:
        shell.refuse("sync.alarms", Exit.INTEGRITY)
    if not found["synchronised"]:
        shell.refuse("sync.not-in-time", Exit.FAILED, wait=wait)


@command()
@click.option("--after", type=click.IntRange(0), metavar="N")
@click.option("--notify", is_flag=True)
@as_json
@with_shell
def watch(shell: Shell, /, *, after: int | None, notify: bool, as_json: bool) -> None:
    """Tell what happens, as it happens, until Ctrl+C."""
    try:
        for event in shell.stream("watch", after=after):
            if as_json:
                click.echo(json_line(event))
            elif notify:
                _notify(shell, event)
            else:
                _tell(shell, event)
    except KeyboardInterrupt:
        sys.exit(Exit.DONE)
    shell.refuse("watch.ended", Exit.LOCKED)


def _notify(shell: Shell, event: dict[str, Any]) -> None:
    if event["notification"] is not None:
        shell.say(f"notification.{event['notification']}")


def _tell(shell: Shell, event: dict[str, Any]) -> None:
    what, over = event["what"], False
    if what.endswith(OVER):
        what, over = what.removesuffix(OVER), True
    said = _said(shell, what, {name: event[name] or "" for name in ("id", "post")})
    if over:
        said = shell.words.say("event.over", said=said)
    shell.say("watch.line", at=clock(event["at"]), said=said)


def _said(shell: Shell, what: str, parts: dict[str, str]) -> str:
    """Return the sentence of an event; of an alarm, with what to do."""
    words = shell.words
    if words.knows(f"event.{what}"):
        return words.say(f"event.{what}", **parts)
    if words.knows(f"alarm.{what}"):
        said = words.say(f"alarm.{what}", **parts)
        todo = words.say(f"alarm-do.{what}", **parts)
        return words.say("event.alarm", said=said, todo=todo)
    return words.say("event.other")  # of a newer agent


COMMANDS: Final = {"sync": sync, "watch": watch}
