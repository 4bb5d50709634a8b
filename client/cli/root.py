"""``koerier root``: the ceremonies of the holders, by files on media.

::

    root holder                     each holder, on an own machine without a network
    root init                       the first document, from everybody's public parts
    root next, root extension       what follows it
    root sign                       each holder: read it, then sign it
    root import                     gather the signatures; root.cbor, and a leaf
    root show, verify, checklist    read it, compare it with the paper, what to do

A demonstration has one holder and one command: ``root init --demo`` signs under the
demonstration's own usage, so that nothing it signs is ever valid in earnest.
"""

from pathlib import Path
from typing import Final

import click

from client.cli.root_look import checklist, show_file, verify
from client.cli.root_next import extension, next_
from client.cli.root_options import (
    FILE,
    ROLE,
    life_days,
    organisations,
    policy_file,
    record,
    show,
    transcript,
    unsigned,
    who,
    witness_files,
    witness_urls,
    witnesses_of,
)
from client.cli.root_sign import import_, sign
from client.cli.shell import Shell, passphrase_fd, with_shell
from client.cli.spoken import command, group
from client.cli.texts import OneLine
from client.clock import SystemClock
from client.exits import Exit
from client.files import write_atomic
from client.home import Config
from client.operator.fingerprint import short_words, words_of
from client.operator.founding import RELAY_FORMAT, Parts, founding_document
from client.operator.keyfile import make_key, name_public, read_json, read_public
from client.operator.policyfile import read_policy
from client.operator.rootfile import read_root
from crypto.sign import Realm, SigningKey, Usage
from crypto.suite import SuiteId
from protocol.codec import encode
from protocol.policy import DEMO
from protocol.root import DAY, RootDocument
from protocol.signed import carried, sign_document

DEMO_QUORUM: Final = 1


@group
def root() -> None:
    """Root ceremonies: found a ministry, and carry it on."""


@command("holder")
@click.option("--name", type=OneLine(), required=True)
@click.option("--suite", type=click.Choice(["1", "2"]), default="1")
@transcript
@passphrase_fd
@with_shell
def holder(
    shell: Shell,
    /,
    *,
    name: str,
    suite: str,
    transcript: Path | None,
    passphrase_fd: int | None,
) -> None:
    """Make the key of one root holder, in a home of its own."""
    shell.home.create(Config())
    passphrase = shell.passphrase(passphrase_fd, fresh=True)
    public, key = make_key(
        shell.home, ROLE, SuiteId(int(suite)), passphrase, shell.entropy
    )
    name_public(public, name)
    words = short_words(key.id)
    record(shell, transcript, "transcript.holder", who=name, key=words)
    shell.say("root.holder-made", file=public, key=words)


@command("init")
@click.option("--demo", is_flag=True)
@click.option("--ministry", type=OneLine(), required=True)
@click.option("--holder", "holders", type=FILE, multiple=True)
@click.option("--threshold", type=click.IntRange(1, 9))
@click.option("--emergency", type=click.IntRange(1, 9))
@click.option("--operator", "operators", type=FILE, multiple=True, required=True)
@click.option("--relay", "relay_file", type=FILE, required=True)
@click.option(
    "--address", "addresses", required=True, multiple=True, metavar="HOST:PORT"
)
@witness_files
@witness_urls
@organisations
@click.option("--quorum", type=click.IntRange(1, 16))
@policy_file
@life_days
@transcript
@passphrase_fd
@click.option("--out", type=FILE, required=True)
@with_shell
def init(
    shell: Shell,
    /,
    *,
    demo: bool,
    ministry: str,
    holders: tuple[Path, ...],
    threshold: int | None,
    emergency: int | None,
    operators: tuple[Path, ...],
    relay_file: Path,
    addresses: tuple[str, ...],
    witnesses: tuple[Path, ...],
    urls: tuple[str, ...],
    organisations: tuple[str, ...],
    quorum: int | None,
    policy: Path | None,
    days: int,
    transcript: Path | None,
    passphrase_fd: int | None,
    out: Path,
) -> None:
    """Make the first root document; its holders sign it.

    With --demo and no holders it is signed at once, by one key that is made here.
    """
    if not demo and (threshold is None or quorum is None):
        shell.refuse("root.say-how-many", Exit.BAD_INPUT)
    relay = read_json(relay_file, RELAY_FORMAT)
    key = None
    if demo and not holders:
        suite = SuiteId(relay.get("suite", SuiteId.S1))
        key = _only_holder(shell, suite, passphrase_fd)
    parts = Parts(
        ministry=ministry,
        realm=Realm.DEMO if demo else Realm.KOERIER,
        holders=[*map(read_public, holders), *([carried(key)] if key else [])],
        threshold=threshold or 1,
        operators=[read_public(file) for file in operators],
        relay=relay,
        addresses=addresses,
        witnesses=witnesses_of(shell, witnesses, urls, organisations),
        quorum=quorum or DEMO_QUORUM,
        emergency=emergency,
        policy=DEMO if policy is None else read_policy(policy, DEMO),
        life=days * DAY,
    )
    document = founding_document(parts, SystemClock().wall())
    if key is not None:
        _founded(shell, document, key, out)
    else:
        _to_sign(shell, document, out, transcript)


def _to_sign(
    shell: Shell, document: RootDocument, out: Path, transcript: Path | None
) -> None:
    subject = unsigned(shell, document, None, out)
    digest = words_of(subject.carrier.digest)
    record(shell, transcript, "transcript.made", who=who(shell), digest=digest)
    show(shell, subject)
    shell.say("root.to-sign", file=out, digest=digest)


def _only_holder(shell: Shell, suite: SuiteId, descriptor: int | None) -> SigningKey:
    passphrase = shell.passphrase(descriptor, fresh=True)
    shell.home.create(Config())
    return make_key(shell.home, ROLE, suite, passphrase, shell.entropy)[1]


def _founded(shell: Shell, document: RootDocument, key: SigningKey, out: Path) -> None:
    encoded = encode(document)
    signed = sign_document(encoded, [key], usage=Usage.ROOT, realm=Realm.DEMO)
    write_atomic(out, encode(signed))
    trusted = read_root(out)  # what is wrong with it shows here and not at a post
    shell.tell("root.demo")
    shell.say("root.founded", ministry=document.ministry, digest=trusted.digest.hex())


for _command in (
    *(holder, init, sign, import_, next_, extension),
    *(show_file, verify, checklist),
):
    root.add_command(_command)

COMMANDS: Final = {"root": root}
