"""Signed notes: text, an empty line, and lines of signatures (C2SP signed-note).

::

    origin/key-log
    17
    mYbR...=

    — origin/key-log 5yCTA...=
    — witness.example 9dzz2...=

A note is verified against keys that are known beforehand; lines of other keys are
passed over, because anybody may add one.  A line that names a known key and does not
verify refuses the whole note.  The text is returned as the bytes that were signed.

Source: C2SP signed-note; docs/spec/log.md section 2.
"""

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from crypto.digest import H
from crypto.errors import SignatureError
from crypto.notekey import NoteAlgorithm, NoteSigningKey, NoteVerifyKey
from protocol.errors import MalformedError, VerificationError
from protocol.limits import MAX_NOTE

DASH: Final = "\u2014 ".encode()
MAX_LINES: Final = 64  # signatures on one note; C2SP asks for at least 16
KEY_HASH: Final = 4  # bytes of a signature line that name its key
ED25519_TYPE: Final = b"\x01"  # of a log's own signature


@dataclass(frozen=True, slots=True)
class Line:
    """One signature line: the key's name, its hash, and what it signed with."""

    name: str
    key_hash: bytes  # 4 bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A note taken apart; nothing in it is believed."""

    text: bytes  # with its last newline
    lines: tuple[Line, ...]

    def by(self, name: str, hashed: bytes) -> tuple[bytes, ...]:
        """Return the signatures of the key that ``name`` and ``hashed`` name.

        Name and hash only find a line: whether the key made it, its verification
        says.
        """
        return tuple(
            line.signature
            for line in self.lines
            if line.name == name and line.key_hash == hashed
        )

    def only(self, name: str, hashed: bytes) -> "Note":
        """Return the note with the lines of that one key."""
        own = (Line(name, hashed, signature) for signature in self.by(name, hashed))
        return Note(self.text, tuple(own))

    def data(self) -> bytes:
        """Return the note as bytes."""
        lines = (
            signature_line(line.name, line.key_hash, line.signature)
            for line in self.lines
        )
        return add_lines(self.text + b"\n", lines)


def key_hash(name: str, kind: bytes, public: bytes) -> bytes:
    """Return the 4 bytes that name a key in signature lines."""
    return H(name.encode() + b"\n" + kind + public)[:KEY_HASH]


def parse_note(data: bytes) -> Note:
    """Return the parts of a note.

    Raises:
        MalformedError: too long, not UTF-8, control characters, no signature, or
            a line that is not of a signature.
    """
    if len(data) > MAX_NOTE or not data.endswith(b"\n"):
        raise MalformedError
    try:
        characters = data.decode()
    except UnicodeDecodeError:
        raise MalformedError from None
    if any(c < " " and c != "\n" for c in characters):
        raise MalformedError
    # The last empty line parts them: a text may have empty lines of its own.
    text, separator, signatures = characters.rpartition("\n\n")
    lines = signatures.removesuffix("\n").split("\n")
    if not separator or not text or len(lines) > MAX_LINES:
        raise MalformedError
    return Note((text + "\n").encode(), tuple(map(_line, lines)))


def _line(raw: str) -> Line:
    name, space, encoded = raw.removeprefix(DASH.decode()).partition(" ")
    if not raw.startswith(DASH.decode()) or not space or not is_name(name):
        raise MalformedError
    blob = from_base64(encoded.encode())
    if len(blob) <= KEY_HASH:
        raise MalformedError
    return Line(name, blob[:KEY_HASH], blob[KEY_HASH:])


def is_name(name: str) -> bool:
    """Tell whether ``name`` may name a key: some text, without spaces or a plus."""
    return bool(name) and not any(c == "+" or c.isspace() for c in name)


def from_base64(encoded: bytes) -> bytes:
    """Return what ``encoded`` is the one base64 of.

    Raises:
        MalformedError: characters, padding or bits that do not belong there.
    """
    try:
        decoded = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise MalformedError from None
    if base64.b64encode(decoded) != encoded:
        raise MalformedError
    return decoded


def signature_line(name: str, hashed: bytes, signature: bytes) -> bytes:
    """Return one line with its newline.

    Raises:
        ValueError: a name that no key may have, a caller's bug.
    """
    if not is_name(name):
        raise ValueError("a key's name has no space and no plus")
    blob = base64.b64encode(hashed + signature)
    return DASH + name.encode() + b" " + blob + b"\n"


def sign_note(text: bytes, name: str, key: NoteSigningKey) -> bytes:
    """Return ``text`` as a note signed by a log's Ed25519 key.

    Args:
        text: UTF-8 lines, ending in a newline.
        name: of the key: the log's origin.
        key: Ed25519.

    Raises:
        ValueError: a text without its last newline, a caller's bug.
    """
    if not text.endswith(b"\n"):
        raise ValueError("a note's text ends in a newline")
    hashed = key_hash(name, ED25519_TYPE, key.public)
    return text + b"\n" + signature_line(name, hashed, key.sign(text))


def add_lines(note: bytes, lines: Iterable[bytes]) -> bytes:
    """Return the note with more signature lines, each as :func:`signature_line`."""
    return note + b"".join(lines)


def verify_log_signature(note: Note, name: str, public: bytes) -> Note:
    """Return the note with the log's own lines only, if the log signed it.

    Raises:
        VerificationError: it did not, or the signature does not hold.
    """
    key = NoteVerifyKey.parse(NoteAlgorithm.ED25519, public)
    hashed = key_hash(name, ED25519_TYPE, public)
    signatures = note.by(name, hashed)
    if not signatures:
        raise VerificationError("a note that the log did not sign")
    for signature in signatures:
        verify_line(key, signature, note.text)
    return note.only(name, hashed)


def verify_line(key: NoteVerifyKey, signature: bytes, message: bytes) -> None:
    """Return if ``signature`` is the key's over ``message``.

    Raises:
        VerificationError: it is not.
    """
    try:
        key.verify(signature, message)
    except SignatureError:
        raise VerificationError("a note's signature does not verify") from None
