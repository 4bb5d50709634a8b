"""``koerier exposure``: what a lost terminal could read, and whom to tell."""

from typing import Any, Final

import click

from client.cli.dates import Day, clock
from client.cli.shell import Shell, as_json, print_json, with_shell
from client.cli.spoken import command


@command()
@click.argument("post", metavar="POST")
@click.option("--terminal", type=click.IntRange(1, 255), metavar="N")
@click.option("--since", type=Day())
@as_json
@with_shell
def exposure(
    shell: Shell,
    /,
    *,
    post: str,
    terminal: int | None,
    since: str | None,
    as_json: bool,
) -> None:
    """Report which messages a terminal of a post could read, as this vault knows it."""
    found = shell.ask("exposure", post=post, terminal=terminal, since=since)
    if as_json:
        print_json(found)
        return
    for lost in found["terminals"]:
        _say_terminal(shell, post, lost)
    for name in ("sent", "received", "held"):
        if found[name]:
            shell.say(f"exposure.{name}", post=post, count=len(found[name]))
        for line in found[name]:
            _say_message(shell, line)
    if not found["originators"]:
        shell.say("exposure.none", post=post)
        return
    shell.say("exposure.tell")
    for one in found["originators"]:
        shell.say("exposure.originator", **{**one, "count": len(one["messages"])})


def _say_terminal(shell: Shell, post: str, lost: dict[str, Any]) -> None:
    for end in lost["ends"]:
        code = "exposure.end-told" if end["index"] is None else "exposure.end"
        reason = shell.sentence(f"exposure.by-{end['reason']}")
        at = clock(end["witnessed"])
        parts = {**lost, **end, "reason": reason, "time": at, "post": post}
        shell.say(code, **parts)
    if not lost["ends"]:
        shell.say("exposure.no-end", post=post, **lost)


def _say_message(shell: Shell, line: dict[str, Any]) -> None:
    parts = {name: line[name] for name in ("id", "originator", "level", "subject")}
    shell.say(
        "exposure.message",
        **parts,
        caveats=" ".join(line["caveats"]),
        written=clock(line["written"]),
        drafter=line["drafter"] or "-",
        index="-" if line["log_index"] is None else line["log_index"],
    )
    if "states" in line:
        shell.say(f"exposure.{line['readable']}")
    for name, at in line.get("states", {}).items():
        if name in {"delivered", "read", "acknowledged", "refused"} and at is not None:
            state = shell.sentence(f"exposure.state-{name}")
            shell.say("exposure.state", state=state, time=clock(at))
    if line["attachments"]:
        size = sum(one["size"] for one in line["attachments"])
        count = len(line["attachments"])
        shell.say("exposure.attachments", count=count, size=size)


COMMANDS: Final = {"exposure": exposure}
