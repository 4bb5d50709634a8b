"""Where an operator works, and how bytes are shown and signed: the same bytes.

On a terminal the directory that it adopted says what would change for whom; with files
alone (``--root``) only the document itself speaks.  Either way the sentences are made
from the bytes that this process holds, and those bytes are signed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from client.cli.shell import Shell
from client.exits import Exit
from client.files import write_atomic
from client.operator.documents import write_document
from client.operator.keyfile import open_key, read_public
from client.operator.rootfile import read_root
from client.operator.showing import sentences
from crypto.sign import Realm, SigningKey, Usage
from crypto.suite import SuiteId
from crypto.types import KeyId
from protocol.bodies import Subject
from protocol.signed import Signed, gather, sign_document

ROLE: Final = "operator"
PUBLIC: Final = "operator-public.json"
FILE: Final = click.Path(dir_okay=False, path_type=Path)

root_option = click.option("--root", "root_file", type=FILE)
out_option = click.option("--out", type=FILE)
to_option = click.option("--to", multiple=True, metavar="POST")
reason_option = click.option("--reason", required=True)


@dataclass(frozen=True, slots=True)
class Office:
    """A home with an operator's key, on a terminal or not."""

    shell: Shell
    root_file: Path | None = None

    @property
    def by_file(self) -> bool:
        """Whether there is no terminal to ask: files alone."""
        return self.root_file is not None

    @property
    def realm(self) -> Realm:
        """The realm of the root document of this home, or of the one that was given."""
        return read_root(self.root_file or self.shell.home.root_file).realm

    @property
    def suite(self) -> SuiteId:
        """The suite of the root document in force."""
        if self.root_file is not None:
            return read_root(self.root_file).document.suite
        return SuiteId(self.shell.ask("operator-office")["suite"])

    @property
    def signer(self) -> KeyId:
        """The id of this home's operator key; its public half tells it."""
        return read_public(self._key_there(PUBLIC)).parsed().id

    def show(self, document: bytes, subject: Subject = Subject.DIRECTORY_ENTRY) -> None:
        """Tell what the bytes are and what they would change, on standard error."""
        if self.by_file:
            lines = sentences(document, subject)
        else:
            asked = {"document": document.hex(), "subject": subject.value}
            lines = self.shell.ask("operator-show", **asked)["sentences"]
        say_all(self.shell, lines)

    def sign(self, document: bytes, usage: Usage, descriptor: int | None) -> Signed:
        """Return the bytes signed by this home's operator."""
        suite, realm = self.suite, self.realm
        key = self._opened(suite, descriptor)
        return sign_document(document, [key], usage=usage, realm=realm)

    def _opened(self, suite: SuiteId, descriptor: int | None) -> SigningKey:
        self._key_there(f"keys/{ROLE}.key")
        typed = self.shell.passphrase(descriptor)
        return open_key(self.shell.home, ROLE, suite, typed)

    def _key_there(self, name: str) -> Path:
        path = self.shell.home.path / name
        if not path.exists():
            home = str(self.shell.home.path)
            self.shell.refuse("operator.no-key", Exit.BAD_INPUT, path=home)
        return path


def say_all(shell: Shell, lines: Iterable[tuple[str, dict[str, object]]]) -> None:
    """Tell sentences on standard error: what is read before it is signed."""
    for code, parts in lines:
        shell.tell(code, **parts)


def hand_on(
    office: Office,
    signed: Signed,
    *,
    out: Path | None,
    to: tuple[str, ...],
    subject: Subject = Subject.DIRECTORY_ENTRY,
    reason: str = "",
) -> None:
    """Give a proposal to the other operators: as a file, or as a sealed record."""
    shell = office.shell
    if out is not None:
        write_document(out, signed)
        shell.say("operator.proposed", file=out)
        return
    answer = shell.ask(
        "operator-propose",
        document=signed.document.hex(),
        subject=subject.value,
        lines=lines_of(signed),
        to=list(to),
        reason=reason,
    )
    shell.say("operator.sent", id=answer["id"], posts=", ".join(answer["to"]))
    if not answer["online"]:
        shell.tell("message.queued")


def require_out(office: Office, out: Path | None) -> None:
    """Refuse files without a file to write."""
    if office.by_file and out is None:
        office.shell.refuse("operator.out-needed", Exit.BAD_INPUT)


def with_own(proposed: Signed, own: Signed) -> Signed:
    """Return a carrier with the signatures of both."""
    return gather([proposed, own])


def lines_of(signed: Signed) -> list[list[str]]:
    """Return signatures as the agent takes them."""
    return [[line.key.hex(), line.signature.hex()] for line in signed.signatures]


def write_leaf(shell: Shell, out: Path, leaf: bytes) -> None:
    """Write a finished leaf, for ``koerier-relay append``."""
    write_atomic(out, leaf)
    shell.say("operator.approved", file=out)
