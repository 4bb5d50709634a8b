"""``koerier-relay``: make a relay, run it, look at it.

::

    koerier-relay init --home relay --name relay.example
    koerier-relay serve --home relay
    koerier-relay migrate --home relay
    koerier-relay backup --home relay --out FILE
    koerier-relay append --home relay ENTRY...
    koerier-relay status --home relay
    koerier-relay check --home relay
    koerier-relay rotate --home relay --what identity|log|tls
    koerier-relay refill --home relay

Exit status: 0 done, 1 failed, 2 bad input or usage, 3 refused, 4 not reachable, 6 what
is stored does not agree.
"""

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

import click

from crypto.suite import SuiteId
from server.command import Exit, Program
from server.config import Home, RelayConfig, load

CONFIG: Final = "relay.toml"

_program = Program("koerier-relay")


_witness_option = click.option(
    "--witness",
    "witnesses",
    multiple=True,
    metavar="NAME=URL",
    help="Where a witness is, instead of the root document's address.",
)


def _addresses(witnesses: tuple[str, ...]) -> dict[str, str]:
    addresses = dict(pair.partition("=")[::2] for pair in witnesses)
    if not all(url.startswith(("http://", "https://")) for url in addresses.values()):
        _program.fail(
            Exit.BAD_INPUT,
            "--witness NAME=URL: the URL begins with http:// or https://",
        )
    return addresses


@click.group(help="The relay: it stores, logs and forwards what it cannot read.")
def main() -> None:
    """Choose the command."""


@main.command(help="Make keys, certificate and configuration in a new folder.")
@_program.home_option
@click.option("--name", default="koerier-relay", help="Begins both logs' origins.")
@click.option("--listen", default="127.0.0.1:8443", help="HOST:PORT, port 0: any free.")
@click.option("--health", default="127.0.0.1:9443", help="HOST:PORT of health.")
@click.option("--suite", type=click.Choice(["1", "2"]), default="1", help="S1 or S2.")
@click.option(
    "--database",
    default=RelayConfig().database,
    metavar="PATH|URL",
    help="A file below the home, or postgresql://USER@HOST:PORT/NAME.",
)
@click.option(
    "--seeds",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The keys/relay.seeds of a relay that lost its disk, instead of new ones.",
)
def init(
    home: Home,
    *,
    name: str,
    listen: str,
    health: str,
    suite: str,
    database: str,
    seeds: Path | None,
) -> None:
    """Make a relay."""
    from crypto import entropy
    from server.init import init_relay
    from server.keys import RelaySeeds, load_seeds, make_relay_seeds
    from server.storage.opening import located

    located(database, home.path)
    config = RelayConfig(listen=listen, health=health, database=database)
    kept = (
        make_relay_seeds(SuiteId(int(suite)), entropy.system)
        if seeds is None
        else load_seeds(seeds, RelaySeeds)
    )
    public = init_relay(home, config, entropy.system, name=name, seeds=kept)
    click.echo(json.dumps(public, indent=2))


@main.command(help="Make the next keys, or put the old ones away (--finish).")
@_program.home_option
@click.option(
    "--what",
    type=click.Choice(["identity", "log", "tls"]),
    multiple=True,
    help="What is rotated; may be given more than once.",
)
@click.option("--finish", is_flag=True, help="Forget all keys but the last ones.")
@click.option(
    "--root",
    "root_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="With --finish: the root document in force, which must name the last ones.",
)
def rotate(
    home: Home, *, what: tuple[str, ...], finish: bool, root_file: Path | None
) -> None:
    """Rotate the relay's keys; the root document says when they count."""
    from crypto import entropy
    from server.founding import read_root
    from server.init import rotate_relay
    from server.keyring import finish_relay

    if finish is not (root_file is not None) or finish is bool(what):
        _program.fail(Exit.BAD_INPUT, "give --what, or --finish with --root")
    if root_file is None:
        click.echo(json.dumps(rotate_relay(home, what, entropy.system), indent=2))
        return
    root = read_root(root_file)[1].document
    click.echo(json.dumps({"forgotten": finish_relay(home, root, entropy.system)}))


