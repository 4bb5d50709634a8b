"""``koerier-witness``: make a witness, run it.

::

    koerier-witness init --home witness-1 --name witness-1
    koerier-witness serve --home witness-1

Exit status: 0 done, 1 failed, 2 bad input or usage, 6 what is stored does not agree.
"""

import asyncio
import json
import os
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, Final, NoReturn

import click

from server.config import ConfigError, Home, WitnessConfig, load

FAILED: Final = 1
BAD_INPUT: Final = 2
ALARM: Final = 6
CONFIG: Final = "witness.toml"

F = Callable[..., None]


def fail(status: int, text: str) -> NoReturn:
    """End with one line on stderr."""
    click.echo(f"koerier-witness: {text}", err=True)
    sys.exit(status)


def home_option(command: F) -> F:
    """Add ``--home``, and turn a configuration's faults into status 2."""

    @click.option(
        "--home",
        "home_path",
        required=True,
        envvar="KOERIER_HOME",
        type=click.Path(path_type=Path, file_okay=False),
        help="The witness's folder.",
    )
    @wraps(command)
    def run(home_path: Path, **options: Any) -> None:  # noqa: ANN401 -- click's
        os.umask(0o077)
        try:
            command(Home(home_path.resolve()), **options)
        except ConfigError as error:
            fail(BAD_INPUT, str(error))

    return run


@click.group(help="A witness: it cosigns only growth, and remembers before it does.")
def main() -> None:
    """Choose the command."""


@main.command(help="Make keys and configuration in a new folder.")
@home_option
@click.option("--name", required=True, help="The witness's name in the root document.")
@click.option("--listen", default="127.0.0.1:8444", help="HOST:PORT, port 0: any free.")
@click.option("--mirror/--no-mirror", default=True, help="Store every entry first.")
def init(home: Home, name: str, listen: str, mirror: bool) -> None:  # noqa: FBT001 -- click's
    """Make a witness."""
    from crypto import entropy
    from server.init import init_witness

    config = WitnessConfig(listen=listen, mirror=mirror)
    public = init_witness(home, config, entropy.system, name=name)
    click.echo(json.dumps(public, indent=2))


@main.command(help="Run until SIGTERM.")
@home_option
@click.option("--listen", help="HOST:PORT instead of the configuration's.")
def serve(home: Home, listen: str | None) -> None:
    """Run the witness."""
    from server.logbook import configure, logbook
    from server.storage.interfaces import StoreError
    from server.witness.serve import serve

    config = load(home.path / CONFIG, WitnessConfig)
    configure()
    try:
        asyncio.run(serve(home, config, listen))
    except StoreError as error:
        logbook().error("store", reason=str(error))
        fail(ALARM, str(error))
    except OSError as error:
        fail(FAILED, f"cannot listen or store: {error.strerror}")
