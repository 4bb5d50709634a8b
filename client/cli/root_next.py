"""``koerier root next`` and ``extension``: documents that follow the one in force."""

from pathlib import Path

import click

from client.cli.root_options import (
    FILE,
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
)
from client.cli.shell import Shell, with_shell
from client.cli.spoken import command
from client.cli.texts import OneLine
from client.clock import SystemClock
from client.exits import Exit
from client.operator.fingerprint import words_of
from client.operator.founding import RELAY_FORMAT, WITNESS_FORMAT, witness_part
from client.operator.keyfile import read_json, read_public
from client.operator.policyfile import read_policy
from client.operator.rootfile import read_root
from client.operator.succession import Changes, next_document
from protocol.codec import Message
from protocol.root import DAY, Extension
from protocol.trusted_root import TrustedRoot
from protocol.witness_policy import WitnessKey

in_force = click.option("--root", "root_file", type=FILE, required=True)


@command("next")
@in_force
@click.option("--add-holder", "add_holders", type=FILE, multiple=True)
@click.option("--drop-holder", "drop_holders", multiple=True, metavar="KEY")
@click.option("--threshold", type=click.IntRange(1, 9))
@click.option("--emergency", type=click.IntRange(1, 9))
@click.option("--add-operator", "add_operators", type=FILE, multiple=True)
@click.option("--drop-operator", "drop_operators", multiple=True, metavar="KEY")
@click.option("--relay", "relay_file", type=FILE)
@click.option("--address", "addresses", multiple=True, metavar="HOST:PORT")
@witness_files
@witness_urls
@organisations
@click.option("--drop-witness", "drop_witnesses", multiple=True, metavar="NAME")
@click.option("--quorum", type=click.IntRange(1, 16))
@policy_file
@life_days
@transcript
@click.option("--out", type=FILE, required=True)
@with_shell
def next_(
    shell: Shell,
    /,
    *,
    root_file: Path,
    add_holders: tuple[Path, ...],
    drop_holders: tuple[str, ...],
    threshold: int | None,
    emergency: int | None,
    add_operators: tuple[Path, ...],
    drop_operators: tuple[str, ...],
    relay_file: Path | None,
    addresses: tuple[str, ...],
    witnesses: tuple[Path, ...],
    urls: tuple[str, ...],
    organisations: tuple[str, ...],
    drop_witnesses: tuple[str, ...],
    quorum: int | None,
    policy: Path | None,
    days: int,
    transcript: Path | None,
    out: Path,
) -> None:
    """Make the next root document: the one in force, with what is given changed."""
    current = read_root(root_file)
    changes = Changes(
        add_holders=[read_public(file) for file in add_holders],
        drop_holders=drop_holders,
        threshold=threshold,
        emergency=emergency,
        add_operators=[read_public(file) for file in add_operators],
        drop_operators=drop_operators,
        relay=None if relay_file is None else read_json(relay_file, RELAY_FORMAT),
        addresses=addresses,
        witnesses=_witnesses(shell, current, witnesses, urls, organisations),
        drop_witnesses=drop_witnesses,
        quorum=quorum,
        policy=(
            None if policy is None else read_policy(policy, current.document.policy)
        ),
        life=days * DAY,
    )
    document = next_document(current, changes, SystemClock().wall())
    _made(shell, document, current, out, transcript)


def _witnesses(
    shell: Shell,
    current: TrustedRoot,
    files: tuple[Path, ...],
    urls: tuple[str, ...],
    whose: tuple[str, ...],
) -> list[WitnessKey]:
    """Return the witnesses given; one that is there keeps what is not said anew."""
    if any(given and len(given) != len(files) for given in (urls, whose)):
        shell.refuse("root.urls-differ", Exit.BAD_INPUT, count=len(files))
    old = {witness.name: witness for witness in current.document.witnesses.witnesses}
    made = []
    for number, file in enumerate(files):
        found = read_json(file, WITNESS_FORMAT)
        before = old.get(str(found.get("name")))
        url = urls[number] if urls else before.address if before else None
        if url is None:
            shell.refuse("root.urls-differ", Exit.BAD_INPUT, count=len(files))
        name = whose[number] if whose else before.organisation if before else None
        made.append(witness_part(found, url, name))
    return made


@command("extension")
@in_force
@click.option("--reason", type=OneLine(), required=True, metavar="TEXT")
@transcript
@click.option("--out", type=FILE, required=True)
@with_shell
def extension(
    shell: Shell, /, *, root_file: Path, reason: str, transcript: Path | None, out: Path
) -> None:
    """Make the emergency extension of the root document in force, to sign ahead.

    It is kept in a safe and logged in a crisis, when the holders cannot meet: 30 more
    days, once.
    """
    current = read_root(root_file)
    document = Extension(v=1, extends=current.digest, reason=reason)
    _made(shell, document, current, out, transcript)


def _made(
    shell: Shell,
    document: Message,
    current: TrustedRoot,
    out: Path,
    transcript: Path | None,
) -> None:
    subject = unsigned(shell, document, current, out)
    digest = words_of(subject.carrier.digest)
    record(shell, transcript, "transcript.made", who=who(shell), digest=digest)
    show(shell, subject)
    shell.say("root.to-sign", file=out, digest=digest)
