"""``koerier directory``: posts, terminals, members, rights; and how it came so."""

from typing import Any, Final

import click

from client.cli.dates import clock
from client.cli.shell import Shell, as_json, print_json, with_shell
from client.cli.spoken import SpokenCommand, group

DAYS: Final = 90  # before an end: the first warning


@group
def directory() -> None:
    """The directory that this terminal adopted."""


@directory.command("list")
@as_json
@with_shell
def list_(shell: Shell, /, *, as_json: bool) -> None:
    """List the posts, with their rights and how many terminals and members."""
    found = shell.ask("directory-list")
    if as_json:
        print_json(found)
        return
    for line in found:
        _say_post(shell, line)


@directory.command()
@click.argument("post", metavar="POST")
@as_json
@with_shell
def show(shell: Shell, /, *, post: str, as_json: bool) -> None:
    """Show one post: terminals, members, rights, ends, restrictions that stand."""
    found = shell.ask("directory-post", post=post)
    if as_json:
        print_json(found)
        return
    _say_post(shell, found)
    shell.say("directory.place", version=found["version"], key=found["recovery"])
    for holder in found["holders"]:
        parts = {**holder, "who": holder["name"] or holder["number"]}
        state = "ended" if holder["ended"] else "holds"
        shell.say(f"directory.{holder['kind']}-{state}", **parts)
    for cut in found["restrictions"]:
        where = "told" if cut["index"] is None else "logged"
        shell.say(f"directory.cut-{where}", **{**cut, "by": ", ".join(cut["by"])})


@directory.command()
@click.argument("post", required=False, metavar="POST")
@as_json
@with_shell
def history(shell: Shell, /, *, post: str | None, as_json: bool) -> None:
    """Show every entry of the key log: position, time, what, and who signed."""
    found = shell.ask("directory-history", post=post)
    if as_json:
        print_json(found)
        return
    for line in found:
        _say_entry(shell, line)


@click.command(cls=SpokenCommand)
@click.option("--days", type=click.IntRange(0), default=DAYS, show_default=True)
@as_json
@with_shell
def expiring(shell: Shell, /, *, days: int, as_json: bool) -> None:
    """List every key that ends within some days, the soonest first."""
    found = shell.ask("operator-expiring", days=days)
    if as_json:
        print_json(found)
        return
    for line in found:
        parts = {**line, "post": line["post"] or "-", "until": clock(line["until"])}
        shell.say(f"expiring.{line['kind']}", **parts)
    if not found:
        shell.say("expiring.none", days=days)


def _say_post(shell: Shell, line: dict[str, Any]) -> None:
    code = "post" if line["active"] else "post-ended"
    shell.say(f"directory.{code}", **line)
    if line["restricted"]:
        shell.say("directory.restricted", count=line["restricted"])


def _say_entry(shell: Shell, line: dict[str, Any]) -> None:
    code = "entry" if line["counts"] else "entry-refused"
    shell.say(
        f"directory.{code}",
        index=line["index"],
        time=clock(line["witnessed"]),
        kind=line["action"] or line["kind"] or "?",
        post=line["post"] or "-",
        signers=", ".join(line["signers"]) or "-",
    )
    for code, parts in line["sentences"]:
        shell.say(code, **parts)


COMMANDS: Final = {"directory": directory}
