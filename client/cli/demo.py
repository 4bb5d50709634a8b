"""``koerier demo``: a small ministry on this machine, with real messages in it.

The main job: a post's message with an attachment and another's incident report go to
the Taskforce Cyber, which then warns all posts.  Each is sealed, stored, logged,
delivered, accepted with a verified proof, read and acknowledged.  Standard output holds
the summary and nothing else; what happens is told on standard error.
"""

import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from client.cli.report_file import problems_of
from client.cli.shell import Shell, print_json, with_shell
from client.cli.spoken import command
from client.demo.ground import GroundError, ground
from client.demo.leak import canaries, search
from client.demo.ministry import NAME, UNITS, Ministry
from client.demo.processes import Services, StepFailedError
from client.demo.props import SUBJECT, WARNING, make_props
from client.demo.sample import sample
from client.demo.scenes import News, Scenes, Sent
from client.demo.summary import summary_of
from client.demo.timeline import line_of, matrix_of
from client.exits import Exit
from client.files import private_folder, read_bounded
from protocol.incident.model import MAX_FILE

FOLDER: Final = ".koerier-demo"
PASSPHRASE_BYTES: Final = 16
LOOK: Final = 1.0  # seconds between looks while the ministry stays up


@command()
@click.option(
    "--report",
    "report_file",
    type=click.Path(dir_okay=False, path_type=Path),
)
@click.option("--once", is_flag=True)
@click.option("--json", "as_json", is_flag=True)
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=FOLDER,
    show_default=True,
)
@click.option("--fresh", is_flag=True)
@with_shell
def demo(
    shell: Shell,
    /,
    *,
    report_file: Path | None,
    once: bool,
    as_json: bool,
    folder: Path,
    fresh: bool,
) -> None:
    """Found a small ministry and send real messages through it."""
    report_file = report_file or sample()
    report = _report(shell, report_file)
    try:
        with (
            ground(folder, fresh=fresh) as own,
            Services(private_folder(own / "log")) as services,
        ):
            summary = _Play(shell, own, services).run(report_file, report)
            if as_json:
                print_json(summary)
            else:
                shell.say("demo.done", seconds=summary["seconds"])
            if not summary["ok"]:
                shell.refuse("demo.failed", Exit.FAILED, what="summary")
            if not once:
                _stay(shell, own, services)
    except GroundError as error:
        shell.refuse(error.code, Exit.BAD_INPUT, **error.parts)
    except StepFailedError as error:
        shell.refuse("demo.failed", Exit.FAILED, what=error)


def _report(shell: Shell, file: Path) -> bytes:
    """Return the report, or end with every problem that it has: nothing started."""
    try:
        data = read_bounded(file, MAX_FILE)
    except OSError as error:
        shell.refuse("demo.no-report", Exit.BAD_INPUT, file=file, why=error.strerror)
    problems = problems_of(data, str(file), shell.words)
    if problems:
        click.echo("\n".join(problems), err=True)
        sys.exit(Exit.BAD_INPUT)
    return data


class _Play:
    """The scenes in order, and what is told of them."""

    def __init__(self, shell: Shell, folder: Path, services: Services) -> None:
        self._shell = shell
        self._folder = folder
        self._started = time.monotonic()
        self._ministry = Ministry(
            folder, services, lambda: shell.entropy(PASSPHRASE_BYTES).hex(), UNITS
        )
        self._scenes = Scenes(self._ministry, self._news)

    def run(self, report_file: Path, report: bytes) -> dict[str, Any]:
        """Found the ministry, play every scene, and return the summary."""
        shell, ministry, scenes = self._shell, self._ministry, self._scenes
        shell.tell("demo.founding", folder=self._folder)
        ministry.found()
        ministry.unlock()
        scenes.wait_until_reachable()
        shell.tell("demo.running")
        props = make_props(self._folder / "papers", shell.entropy)
        sent, message = self._scene(
            "demo.message",
            lambda: scenes.message(SUBJECT, props.text, props.attachment),
        )
        self._save(sent, props.attachment)
        _, flash = self._scene("demo.report", lambda: scenes.report(report_file))
        _, warning = self._scene(
            "demo.warning", lambda: scenes.warning(WARNING, props.warning)
        )
        through = [message, flash, warning]
        for message in through:
            click.echo("\n" + matrix_of(message, shell.words), err=True)
        pieces = [*canaries(report), *props.words]
        found = search([ministry.relay, *ministry.witnesses], pieces)
        shell.tell("demo.leak", canaries=len(pieces), found=found)
        return summary_of(NAME, through, (len(pieces), found), self._passed())

    def _scene(
        self, told: str, send: Callable[[], Sent]
    ) -> tuple[Sent, dict[str, Any]]:
        """Play one message to its last receipt; return it and its receipts."""
        self._shell.tell(told)
        sent = send()
        self._scenes.follow(sent, "sealed", "stored", "delivered", "accepted")
        self._scenes.read_and_acknowledge(sent)
        return sent, self._scenes.follow(sent, "read", "acknowledged")

    def _save(self, sent: Sent, original: Path) -> None:
        """Let TFC save the attachment, and compare it with what was sent."""
        folder = private_folder(self._folder / "saved")
        saved = self._scenes.save_attachment(sent, folder)
        if saved != original.read_bytes():
            raise StepFailedError(original.name)
        self._shell.tell("demo.saved", name=original.name, bytes=len(saved))

    def _news(self, news: News) -> None:
        click.echo(line_of(news, self._passed(), self._shell.words), err=True)

    def _passed(self) -> float:
        return time.monotonic() - self._started


def _program() -> str:
    """Return what to type for our program in another window."""
    return "koerier" if shutil.which("koerier") else sys.argv[0]


def _stay(shell: Shell, folder: Path, services: Services) -> None:
    """Keep the ministry up until Ctrl+C or one of it dies, and say what to try."""
    shell.tell("demo.next", home=folder / "terminals", program=_program())
    try:
        while not (ended := services.ended()):
            time.sleep(LOOK)
        shell.refuse("demo.died", Exit.FAILED, names=", ".join(ended))
    except KeyboardInterrupt:
        return


COMMANDS: Final = {"demo": demo}
