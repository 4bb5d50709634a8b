"""``koerier-witness``: make a witness, run it.

::

    koerier-witness init --home witness-1 --name witness-1
    koerier-witness serve --home witness-1
    koerier-witness check --home witness-1
    koerier-witness rotate --home witness-1

Exit status: 0 done, 1 failed, 2 bad input or usage, 6 what is stored does not agree.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Final

import click

from server.command import Exit, Program
from server.config import Home, WitnessConfig, load

CONFIG: Final = "witness.toml"

_program = Program("koerier-witness")


@click.group(help="A witness: it cosigns only growth, and remembers before it does.")
def main() -> None:
    """Choose the command."""


@main.command(help="Make keys and configuration in a new folder.")
@_program.home_option
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


@main.command(help="Compare everything that is kept; witness up or down.")
@_program.home_option
def check(home: Home) -> None:
    """Check the files; status 6 and one line for each fault."""
    from protocol.root_file import chain, realm_in
    from server.founding import read_chain
    from server.keyring import load_witness_ring, note_pair
    from server.storage.interfaces import StoreBrokenError
    from server.witness.check import check_witness
    from server.witness.roots import FILE, recalled

    ring = load_witness_ring(home)
    try:
        leaves = recalled(read_chain(home.roots)[0], home.data / FILE)
    except StoreBrokenError as error:
        _program.fail(Exit.ALARM, str(error))
    root = chain(leaves, realm=realm_in(leaves))[-1]
    keys = [key for seeds in ring for key in note_pair(seeds)]
    faults = check_witness(home.data, root.document, ring[-1].name, keys, root.former)
    for fault in faults:
        click.echo(fault, err=True)
    if faults:
        sys.exit(Exit.ALARM)
    click.echo("ok")


@main.command(help="Make the next keys, or put the old ones away (--finish).")
@_program.home_option
@click.option("--finish", is_flag=True, help="Forget all keys but the last ones.")
@click.option(
    "--root",
    "root_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="With --finish: the root document in force, which must name the last ones.",
)
def rotate(home: Home, finish: bool, root_file: Path | None) -> None:  # noqa: FBT001 -- click's
    """Rotate the witness's keys; the root document says when they count."""
    from crypto import entropy
    from server.founding import read_root
    from server.init import rotate_witness
    from server.keyring import finish_witness

    config = load(home.path / CONFIG, WitnessConfig)
    if not finish:
        click.echo(json.dumps(rotate_witness(home, config, entropy.system), indent=2))
        return
    if root_file is None:
        _program.fail(Exit.BAD_INPUT, "--finish needs --root, the one in force")
    gone = finish_witness(home, read_root(root_file)[1].document)
    click.echo(json.dumps({"forgotten": gone}))


@main.command(help="Run until SIGTERM.")
@_program.home_option
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
        _program.fail(Exit.ALARM, str(error))
    except OSError as error:
        _program.fail(Exit.FAILED, f"cannot listen or store: {error.strerror}")
