"""``koerier history``: old messages, sent again by whom they were exchanged with."""

import sys
from typing import Any, Final

import click

from client.cli.dates import Day, clock
from client.cli.messages import say_part
from client.cli.shell import Shell, as_json, print_json, with_shell
from client.cli.spoken import group
from client.cli.texts import OneLine
from client.exits import Exit
from client.lists import PAGE

_request = click.argument("request", metavar="ID")


@group
def history() -> None:
    """Old messages: ask for them, send them again, read them."""


@history.command()
@click.argument("post", metavar="POST")
@click.option("--since", type=Day(), metavar="DATE")
@click.option("--until", type=Day(), metavar="DATE")
@click.option("--reason", type=OneLine(), required=True)
@as_json
@with_shell
def ask(
    shell: Shell,
    /,
    *,
    post: str,
    since: str | None,
    until: str | None,
    reason: str,
    as_json: bool,
) -> None:
    """Ask a post for the messages that it exchanged with this one."""
    answer = shell.ask(
        "history-ask", post=post, since=since, until=until, reason=reason
    )
    _sent(shell, answer, "past.asked", as_json=as_json, post=post)


@history.command()
@as_json
@with_shell
def requests(shell: Shell, /, *, as_json: bool) -> None:
    """List requests, ours and others', and how far they are."""
    found = shell.ask("history-requests")
    if as_json:
        print_json(found)
        return
    if not found:
        shell.say("past.no-requests")
    for one in found:
        _standing(shell, one)


@history.command()
@_request
@as_json
@with_shell
def show(shell: Shell, /, *, request: str, as_json: bool) -> None:
    """Show who asks for what, and what would be sent again."""
    found = shell.ask("history-show", id=request)
    if as_json:
        print_json(found)
    else:
        _show(shell, found)


def _show(shell: Shell, found: dict[str, Any]) -> None:
    """Say who asks, from when, how much, and up to which level."""
    number = "-" if found["terminal"] is None else found["terminal"]
    shell.say("past.who", **{**found, "terminal": number})
    shell.say("past.span", since=clock(found["since"]), until=clock(found["until"]))
    shell.say("past.why", reason=found["reason"])
    _standing(shell, found)
    offer = found["offer"]
    if offer is None:
        if found["why"] is not None:
            shell.say(found["why"])
        return
    if not offer["records"]:
        shell.say("past.nothing", post=found["post"])
        return
    shell.say(
        "past.offer-too-many" if offer["too_many"] else "past.offer",
        count=offer["records"],
        highest=offer["highest"],
        first=clock(offer["first"]),
        last=clock(offer["last"]),
        post=found["post"],
    )


@history.command()
@_request
@as_json
@with_shell
def agree(shell: Shell, /, *, request: str, as_json: bool) -> None:
    """Agree: the messages are sent again, each under its own label."""
    if not as_json:
        _show(shell, shell.ask("history-show", id=request))
    answer = shell.ask("history-agree", id=request)
    parts = {"post": answer["post"], "count": answer["records"]}
    _sent(shell, answer, "past.agreed", as_json=as_json, **parts)


@history.command()
@_request
@click.option("--reason", type=OneLine(), required=True)
@as_json
@with_shell
def refuse(shell: Shell, /, *, request: str, reason: str, as_json: bool) -> None:
    """Say no: nothing is sent, and who asked is told why."""
    answer = shell.ask("history-refuse", id=request, reason=reason)
    _sent(shell, answer, "past.refused", as_json=as_json, post=answer["post"])


@history.command("list")
@click.option("--post", metavar="POST")
@click.option("--older", metavar="ID")
@as_json
@with_shell
def list_(
    shell: Shell, /, *, post: str | None, older: str | None, as_json: bool
) -> None:
    """List what was sent again to this terminal, the newest first."""
    found = shell.ask("history-list", post=post, older=older)
    if as_json:
        print_json(found)
        return
    if not found:
        shell.say("past.empty")
    for one in found:
        shell.say("past.line", **{**one, "written": clock(one["written"])})
        if one["worth"] == "doubted":
            shell.say("past.line-doubted")
    if len(found) == PAGE:
        shell.tell("list.older", count=PAGE, id=found[-1]["id"])


@history.command()
@click.argument("message", metavar="ID")
@as_json
@with_shell
def read(shell: Shell, /, *, message: str, as_json: bool) -> None:
    """Show an old message.  Nobody is told that it was read."""
    opened = shell.ask("history-read", id=message)
    if as_json:
        print_json(opened)
        return
    shell.say("message.banner", level=opened["level"])
    shell.say("past.resent", post=opened["resent_by"], at=clock(opened["resent_at"]))
    who = opened["member"] or "-"
    parts = {"post": opened["post"], "terminal": opened["terminal"], "member": who}
    shell.say("past.signed", at=clock(opened["written"]), **parts)
    shell.say("message.to", posts=", ".join(opened["to"]))
    if opened["info"]:
        shell.say("message.info", posts=", ".join(opened["info"]))
    if opened["until"] is not None:
        shell.say("message.until", clock=clock(opened["until"]))
    for event in opened["events"]:
        shell.say("message.event", event=event)
    _worth(shell, opened)
    for code, text in opened["parts"]:
        say_part(shell, shell.words.say(f"part.{code}"), text)
    for name in opened["attachments"]:
        shell.say("past.attachment", name=name, post=opened["post"])
    shell.say("message.banner", level=opened["level"])


def _worth(shell: Shell, opened: dict[str, Any]) -> None:
    """Say what the old signatures are worth today."""
    if opened["witnessed"] is None:
        shell.say("past.not-logged", post=opened["resent_by"])
    else:
        shell.say("past.logged", at=clock(opened["witnessed"]))
    for reason in opened["ended"]:
        event = shell.words.say(f"ended.{reason}")
        shell.say(f"past.{opened['worth']}", event=event)


def _standing(shell: Shell, one: dict[str, Any]) -> None:
    """Say where a request stands: ours, or another post's."""
    whose = "ours" if one["ours"] else "theirs"
    records = one["records"] or 0
    parts = {name: one[name] for name in ("id", "post", "sent", "left_out", "reason")}
    code = f"past.{whose}-{one['standing']}"
    shell.say(code, **parts, records=records, at=clock(one["at"]))
    if one["refusal"] is not None:
        shell.say("past.no", reason=one["refusal"])


def _sent(
    shell: Shell,
    answer: dict[str, Any],
    code: str,
    *,
    as_json: bool,
    **parts: object,
) -> None:
    """Say what was done; status 4 while the relay is not reachable."""
    if as_json:
        print_json(answer)
    else:
        shell.say(code, id=answer["id"], **parts)
    if not answer["online"]:
        shell.tell("message.queued")
        sys.exit(Exit.QUEUED)


COMMANDS: Final = {"history": history}
