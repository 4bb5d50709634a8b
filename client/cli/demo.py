"""``koerier demo``: a small ministry on this machine, with real messages in it.

The main job: one report goes from a post to the Taskforce Cyber, is sealed, stored,
logged, delivered, accepted with a verified proof, read and acknowledged.  Standard
output holds the summary and nothing else; what happens is told on standard error.
"""

import shutil
import sys
import time
from pathlib import Path
from typing import Final

import click

from client.cli.exits import Exit
from client.cli.report_file import problems_of
from client.cli.shell import Shell, print_json, with_shell
from client.demo.leak import canaries, search
from client.demo.ministry import NAME, POST, TFC, Ministry
from client.demo.processes import Services, StepFailedError
from client.demo.story import Story
from client.demo.summary import summary_of
from client.files import private_folder

FOLDER: Final = ".koerier-demo"
PASSPHRASE_BYTES: Final = 16
IDLE: Final = 3_600.0  # seconds between looks while the ministry stays up


@click.command(
    epilog="Example: koerier demo --once --json"
    " --report docs/samples/alert-coathanger-2024.json"
)
@click.option(
    "--report",
    "report_file",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="Incident report (koerier-incident/1, JSON) that the post sends.",
)
@click.option("--once", is_flag=True, help="End when the message is through.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=FOLDER,
    show_default=True,
)
@click.option("--fresh", is_flag=True, help="Remove the folder first.")
@with_shell
def demo(
    shell: Shell,
    /,
    *,
    report_file: Path,
    once: bool,
    as_json: bool,
    folder: Path,
    fresh: bool,
) -> None:
    """Found a small ministry and send a real incident report through it."""
    report = _report(shell, report_file)
    folder = folder.resolve()
    if folder.exists() and not fresh:
        shell.refuse("demo.exists", Exit.BAD_INPUT, folder=folder)
    shutil.rmtree(folder, ignore_errors=True)
    started = time.monotonic()
    try:
        with Services(private_folder(folder / "log")) as services:
            _play(shell, folder, services, report, (report_file, started), as_json)
            if not once:
                _stay(shell, folder)
    except StepFailedError as error:
        shell.refuse("demo.failed", Exit.FAILED, what=error)


def _report(shell: Shell, file: Path) -> bytes:
    """Return the report, or end with every problem that it has: nothing started."""
    try:
        data = file.read_bytes()
    except OSError as error:
        shell.refuse("demo.no-report", Exit.BAD_INPUT, file=file, why=error.strerror)
    problems = problems_of(data, str(file), shell.words)
    if problems:
        click.echo("\n".join(problems), err=True)
        sys.exit(Exit.BAD_INPUT)
    return data


def _play(  # noqa: PLR0917 -- the scene, the props and the clock
    shell: Shell,
    folder: Path,
    services: Services,
    report: bytes,
    source: tuple[Path, float],
    as_json: bool,  # noqa: FBT001 -- an option, handed on
) -> None:
    """Found the ministry, send the report, and print what came of it."""
    file, started = source

    def passed() -> float:
        return time.monotonic() - started

    shell.tell("demo.founding", folder=folder)
    ministry = Ministry(folder, services, lambda: shell.entropy(PASSPHRASE_BYTES).hex())
    ministry.found()
    ministry.unlock()
    story = Story(
        ministry,
        lambda state: shell.tell(
            "demo.timeline", seconds=passed(), state=shell.words.say(f"state.{state}")
        ),
    )
    story.wait_until_reachable()
    shell.tell("demo.running")
    shell.tell("demo.sending")
    message = story.send(file)
    story.follow(message, "sealed", "stored", "delivered", "accepted")
    shell.tell("demo.reading")
    story.read_and_acknowledge()
    through = story.follow(message, "read", "acknowledged")
    pieces = canaries(report)
    found = search([ministry.relay, *ministry.witnesses], pieces)
    shell.tell("demo.leak", canaries=len(pieces), found=found)
    summary = summary_of(NAME, [through], (len(pieces), found), passed())
    if as_json:
        print_json(summary)
    else:
        shell.say("demo.done", seconds=passed())
    if not summary["ok"]:
        shell.refuse("demo.failed", Exit.FAILED, what="summary")


def _stay(shell: Shell, folder: Path) -> None:
    """Keep the ministry up until Ctrl+C, and say what to try."""
    for unit in (TFC, POST):
        shell.tell("demo.next", home=folder / "terminals" / unit.post)
    try:
        while True:
            time.sleep(IDLE)
    except KeyboardInterrupt:
        return


COMMANDS: Final = {"demo": demo}
