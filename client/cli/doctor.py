"""``koerier doctor``: what is wrong here, and what to do about it."""

import sys
from typing import Final

import click

from client.cli.shell import Shell, as_json, print_json, with_shell
from client.cli.spoken import command
from client.doctor import Finding, Grade, of_facts, of_files, of_relay, of_witnesses
from client.exits import AgentRefusal, Exit
from client.home import HomeError

NEEDED: Final = frozenset({"home", "vault"})  # without them there is nothing inside


@command()
@click.option("--deep", is_flag=True)
@as_json
@with_shell
def doctor(shell: Shell, /, *, deep: bool, as_json: bool) -> None:
    """Look at everything that can be wrong with this terminal."""
    found = list(of_files(shell.home))
    fails = {finding.check for finding in found if finding.grade is Grade.FAIL}
    if fails.isdisjoint(NEEDED):  # a full disk is no reason to see nothing else
        found += _inside(shell, deep=deep)
    if as_json:
        print_json([_line(shell, finding) for finding in found])
    else:
        for finding in found:
            line = _line(shell, finding)
            shell.say("doctor.line", grade=line["mark"], said=line["says"])
    grades = {finding.grade for finding in found}
    if Grade.ALARM in grades:
        sys.exit(Exit.INTEGRITY)
    if Grade.FAIL in grades:
        sys.exit(Exit.FAILED)


def _inside(shell: Shell, *, deep: bool) -> list[Finding]:
    """Return what the agent knows, or what can be seen without one."""
    try:
        running, facts = shell.facts(deep=deep)
    except (AgentRefusal, HomeError) as refusal:
        return [_hurt(shell, refusal)]
    code = "doctor.agent" if running else "doctor.agent-none"
    agent = Finding("agent", Grade.OK if running else Grade.WARN, code)
    if facts is not None and facts["online"]:
        relay = Finding("relay", Grade.OK, "doctor.relay")
    else:
        relay = of_relay(shell.home)
    witnesses = of_witnesses(shell.home)
    return [agent, relay, witnesses, *(() if facts is None else of_facts(facts))]


def _hurt(shell: Shell, refusal: AgentRefusal | HomeError) -> Finding:
    """Return the finding of a vault that does not open; another refusal ends this."""
    status = refusal.exit_code if isinstance(refusal, AgentRefusal) else refusal.status
    if not refusal.code.startswith("vault."):
        shell.refuse(refusal.code, Exit(status), **refusal.parts)
    grade = Grade.ALARM if status == Exit.INTEGRITY else Grade.FAIL
    return Finding("vault", grade, refusal.code, dict(refusal.parts))


def _line(shell: Shell, finding: Finding) -> dict[str, str]:
    return {
        "check": finding.check,
        "grade": finding.grade.value,
        "code": finding.code,
        "mark": shell.words.say(f"doctor.grade-{finding.grade}"),
        "says": shell.words.say(finding.code, **finding.parts),
    }


COMMANDS: Final = {"doctor": doctor}
