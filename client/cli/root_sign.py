"""``koerier root sign`` and ``import``: one holder's word, and all of them together."""

from pathlib import Path

import click

from client.cli.root_options import (
    FILE,
    PUBLIC,
    ROLE,
    current_root,
    record,
    show,
    transcript,
    who,
)
from client.cli.shell import Shell, as_json, passphrase_fd, print_json, with_shell
from client.cli.spoken import command
from client.exits import Exit
from client.files import write_atomic
from client.operator.ceremony import (
    TooFewError,
    gathered,
    in_force,
    read_subject,
    signature,
)
from client.operator.documents import write_document
from client.operator.fingerprint import short_words, words_of
from client.operator.keyfile import open_key, read_public
from client.operator.rootfile import read_chain, read_root
from protocol.root import RootDocument
from protocol.root_file import write_roots
from protocol.trusted_root import TrustedRoot


@command("sign")
@click.argument("document_file", type=FILE, metavar="FILE")
@current_root
@transcript
@passphrase_fd
@click.option("--out", type=FILE, required=True)
@with_shell
def sign(
    shell: Shell,
    /,
    *,
    document_file: Path,
    root_file: Path | None,
    transcript: Path | None,
    passphrase_fd: int | None,
    out: Path,
) -> None:
    """Show a document of the ceremony, then sign it with this holder's key.

    What is signed is told on standard error first, from the bytes themselves; the
    passphrase is the word that it was read.
    """
    before = None if root_file is None else read_root(root_file)
    subject = read_subject(document_file, before)
    digest = words_of(subject.carrier.digest)
    show(shell, subject)
    shell.tell("root.about-to-sign", digest=digest, hex=subject.carrier.digest.hex())
    suite = read_public(shell.home.path / PUBLIC).suite
    key = open_key(shell.home, ROLE, suite, shell.passphrase(passphrase_fd))
    if key.id not in subject.keys:
        shell.refuse("root.not-holder", Exit.REFUSED, key=short_words(key.id))
    write_document(out, signature(subject, key))
    words = short_words(key.id)
    name = who(shell)
    record(shell, transcript, "transcript.signed", who=name, digest=digest, key=words)
    shell.say("root.signed", file=out, key=words)


@command("import")
@click.argument("files", nargs=-1, type=FILE, required=True, metavar="FILE")
@current_root
@click.option("--leaf", "leaf_file", type=FILE)
@click.option("--out", type=FILE)
@transcript
@as_json
@with_shell
def import_(
    shell: Shell,
    /,
    *,
    files: tuple[Path, ...],
    root_file: Path | None,
    leaf_file: Path | None,
    out: Path | None,
    transcript: Path | None,
    as_json: bool,
) -> None:
    """Gather the holders' signatures; write the root document and its leaf.

    The first document makes root.cbor.  A later one makes root.cbor with every version
    and a leaf for the key log; an extension makes a leaf alone, for the safe.
    """
    leaves, roots = ((), ()) if root_file is None else read_chain(root_file)
    subject = gathered(files, roots[-1] if roots else None)
    founding = isinstance(subject.document, RootDocument)
    if (out is not None) != founding or (leaf_file is None and bool(roots)):
        shell.refuse("root.what-to-write", Exit.BAD_INPUT)
    try:
        leaf, root = in_force(subject)
    except TooFewError as error:
        shell.refuse(
            "root.too-few",
            Exit.REFUSED,
            valid=error.valid,
            required=error.required,
            missing=error.missing,
        )
    # A crash between the two: the leaf is there and root.cbor the old one; the same
    # command writes both again.
    if leaf_file is not None:
        write_atomic(leaf_file, leaf)
    if out is not None:
        write_atomic(out, write_roots((*leaves, leaf)))
    digest = subject.carrier.digest
    signed = len(subject.carrier.signatures)
    words = words_of(digest)
    record(shell, transcript, "transcript.whole", digest=words, count=signed)
    if as_json:
        print_json(_facts(root, digest.hex(), words, signed, extension=not founding))
        return
    code = "root.in-force" if founding else "root.extension-ready"
    shell.say(code, version=root.document.version, count=signed)
    shell.say("root.hash", words=words, hex=digest.hex())


def _facts(
    root: TrustedRoot, digest: str, words: str, signed: int, *, extension: bool
) -> dict[str, object]:
    return {
        "ministry": root.document.ministry,
        "version": root.document.version,
        "hash": digest,
        "words": words,
        "signatures": signed,
        "extension": extension,
    }
