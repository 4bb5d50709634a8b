"""``koerier root show``, ``verify`` and ``checklist``: reading, and what to do."""

from pathlib import Path
from typing import Any, Final

import click

from client.cli.dates import clock
from client.cli.root_options import FILE, lines_of
from client.cli.shell import Shell, as_json, print_json, with_shell
from client.cli.spoken import command
from client.clock import SystemClock
from client.exits import Exit
from client.operator.fingerprint import bytes_of, words_of
from client.operator.rootfile import read_chain
from client.operator.showing_root import root_sentences
from client.present import iso
from protocol.root import DAY
from protocol.root_end import Ending, ending
from protocol.trusted_root import TrustedRoot

STEPS: Final = {"founding": 12, "rotation": 9, "extension": 7}  # of each checklist


@command("show")
@click.argument("root_file", type=FILE, metavar="FILE")
@as_json
@with_shell
def show_file(shell: Shell, /, *, root_file: Path, as_json: bool) -> None:
    """Show the root documents in a file: the newest whole, the others by their hash."""
    _, roots = read_chain(root_file)
    now = SystemClock().wall()
    if as_json:
        print_json([_facts(root, now) for root in roots])
        return
    for line in lines_of(shell, root_sentences(roots[-1].document)):
        click.echo(line)
    for root in roots:
        shell.say(
            "root.extended" if root.extended else "root.version",
            version=root.document.version,
            expires=clock(iso(root.expires)),
        )
        shell.say("root.hash", words=words_of(root.digest), hex=root.digest.hex())
    end = ending(roots[-1], now)
    if end is not Ending.FAR:
        days = max(0, (roots[-1].expires - now) // DAY)
        shell.tell(f"root-end.{end}", days=days, date=clock(iso(roots[-1].expires)))


def _facts(root: TrustedRoot, now: int) -> dict[str, Any]:
    document = root.document
    return {
        "ministry": document.ministry,
        "realm": document.realm,
        "version": document.version,
        "hash": root.digest.hex(),
        "words": words_of(root.digest),
        "issued": iso(document.issued),
        "expires": iso(root.expires),
        "extended": root.extended,
        "days": (root.expires - now) // DAY,
        "ending": ending(root, now).value,
        "holders": len(document.root_keys),
        "threshold": document.root_threshold,
        "operators": len(document.operators),
        "witnesses": [one.name for one in document.witnesses.witnesses],
        "quorum": document.witnesses.quorum,
    }


@command("verify")
@click.argument("root_file", type=FILE, metavar="FILE")
@click.option("--hash", "paper", required=True, metavar="HASH")
@as_json
@with_shell
def verify(shell: Shell, /, *, root_file: Path, paper: str, as_json: bool) -> None:
    """Compare a file with the hash on paper, in words or hexadecimal."""
    _, roots = read_chain(root_file)
    wanted = bytes_of(paper)
    found = next((root for root in roots if root.digest == wanted), None)
    if found is None:
        shell.refuse("root.not-on-paper", Exit.INTEGRITY, file=root_file)
    newest = roots[-1].document.version
    if as_json:
        print_json({"version": found.document.version, "newest": newest})
    else:
        shell.say("root.on-paper", version=found.document.version, newest=newest)


@command("checklist")
@click.argument("ceremony", type=click.Choice(list(STEPS)))
@click.option("--holders", type=click.IntRange(1, 9), default=5)
@click.option("--threshold", type=click.IntRange(1, 9), default=3)
@as_json
@with_shell
def checklist(
    shell: Shell, /, *, ceremony: str, holders: int, threshold: int, as_json: bool
) -> None:
    """Print what to do in a ceremony, step by step, with a box for each."""
    steps = [
        shell.sentence(
            f"checklist.{ceremony}-{number}", holders=holders, threshold=threshold
        )
        for number in range(1, STEPS[ceremony] + 1)
    ]
    if as_json:
        print_json({"ceremony": ceremony, "steps": steps})
        return
    shell.say(f"checklist.{ceremony}")
    for number, step in enumerate(steps, 1):
        click.echo(f"[ ] {number:2}. {step}")
    shell.say("checklist.names")
