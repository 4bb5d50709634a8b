"""What the commands of ``koerier root`` share: options, showing, the transcript."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import click

from client.cli.shell import Shell
from client.clock import SystemClock
from client.exits import Exit
from client.home import HomeError
from client.operator.ceremony import Subject, subject_of
from client.operator.documents import write_document
from client.operator.founding import LIFE, WITNESS_FORMAT, witness_part
from client.operator.keyfile import read_json
from client.operator.showing import Sentence
from client.operator.showing_root import extension_sentences, root_sentences
from client.operator.transcript import append
from protocol.codec import Message, decode, encode
from protocol.errors import MalformedError
from protocol.root import DAY, RootDocument
from protocol.root_check import MAX_LIFE
from protocol.signed import Signed
from protocol.trusted_root import TrustedRoot
from protocol.witness_policy import WitnessKey

ROLE: Final = "holder"
PUBLIC: Final = "holder-public.json"
FILE: Final = click.Path(dir_okay=False, path_type=Path)
transcript = click.option("--transcript", type=FILE)
current_root = click.option("--root", "root_file", type=FILE)
life_days = click.option(
    "--days", type=click.IntRange(1, MAX_LIFE // DAY), default=LIFE // DAY
)
policy_file = click.option("--policy", "policy", type=FILE)
witness_files = click.option("--witness", "witnesses", type=FILE, multiple=True)
witness_urls = click.option("--witness-url", "urls", multiple=True)
organisations = click.option("--organisation", "organisations", multiple=True)


def record(shell: Shell, path: Path | None, code: str, **parts: object) -> None:
    """Add what was done to the transcript, where one is kept."""
    if path is not None:
        append(path, SystemClock().wall(), shell.sentence(code, **parts))


def who(shell: Shell) -> str:
    """Return the name of the holder whose home this is; a dash where there is none."""
    try:
        return str(
            read_json(shell.home.path / PUBLIC, "koerier-key/1").get("name", "-")
        )
    except HomeError:
        return "-"


def sentences_of(subject: Subject) -> list[Sentence]:
    """Return what the subject says, from the bytes that are signed."""
    if isinstance(subject.document, RootDocument):
        return root_sentences(subject.document)
    if subject.before is None:
        raise ValueError("an extension without its root: a caller's bug")
    return extension_sentences(subject.document, subject.before)


def lines_of(shell: Shell, sentences: Iterable[Sentence]) -> list[str]:
    """Return sentences as lines of text."""
    return [shell.sentence(code, **parts) for code, parts in sentences]


def unsigned(
    shell: Shell, document: Message, before: TrustedRoot | None, out: Path
) -> Subject:
    """Write a document for the holders to sign; it could come into force."""
    carrier = Signed(document=encode(document), signatures=())
    try:
        decode(carrier.document, type(document))
    except MalformedError:
        shell.refuse("root.bad-value", Exit.BAD_INPUT)
    subject = subject_of(carrier, before, out)
    write_document(out, carrier)
    return subject


def show(shell: Shell, subject: Subject) -> None:
    """Tell what would be signed; for a next version also what is different."""
    lines = lines_of(shell, sentences_of(subject))
    for line in lines:
        click.echo(line, err=True)
    if isinstance(subject.document, RootDocument) and subject.before is not None:
        old = lines_of(shell, root_sentences(subject.before.document))
        shell.tell("root.changes", version=subject.document.version)
        for mark, some, others in (("-", old, lines), ("+", lines, old)):
            for line in some:
                if line not in others:
                    click.echo(f"  {mark} {line.strip()}", err=True)


def witnesses_of(
    shell: Shell, files: Sequence[Path], urls: Sequence[str], whose: Sequence[str]
) -> list[WitnessKey]:
    """Return the witnesses of public parts, URLs and organisations in one order."""
    if len(urls) != len(files) or (whose and len(whose) != len(files)):
        shell.refuse("root.urls-differ", Exit.BAD_INPUT, count=len(files))
    names: Sequence[str | None] = whose or [None] * len(files)
    return [
        witness_part(read_json(file, WITNESS_FORMAT), url, name)
        for file, url, name in zip(files, urls, names, strict=True)
    ]
