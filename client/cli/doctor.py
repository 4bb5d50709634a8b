"""``koerier doctor``: what is wrong here, and what to do about it."""

import sys
from typing import Final

from client.cli.shell import Shell, as_json, print_json, with_shell
from client.cli.spoken import command
from client.doctor import Finding, Grade, of_facts, of_files, of_relay
from client.exits import Exit


@command()
@as_json
@with_shell
def doctor(shell: Shell, /, *, as_json: bool) -> None:
    """Look at everything that can be wrong with this terminal."""
    found = list(of_files(shell.home))
    if not any(finding.grade is Grade.FAIL for finding in found):
        found += _inside(shell)
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


def _inside(shell: Shell) -> list[Finding]:
    """Return what the agent knows, or what can be seen without one."""
    running, facts = shell.facts()
    code = "doctor.agent" if running else "doctor.agent-none"
    agent = Finding("agent", Grade.OK if running else Grade.WARN, code)
    if facts is not None and facts["online"]:
        relay = Finding("relay", Grade.OK, "doctor.relay")
    else:
        relay = of_relay(shell.home)
    return [agent, relay, *(() if facts is None else of_facts(facts))]


def _line(shell: Shell, finding: Finding) -> dict[str, str]:
    return {
        "check": finding.check,
        "grade": finding.grade.value,
        "code": finding.code,
        "mark": shell.words.say(f"doctor.grade-{finding.grade}"),
        "says": shell.words.say(finding.code, **finding.parts),
    }


COMMANDS: Final = {"doctor": doctor}
