"""``koerier audit``: what an auditor checks, with tools of the auditor's own.

``evidence --check`` needs nothing but a file and the hash on paper; ``verify`` and
``watch`` need a root document, a terminal's or a file's; the others a terminal.
"""

import sys
from pathlib import Path
from typing import Final

import click

from client.audit.asking import verify_logs
from client.audit.telling import verified_json
from client.audit.verifying import Verified
from client.cli.audit_evidence import evidence, prove
from client.cli.audit_shell import (
    FOLDER,
    at_relay,
    copied,
    ministry_for,
    remembered,
    root_file,
    run,
)
from client.cli.audit_watch import watch
from client.cli.dates import clock
from client.cli.shell import Shell, as_json, print_json, with_shell
from client.cli.spoken import group
from client.clock import SystemClock
from client.exits import Exit


@group
def audit() -> None:
    """Check the logs, and prove to strangers."""


@audit.command()
@as_json
@with_shell
def status(shell: Shell, /, *, as_json: bool) -> None:
    """Show what this terminal has verified of both logs."""
    found = shell.ask("audit-status")
    memory = remembered(shell)
    evidence = found.pop("evidence")
    for name, log in found.items():
        point = next(
            (p for p in memory.state.points if p.log.name.lower() == name), None
        )
        log["computed"] = 0 if point is None else point.whole
        log["computed_at"] = None if point is None else point.checked
    if as_json:
        print_json({**found, "evidence": evidence})
        return
    for log in found.values():
        shell.say(
            "audit.status-log",
            log=log["origin"],
            size=log["size"],
            root=log["root"],
            at=clock(log["witnessed"]),
        )
        for witness in log["witnesses"]:
            at = witness["cosigned"]
            code = "audit.status-silent" if at is None else "audit.status-witness"
            shell.say(code, name=witness["name"], at="" if at is None else clock(at))
        if log["computed"]:
            shell.say("audit.status-computed", size=log["computed"])
    if evidence:
        shell.say("audit.status-evidence", count=len(evidence))


# --- both logs


@audit.command()
@root_file
@copied
@at_relay
@click.option("--save", type=FOLDER, metavar="FOLDER")
@as_json
@with_shell
def verify(
    shell: Shell,
    /,
    *,
    root: Path | None,
    copy: Path | None,
    relay: str | None,
    save: Path | None,
    as_json: bool,
) -> None:
    """Compute both logs leaf by leaf, from the relay or from a copy."""
    ministry = ministry_for(shell, root, relay, copy)
    memory = remembered(shell)
    now = SystemClock().wall()
    found = run(shell, verify_logs(ministry, copy, memory, now, save))
    if as_json:
        print_json([verified_json(one) for one in found])
    else:
        for one in found:
            _say_verified(shell, one)
    if any(one.wrong for one in found):
        sys.exit(Exit.INTEGRITY)


def _say_verified(shell: Shell, one: Verified) -> None:
    told = verified_json(one)
    if one.wrong:
        for code in one.wrong:
            shell.say(code, log=told["log"])
        return
    if not one.size:
        shell.say("audit.verified-empty", log=told["log"])
        return
    at = clock(told["witnessed"])
    shell.say(
        "audit.verified", log=told["log"], size=one.size, root=told["root"], at=at
    )
    for entry in told["entries"]:
        if entry["verdict"] == "refused":
            shell.say("audit.entry-refused", index=entry["index"])
        else:
            shell.say(
                "audit.entry",
                index=entry["index"],
                kind=entry["action"] or entry["kind"],
                post=entry["post"] or "-",
                signers=len(entry["signers"]),
            )
    if one.unread:
        shell.say("audit.unread", count=one.unread)


for one in (prove, evidence, watch):
    audit.add_command(one)

COMMANDS: Final = {"audit": audit}