@main.command(help="Run until SIGTERM.")
@_program.home_option
@click.option("--listen", help="HOST:PORT instead of the configuration's.")
@click.option("--health", help="HOST:PORT instead of the configuration's.")
@_witness_option
def serve(
    home: Home, listen: str | None, health: str | None, witnesses: tuple[str, ...]
) -> None:
    """Run the relay."""
    from crypto import entropy
    from server.logbook import configure, logbook
    from server.serve import Options, serve
    from server.storage.interfaces import StoreError

    addresses = _addresses(witnesses)
    config = load(home.path / CONFIG, RelayConfig)
    configure()
    try:
        options = Options(listen, health, addresses)
        asyncio.run(serve(home, config, options, entropy.system))
    except StoreError as error:
        logbook().error("store", reason=str(error))
        _program.fail(
            Exit.ALARM, f"the store does not agree or the disk failed: {error}"
        )
    except OSError as error:
        _program.fail(Exit.FAILED, f"cannot listen: {error.strerror}")


@main.command(help="Fill the logs again from a mirror: after a lost or older disk.")
@_program.home_option
@_witness_option
@click.option(
    "--without",
    multiple=True,
    metavar="NAME",
    help="A witness that is gone for good: go on without what it knows.",
)
def refill(home: Home, witnesses: tuple[str, ...], without: tuple[str, ...]) -> None:
    """Bring both logs to their last witnessed checkpoint; the relay must be down.

    Nothing is written unless every witness answered and one history fits them all.
    """
    from crypto import entropy
    from server.refill import ForkedError, RefillError, Sources
    from server.refilling import refill
    from server.storage.interfaces import StoreError

    config = load(home.path / CONFIG, RelayConfig)
    sources = Sources({**config.witnesses, **_addresses(witnesses)}, without)
    try:
        filled = asyncio.run(refill(home, config, sources, entropy.system))
    except ForkedError as error:
        _program.fail(Exit.ALARM, str(error))
    except RefillError as error:
        _program.fail(Exit.FAILED, str(error))
    except StoreError as error:
        _program.fail(Exit.ALARM, f"the store: {error}")
    click.echo(json.dumps(filled, indent=2))


@main.command(help="Log signed key log entries, through the admin socket.")
@_program.home_option
@click.argument(
    "files",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
def append(home: Home, files: tuple[Path, ...]) -> None:
    """Log the entries in ``files``, in order; print the index of each."""
    from server.admin_client import call

    for file in files:
        status, text = asyncio.run(call(home.socket, "/append", file.read_bytes()))
        if status is None:
            _program.fail(Exit.UNREACHABLE, "no relay runs in this home")
        if status != 200:  # noqa: PLR2004 -- HTTP's OK
            _program.fail(Exit.REFUSED, f"{file}: {text.strip()}")
        click.echo(text.strip())


@main.command(help="Show sizes and faults of the running relay, as JSON.")
@_program.home_option
def status(home: Home) -> None:
    """Print the status."""
    from server.admin_client import call

    found, text = asyncio.run(call(home.socket, "/status"))
    if found is None:
        _program.fail(Exit.UNREACHABLE, "no relay runs in this home")
    click.echo(text)


@main.command(help="Bring the database to this program's version; relay down.")
@_program.home_option
def migrate(home: Home) -> None:
    """Migrate, as `serve` does at its start."""
    from server.alone import alone
    from server.storage.opening import open_store
    from server.storage.schema import newest

    config = load(home.path / CONFIG, RelayConfig)

    async def run() -> None:
        with alone(home):
            store = await open_store(config.database, home.path)
            await store.close()

    _stored(run)
    click.echo(f"version {newest()}")


@main.command(help="Compare everything that is stored with the logs; relay up or down.")
@_program.home_option
def check(home: Home) -> None:
    """Check the store; status 6 and one line for each fault."""
    from server.storage.interfaces import StoreError
    from server.storage.opening import check_store

    config = load(home.path / CONFIG, RelayConfig)
    try:
        faults = asyncio.run(check_store(config.database, home.path))
    except StoreError as error:
        faults = [f"the database: {error}"]
    for fault in faults:
        click.echo(fault, err=True)
    if faults:
        sys.exit(Exit.ALARM)
    click.echo("ok")


@main.command(help="Copy a SQLite store while the relay works; it is checked too.")
@_program.home_option
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file to make.",
)
def backup(home: Home, out: Path) -> None:
    """Make a backup and print what is in it."""
    from server.backup import backup as copied
    from server.storage.interfaces import StoreError

    config = load(home.path / CONFIG, RelayConfig)
    try:
        click.echo(json.dumps(copied(config.database, home.path, out)))
    except StoreError as error:
        _program.fail(Exit.ALARM, f"no backup was made: {error}")
    except OSError as error:
        _program.fail(Exit.FAILED, f"no backup was made: {error.strerror}")


def _stored(run: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run something on the store; end with status 6 when that fails."""
    from server.storage.interfaces import StoreError

    try:
        asyncio.run(run())
    except StoreError as error:
        _program.fail(Exit.ALARM, f"the database: {error}")
