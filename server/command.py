"""What ``koerier-relay`` and ``koerier-witness`` share: statuses, homes, last words."""

import enum
import os
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn

import click

from server.config import ConfigError, Home

F = Callable[..., None]


class Exit(enum.IntEnum):
    """Exit statuses, the same as the client's."""

    FAILED = 1
    BAD_INPUT = 2
    REFUSED = 3
    UNREACHABLE = 4
    ALARM = 6  # what is stored does not agree


class Program:
    """One of the two programs: its name stands before its last words."""

    def __init__(self, name: str) -> None:
        self.name = name

    def fail(self, status: Exit, text: str) -> NoReturn:
        """End with one line on stderr."""
        click.echo(f"{self.name}: {text}", err=True)
        sys.exit(status)

    def home_option(self, command: F) -> F:
        """Add ``--home``, and turn a configuration's faults into status 2."""

        @click.option(
            "--home",
            "home_path",
            required=True,
            envvar="KOERIER_HOME",
            type=click.Path(path_type=Path, file_okay=False),
            help="The folder of this relay or witness.",
        )
        @wraps(command)
        def run(home_path: Path, **options: Any) -> None:  # noqa: ANN401 -- click's
            os.umask(0o077)
            try:
                command(Home(home_path.resolve()), **options)
            except ConfigError as error:
                self.fail(Exit.BAD_INPUT, str(error))

        return run
