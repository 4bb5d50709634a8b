"""``send``, ``inbox``, ``read``, ``ack``, ``outbox``, ``receipts``: daily work.

Each asks the agent and prints what it answers; nothing is decided here.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

from client.cli.attaching import say_file, sealed
from client.cli.dates import Day, clock, dtg
from client.cli.reading import INPUT, STDIN, read_text
from client.cli.shell import Shell, as_json, print_json, with_shell
from client.cli.spoken import command
from client.cli.texts import OneLine
from client.exits import Exit
from client.lists import PAGE
from protocol.limits import MAX_RECORD

PRECEDENCES: Final = ("ROUTINE", "PRIORITY", "IMMEDIATE", "FLASH")
_older = click.option("--older", metavar="ID")
LEVELS: Final = ("Ongerubriceerd", "Dep.V", "Stg.C", "Stg.G", "Stg.ZG")


@command()
@click.option("--to", "to", multiple=True, required=True, metavar="POST")
@click.option("--info", multiple=True, metavar="POST")
@click.option("--subject", type=OneLine(), required=True, metavar="TEXT")
@click.option(
    "--precedence", type=click.Choice(PRECEDENCES), default="ROUTINE", show_default=True
)
@click.option("--level", type=click.Choice(LEVELS), required=True)
@click.option("--until", type=Day(), metavar="DATE")
@click.option("--event", type=OneLine(), metavar="TEXT")
@click.option("--text", type=INPUT, default=STDIN, metavar="FILE")
@click.option(
    "--attach", type=click.Path(path_type=Path), multiple=True, metavar="FILE"
)
@as_json
@with_shell
def send(
    shell: Shell,
    /,
    *,
    text: Path,
    attach: tuple[Path, ...],
    as_json: bool,
    **wishes: Any,  # noqa: ANN401 -- click's
) -> None:
    """Send a message; the text is read from a file or from standard input."""
    written = read_text(shell, text, MAX_RECORD)
    with sealed(shell, attach) as files:
        answer = shell.ask("send", text=written, attachments=files, **wishes)
    sent(shell, answer, as_json=as_json)


def sent(shell: Shell, answer: dict[str, Any], *, as_json: bool) -> None:
    """Say what became of a message; status 4 while the relay is not reachable."""
    if as_json:
        print_json(answer)
    else:
        shell.say("message.in-outbox", id=answer["id"])
    if not answer["online"]:
        shell.tell("message.queued")
        sys.exit(Exit.QUEUED)


@command()
@_older
@as_json
@with_shell
def inbox(shell: Shell, /, *, older: str | None, as_json: bool) -> None:
    """List what came in, newest first."""
    messages = shell.ask("inbox", older=older)
    if as_json:
        print_json(messages)
        return
    if not messages:
        shell.say("inbox.empty")
    for message in messages:
        code = "inbox.line" if message["logged"] else "inbox.line-not-logged"
        subject = message["subject"]
        if message["withdraws"] is not None:
            subject = shell.words.say("inbox.withdraws", target=message["withdraws"])
        at = dtg(message["received"])
        shell.say(code, **{**message, "received": at, "subject": subject})
        if message["withdrawn"] is not None:
            shell.say("inbox.withdrawn")
        if message["attachments"]:
            shell.say(f"inbox.{_whole(message)}", count=message["attachments"])
    _tell_older(shell, messages)


def _tell_older(shell: Shell, messages: list[dict[str, Any]]) -> None:
    """Say how the list goes on, behind a whole page."""
    if len(messages) == PAGE:
        shell.tell("list.older", count=PAGE, id=messages[-1]["id"])


@command()
@click.argument("message", metavar="ID")
@as_json
@with_shell
def read(shell: Shell, /, *, message: str, as_json: bool) -> None:
    """Show a message.  Its sender is told that it was read, and by whom."""
    read_message(shell, message, as_json=as_json)


def read_message(shell: Shell, message: str, *, as_json: bool) -> None:
    """Print a message between its banners, or as JSON."""
    opened = shell.ask("read", id=message)
    if as_json:
        print_json(opened)
        return
    received = opened["received"]
    shell.say("message.banner", level=opened["level"])
    shell.say("message.from", post=opened["post"], precedence=opened["precedence"])
    shell.say("message.to", posts=", ".join(opened["to"]))
    if opened["info"]:
        shell.say("message.info", posts=", ".join(opened["info"]))
    if opened["until"] is not None:
        shell.say("message.until", clock=clock(opened["until"]))
    for event in opened["events"]:
        shell.say("message.event", event=event)
    shell.say("message.received", clock=clock(received), dtg=dtg(received))
    if opened["courier"]:
        _by_courier(shell, opened["directory"])
    if not opened["logged"]:
        shell.say("message.not-logged")
    _doubts(shell, opened)
    for code, text in opened["parts"]:
        _part(shell, shell.words.say(f"part.{code}"), text)
    for file in opened["files"]:
        say_file(shell, file)
    shell.say("message.banner", level=opened["level"])


def _part(shell: Shell, name: str, text: str) -> None:
    """Print a part; of several lines each is marked, so that none looks like ours."""
    lines = text.split("\n")
    if len(lines) == 1:
        shell.say("message.part", name=name, text=text)
        return
    shell.say("message.part-begin", name=name)
    for line in lines:
        shell.say("message.part-line", text=line)


def _doubts(shell: Shell, opened: Mapping[str, Any]) -> None:
    """Say what stands beside a message: it changes how much people rely on it."""
    if opened["withdrawn"] is not None:
        shell.say("message.is-withdrawn", reason=opened["withdrawn"])
    if opened["expired"]:
        shell.say("message.is-expired")
    if opened["late"]:
        shell.say("message.is-late")
    before = opened["signed_before"]
    if before is not None:
        event = shell.words.say(f"ended.{before['event']}")
        shell.say("message.signed-before", event=event, clock=clock(before["at"]))


def _by_courier(shell: Shell, directory: str | None) -> None:
    if directory is None:
        shell.say("message.by-courier-undated")
    else:
        shell.say("message.by-courier", clock=clock(directory))


@command()
@click.argument("message", metavar="ID")
@as_json
@with_shell
def ack(shell: Shell, /, *, message: str, as_json: bool) -> None:
    """Acknowledge a message: we take this on."""
    answer = shell.ask("acknowledge", id=message)
    if as_json:
        print_json(answer)
    else:
        shell.say("message.acknowledged", id=answer["id"])


@command()
@_older
@as_json
@with_shell
def outbox(shell: Shell, /, *, older: str | None, as_json: bool) -> None:
    """List what was written here and where it is."""
    messages = shell.ask("outbox", older=older)
    if as_json:
        print_json(messages)
        return
    if not messages:
        shell.say("outbox.empty")
    for message in messages:
        for target in message["to"]:
            furthest = _furthest(target["states"])
            unsent = message["withdrawn"] and furthest == "waiting"
            state = shell.words.say(f"state.{'withdrawn' if unsent else furthest}")
            shell.say("outbox.line", id=message["id"], post=target["post"], state=state)
        if message["withdrawn"]:
            shell.say("outbox.withdrawn")
    _tell_older(shell, messages)


@command()
@click.argument("message", metavar="ID")
@as_json
@with_shell
def receipts(shell: Shell, /, *, message: str, as_json: bool) -> None:
    """Show who has a message, who read it and who took it on."""
    found = shell.ask("receipts", id=message)
    if as_json:
        print_json(found)
        return
    for target in found["to"]:
        for state, at in target["states"].items():
            word = shell.words.say(f"state.{state}")
            when = clock(at) if at is not None else shell.words.say("state.not-yet")
            shell.say("receipts.line", post=target["post"], state=word, at=when)
        if target["complete"] is not None and target["states"]["delivered"]:
            shell.say(f"receipts.{_whole(target)}", post=target["post"])
        if target["couriered"] is not None:
            at, post = clock(target["couriered"]), target["post"]
            shell.say("receipts.courier", post=post, at=at)
            if target["states"]["delivered"] and not target["states"]["stored"]:
                shell.say("receipts.courier-only", post=post)
    for refused in found["refused"]:
        why = shell.words.say(f"refused.{refused['reason']}", post=refused["post"])
        when, post = clock(refused["at"]), refused["post"]
        shell.say("receipts.refused", post=post, at=when, why=why)


def _whole(found: dict[str, Any]) -> str:
    return "complete" if found["complete"] else "text-only"


def _furthest(states: dict[str, str | None]) -> str:
    reached = [name for name, at in states.items() if at is not None]
    return reached[-1] if reached else "waiting"


COMMANDS: Final = {
    "send": send,
    "inbox": inbox,
    "read": read,
    "ack": ack,
    "outbox": outbox,
    "receipts": receipts,
}
