"""``koerier audit prove`` and ``evidence``: one record, for a stranger."""

import sys
from pathlib import Path
from typing import Any, Final

import click

from client.audit.asking import brought, fetch_paths, ministry_of
from client.audit.telling import findings_json, findings_lines, is_doubted
from client.cli.audit_shell import FILE, copied, run
from client.cli.shell import Shell, as_json, print_json, with_shell
from client.cli.spoken import SpokenCommand
from client.core.evidence import Wanted
from client.exits import Exit
from crypto.digest import H
from crypto.sign import Realm
from crypto.types import Digest
from protocol.evidence.bundle import MAX_BUNDLE
from protocol.evidence.check import verify_bundle
from protocol.evidence.findings import EvidenceError

HASH: Final = 32  # bytes


@click.command(cls=SpokenCommand)
@click.argument("message", metavar="ID")
@copied
@as_json
@with_shell
def prove(shell: Shell, /, *, message: str, copy: Path | None, as_json: bool) -> None:
    """Print the proof that a record stands in the message log."""
    paths = _paths(shell, message, copy)
    answer = shell.ask("audit-prove", id=message, **paths)
    if as_json:
        print_json(answer)
        return
    click.echo(answer["proof"], nl=False)
    shell.tell("audit.proof-of", leaf=answer["leaf"])


@click.command(cls=SpokenCommand)
@click.argument("message", metavar="ID", required=False)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE")
@copied
@click.option("--check", type=FILE, metavar="FILE")
@click.option("--root-hash", metavar="HASH")
@click.option(
    "--realm",
    type=click.Choice([realm.value.decode() for realm in Realm]),
    default=Realm.KOERIER.value.decode(),
    show_default=True,
)
@as_json
@with_shell
def evidence(
    shell: Shell,
    /,
    *,
    message: str | None,
    out: Path | None,
    copy: Path | None,
    check: Path | None,
    root_hash: str | None,
    realm: str,
    as_json: bool,
) -> None:
    """Write a record's evidence bundle, or check one."""
    if check is not None:
        _check(shell, check, _pin(shell, root_hash), Realm(realm.encode()), as_json)
        return
    if message is None or out is None:
        shell.refuse("audit.id-and-out", Exit.BAD_INPUT)
    if out.exists():
        shell.refuse("file.exists", Exit.BAD_INPUT, file=str(out))
    paths = _paths(shell, message, copy)
    answer = shell.ask("audit-evidence", id=message, file=str(out.absolute()), **paths)
    if as_json:
        print_json(answer)
        return
    shell.say("audit.evidence-written", **{k: answer[k] for k in ("file", "receipts")})
    if answer["unproven"]:
        shell.say("audit.evidence-unproven-receipts", count=answer["unproven"])
    shell.say("audit.evidence-hash", sha256=answer["sha256"])


def _pin(shell: Shell, root_hash: str | None) -> Digest:
    try:
        pin = bytes.fromhex("".join((root_hash or "").split()))
    except ValueError:
        pin = b""
    if len(pin) != HASH:
        shell.refuse("audit.root-hash", Exit.BAD_INPUT)
    return Digest(pin)


def _check(shell: Shell, file: Path, pin: Digest, realm: Realm, as_json: bool) -> None:  # noqa: FBT001
    with file.open("rb") as opened:
        data = opened.read(MAX_BUNDLE + 1)
    try:
        found = verify_bundle(data, pin, realm)
    except EvidenceError as error:
        shell.refuse(f"audit.broken-{error.part.value}", Exit.INTEGRITY)
    doubted = is_doubted(found)
    if as_json:
        print_json(
            {**findings_json(found), "sha256": H(data).hex(), "doubted": doubted}
        )
    else:
        for code, parts in findings_lines(found):
            shell.say(code, **parts)
        shell.say("audit.doubted" if doubted else "audit.holds")
    if doubted:
        sys.exit(Exit.INTEGRITY)


def _paths(shell: Shell, message: str, copy: Path | None) -> dict[str, Any]:
    """Return the paths that the agent lacks, from the relay's tiles or a copy's."""
    asked = shell.ask("audit-wanted", id=message)
    wanted = Wanted(
        consistency=tuple((old, new) for old, new in asked["consistency"]),
        inclusion=tuple((index, size) for index, size in asked["inclusion"]),
    )
    ministry = ministry_of(shell.home, None, None, None)
    return brought(run(shell, fetch_paths(ministry, copy, wanted)))
