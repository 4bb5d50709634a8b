"""Starting the real programs: commands that end, and services that stay.

A passphrase goes to a process through a pipe (``--passphrase-fd``), never through
its arguments or environment.  Services write ``<home>/run/address`` when they
listen; the demo waits for that file and for nothing else.
"""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from client.programs import program

START_LIMIT: Final = 60.0  # seconds: a loaded machine starts in a few
STOP_LIMIT: Final = 15.0  # seconds a service has to drain
STEP: Final = 0.05  # seconds between looks at a file


class StepFailedError(Exception):
    """A command of the demo ended badly; the text is its own last words."""


def command(name: str, *arguments: object) -> list[str]:
    """Return the argument vector of an installed Koerier program.

    Raises:
        StepFailedError: it is not installed.
    """
    path = program(name)
    if path is None:
        message = f"{name} is not installed"
        raise StepFailedError(message)
    return [path, *map(str, arguments)]


def run(line: Sequence[str], *, passphrase: str | None = None) -> str:
    """Run a command to its end and return what it printed.

    Raises:
        StepFailedError: another status than 0.
    """
    with _passphrase(passphrase) as (options, descriptors):
        done = subprocess.run(  # noqa: S603 -- our own programs
            [*line, *options],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            pass_fds=descriptors,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise StepFailedError(" ".join([*line[1:3], f"({done.returncode})", *last]))
    return done.stdout


def run_json(line: Sequence[str], *, passphrase: str | None = None) -> Any:  # noqa: ANN401 -- JSON
    """Run a command and return the JSON value it printed."""
    return json.loads(run(line, passphrase=passphrase))


@contextlib.contextmanager
def _passphrase(
    passphrase: str | None,
) -> Iterator[tuple[tuple[str, ...], tuple[int, ...]]]:
    """Yield the options and descriptors that hand ``passphrase`` over."""
    if passphrase is None:
        yield (), ()
        return
    reading, writing = os.pipe()
    try:
        os.write(writing, passphrase.encode() + b"\n")
        os.close(writing)
        yield ("--passphrase-fd", str(reading)), (reading,)
    finally:
        os.close(reading)


class Services:
    """The programs that stay up; ended together, the last started first."""

    def __init__(self, log_folder: Path) -> None:
        self._log_folder = log_folder
        self._running: list[tuple[str, subprocess.Popen[bytes]]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(
        self,
        name: str,
        line: Sequence[str],
        ready: Path,
        *,
        passphrase: str | None = None,
    ) -> str:
        """Start a service and return what it wrote into its ``ready`` file.

        Raises:
            StepFailedError: it ended, or wrote nothing in START_LIMIT seconds.
        """
        ready.unlink(missing_ok=True)
        log = self._log_folder / f"{name}.log"
        with (
            log.open("ab") as output,
            _passphrase(passphrase) as (options, descriptors),
        ):
            process = subprocess.Popen(  # noqa: S603 -- our own programs
                [*line, *options],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=descriptors,
                start_new_session=True,  # a Ctrl-C reaches us, and we end them
            )
        self._running.append((name, process))
        limit = time.monotonic() + START_LIMIT
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > limit:
                tail = log.read_text(errors="replace").strip().splitlines()[-1:]
                raise StepFailedError(" ".join([name, "did not start:", *tail]))
            time.sleep(STEP)
        return ready.read_text().strip()

    def ended(self) -> list[str]:
        """Return which services are not running any more."""
        return [name for name, one in self._running if one.poll() is not None]

    def pid(self, name: str) -> int:
        """Return the process id of a running service."""
        return next(process.pid for known, process in self._running if known == name)

    def stop(self) -> None:
        """End all services: a request first, then by force."""
        while self._running:
            _, process = self._running.pop()
            process.terminate()
            try:
                process.wait(STOP_LIMIT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def say(text: str) -> None:
    """Tell the person at the screen; standard output is for results alone."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201 -- it speaks to whoever started it
