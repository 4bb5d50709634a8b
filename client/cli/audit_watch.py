"""``koerier audit watch``: asks the relay and each witness, and alarms."""

import asyncio
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import click

from client.audit.asking import Ministry, watch_once
from client.audit.source import SourceError
from client.audit.state import Memory
from client.audit.verifying import NAMES
from client.audit.watching import Looked
from client.cli.audit_shell import at_relay, ministry_for, remembered, root_file
from client.cli.dates import clock
from client.cli.shell import Shell, as_json, print_json, with_shell
from client.cli.spoken import SpokenCommand
from client.clock import SystemClock
from client.exits import Exit
from client.harmless import json_line
from client.present import iso

EVERY: Final = 300  # seconds: a log is cosigned anew as often


@click.command(cls=SpokenCommand)
@root_file
@at_relay
@click.option("--witness", "witnesses", multiple=True, metavar="NAME=URL")
@click.option("--once", is_flag=True)
@click.option("--every", type=click.IntRange(1, 86_400), default=EVERY, metavar="N")
@click.option("--settle", type=int, metavar="NUMBER")
@as_json
@with_shell
def watch(
    shell: Shell,
    /,
    *,
    root: Path | None,
    relay: str | None,
    witnesses: tuple[str, ...],
    once: bool,
    every: int,
    settle: int | None,
    as_json: bool,
) -> None:
    """Compare what the relay and each witness show, and alarm."""
    memory, wall = remembered(shell), SystemClock().wall
    if settle is not None:
        if not memory.settle(settle, wall()):
            shell.refuse("audit.no-alarm", Exit.BAD_INPUT, number=settle)
        shell.say("audit.settled", number=settle)
        return
    elsewhere = dict(pair.partition("=")[::2] for pair in witnesses)
    while True:
        known = ministry_for(shell, root, relay, None)
        ministry = replace(known, witnesses={**known.witnesses, **elsewhere})
        away = _look(shell, ministry, memory, wall(), as_json=as_json, line=not once)
        if once:
            break
        asyncio.run(asyncio.sleep(every))
    if memory.standing():
        sys.exit(Exit.INTEGRITY)
    if away:
        sys.exit(Exit.QUEUED)


def _look(
    shell: Shell,
    ministry: Ministry,
    memory: Memory,
    now: int,
    *,
    as_json: bool,
    line: bool,
) -> bool:
    """Look once, and show it; True: the relay does not answer."""
    looked: tuple[Looked, ...] = ()
    away = ""
    try:
        looked = asyncio.run(watch_once(ministry, memory, now))
    except SourceError as error:
        away = error.code
    if as_json:
        told = _json(looked, memory, now, away)
        if line:
            click.echo(json_line(told))
        else:
            print_json(told)
        return bool(away)
    if away:
        shell.tell(away)
    for one in looked:
        shell.say(
            "audit.looked",
            log=NAMES[one.log],
            size=one.size,
            grown=one.grown,
            at=clock(iso(one.witnessed)),
        )
    for alarm in memory.standing():
        shell.say(
            f"audit.alarm-{alarm.what}",
            number=alarm.number,
            about=alarm.about,
            at=clock(iso(alarm.since)),
        )
        if alarm.folder:
            shell.say("audit.alarm-folder", folder=str(memory.folder / alarm.folder))
    return bool(away)


def _json(
    looked: tuple[Looked, ...], memory: Memory, now: int, away: str
) -> dict[str, Any]:
    return {
        "at": iso(now),
        "relay": away.removeprefix("audit.") or "answered",
        "logs": [
            {
                "log": NAMES[one.log],
                "size": one.size,
                "root": one.root.hex(),
                "witnessed": iso(one.witnessed),
                "grown": one.grown,
            }
            for one in looked
        ],
        "alarms": [
            {
                "number": alarm.number,
                "what": alarm.what,
                "about": alarm.about,
                "since": iso(alarm.since),
                "evidence": str(memory.folder / alarm.folder) if alarm.folder else None,
            }
            for alarm in memory.standing()
        ],
    }
