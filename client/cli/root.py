"""``koerier root``: the ceremony that founds a ministry.

The first form makes a demonstration: one holder, signing under the demonstration's
own usage, so that nothing it signs is ever valid in earnest.
"""

from pathlib import Path
from typing import Final

import click

from client.cli.shell import Shell, passphrase_fd, with_shell
from client.cli.spoken import group
from client.clock import SystemClock
from client.exits import Exit
from client.files import write_atomic
from client.home import Config
from client.operator.founding import (
    RELAY_FORMAT,
    WITNESS_FORMAT,
    Parts,
    founding_document,
)
from client.operator.keyfile import make_key, read_json, read_public
from client.operator.rootfile import read_root
from crypto.sign import Realm, Usage
from crypto.suite import SuiteId
from protocol.codec import encode
from protocol.signed import sign_document

ROLE: Final = "holder"
FILE: Final = click.Path(dir_okay=False, path_type=Path)


@group
def root() -> None:
    """Root ceremony: found a ministry."""


@root.command()
@click.option("--demo", is_flag=True)
@click.option("--ministry", required=True)
@click.option(
    "--operator",
    "operators",
    type=FILE,
    multiple=True,
    required=True,
)
@click.option("--relay", "relay_file", type=FILE, required=True)
@click.option("--address", required=True, metavar="HOST:PORT")
@click.option(
    "--witness",
    "witnesses",
    type=FILE,
    multiple=True,
    required=True,
)
@click.option("--witness-url", "urls", multiple=True, required=True)
@click.option("--quorum", type=int, default=1)
@passphrase_fd
@click.option("--out", type=FILE, required=True)
@with_shell
def init(
    shell: Shell,
    /,
    *,
    demo: bool,
    ministry: str,
    operators: tuple[Path, ...],
    relay_file: Path,
    address: str,
    witnesses: tuple[Path, ...],
    urls: tuple[str, ...],
    quorum: int,
    passphrase_fd: int | None,
    out: Path,
) -> None:
    """Make and sign the first root document."""
    if not demo:
        shell.refuse("root.ceremony-only", Exit.REFUSED)
    relay = read_json(relay_file, RELAY_FORMAT)
    suite = SuiteId(relay.get("suite", SuiteId.S1))
    found = [read_json(file, WITNESS_FORMAT) for file in witnesses]
    named = [read_public(file) for file in operators]
    passphrase = shell.passphrase(passphrase_fd, fresh=True)
    shell.home.create(Config())
    public, key = make_key(shell.home, ROLE, suite, passphrase, shell.entropy)
    parts = Parts(
        ministry=ministry,
        realm=Realm.DEMO,
        holders=[read_public(public)],
        threshold=1,
        operators=named,
        relay=relay,
        address=address,
        witnesses=list(zip(found, urls, strict=True)),
        quorum=quorum,
    )
    document = encode(founding_document(parts, SystemClock().wall()))
    signed = sign_document(document, [key], usage=Usage.ROOT, realm=Realm.DEMO)
    write_atomic(out, encode(signed))
    trusted = read_root(out)  # what is wrong with it shows here and not at a post
    shell.tell("root.demo")
    shell.say("root.founded", ministry=ministry, digest=trusted.digest.hex())


COMMANDS: Final = {"root": root}
