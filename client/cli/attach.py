"""``koerier attach``: what came with a message, and saving it.

A blob lies sealed in the vault's folder.  Saving opens it once more into a temporary
file of the folder that a person chose; it gets its name only when it was opened to its
end and is what the signed record says.  Nothing is ever overwritten.
"""

import os
import shutil
from pathlib import Path
from typing import Any, Final

import click

from client.cli.attaching import bar, clean_name, say_file
from client.cli.shell import Shell, as_json, print_json, with_shell
from client.cli.spoken import group
from client.core.attachments import Demand
from client.exits import Exit
from client.files import sync_folder
from client.vault.spool import open_blob
from crypto.errors import OpenError
from crypto.stream import AttachmentNames
from crypto.suite import SuiteId
from crypto.types import Digest, Secret

_TOKEN: Final = 8  # bytes


@group
def attach() -> None:
    """Show and save what came with a message."""


@attach.command("list")
@click.argument("message", metavar="ID")
@as_json
@with_shell
def list_(shell: Shell, /, *, message: str, as_json: bool) -> None:
    """List the attachments of a message."""
    files = shell.ask("attachments", id=message)
    if as_json:
        print_json(files)
        return
    if not files:
        shell.say("attach.none")
    for file in files:
        say_file(shell, file)


@attach.command()
@click.argument("message", metavar="ID")
@click.option("--name", "names", multiple=True, metavar="NAME")
@click.option("--all", "everything", is_flag=True)
@click.option("--as", "called", metavar="NAME")
@click.option(
    "--out",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    required=True,
    metavar="FOLDER",
)
@as_json
@with_shell
def save(
    shell: Shell,
    /,
    *,
    message: str,
    names: tuple[str, ...],
    everything: bool,
    called: str | None,
    out: Path,
    as_json: bool,
) -> None:
    """Save attachments into a folder."""
    files = shell.ask("attach-open", id=message)
    chosen = files if everything else _chosen(shell, files, names)
    targets = _targets(shell, chosen, called)
    for file in chosen:
        if file["path"] is None:
            shell.refuse("attach.not-here", Exit.QUEUED, name=file["name"])
    for target in targets:
        if os.path.lexists(out / target):
            shell.refuse("file.exists", Exit.BAD_INPUT, file=str(out / target))
    if shutil.disk_usage(out).free < sum(file["size"] for file in chosen):
        shell.refuse("file.disk-full", Exit.FAILED, file=str(out))
    for file, target in zip(chosen, targets, strict=True):
        _save(shell, file, out, target)
        if not as_json:
            shell.say("attach.saved", file=str(out / target))
    if as_json:
        print_json([str(out / target) for target in targets])


def _chosen(shell: Shell, files: list[Any], names: tuple[str, ...]) -> list[Any]:
    if not names:
        if len(files) != 1:
            shell.refuse("attach.which", Exit.BAD_INPUT, count=len(files))
        return files
    chosen = []
    for name in names:
        found = [one for one in files if name in {one["name"], str(one["number"])}]
        if len(found) > 1:
            shell.refuse("attach.twice", Exit.BAD_INPUT, name=name)
        if not found:
            shell.refuse("attach.no-such", Exit.BAD_INPUT, name=name)
        chosen += found
    return chosen


def _targets(shell: Shell, files: list[Any], called: str | None) -> list[str]:
    """Return the names to save under; refuse those that are more than a name."""
    if called is not None and len(files) != 1:
        shell.refuse("attach.which", Exit.BAD_INPUT, count=len(files))
    targets: list[str] = []
    for file in files:
        name = file["name"] if called is None else called
        if clean_name(name) != name:
            shell.refuse("attach.bad-name", Exit.REFUSED, name=name, id=file["number"])
        taken = name.casefold() in (target.casefold() for target in targets)
        targets.append(f"{file['number']}-{name}" if taken else name)
    return targets


def _save(shell: Shell, file: dict[str, Any], folder: Path, name: str) -> None:
    names = AttachmentNames(
        Digest(bytes.fromhex(file["blob"])),
        file["size"],
        Digest(bytes.fromhex(file["digest"])),
    )
    suite = SuiteId(file["suite"])
    demand = Demand((suite,), Secret(bytes.fromhex(file["key"])), names)
    quarantine = folder / f".{shell.entropy(_TOKEN).hex()}.koerier"
    try:
        descriptor = os.open(quarantine, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with (
            os.fdopen(descriptor, "wb") as plain,
            bar(shell, "attach.saving", file["total"]) as progress,
        ):
            open_blob(Path(file["path"]), suite, demand, plain.write, progress)
            plain.flush()
            os.fsync(plain.fileno())
        # Only now does it get its name: it was opened to its end and is genuine.  A
        # crash before leaves a hidden file that says whose it is.
        _named(quarantine, folder / name)
        sync_folder(folder)
    except OpenError:
        shell.refuse("attach.false", Exit.INTEGRITY, name=file["name"])
    finally:
        quarantine.unlink(missing_ok=True)


def _named(quarantine: Path, target: Path) -> None:
    """Give the file its name, never in another's place."""
    try:
        os.link(quarantine, target, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError:  # a file system without links: memory sticks
        if os.path.lexists(target):
            raise FileExistsError(17, "exists", str(target)) from None
        quarantine.rename(target)


COMMANDS: Final = {"attach": attach}
