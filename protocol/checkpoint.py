"""Checkpoints: a log's size and root, as a note (C2SP tlog-checkpoint).

::

    <origin>
    <size in decimal>
    <root hash in base64>
    [extension lines, which nobody here makes or reads]

A checkpoint has one form: reading ends by writing it again.

Source: C2SP tlog-checkpoint; docs/spec/log.md section 3.
"""

import base64
from dataclasses import dataclass
from typing import Final

from crypto.types import Digest
from protocol.errors import MalformedError
from protocol.note import from_base64

_LINES: Final = 3  # origin, size, root
_ROOT: Final = 32  # bytes
_DECIMALS: Final = 15  # 2**48 has 15 digits
_ORIGIN: Final = 255  # bytes: a cosignature's message gives its length in one byte


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log says of itself."""

    origin: str
    size: int
    root: Digest
    extensions: tuple[str, ...] = ()

    def text(self) -> bytes:
        """Return the text that is signed, with its last newline."""
        encoded = base64.b64encode(self.root).decode()
        lines = (self.origin, str(self.size), encoded, *self.extensions)
        return "".join(f"{line}\n" for line in lines).encode()


def parse_checkpoint(text: bytes) -> Checkpoint:
    """Return the checkpoint that ``text`` is the one form of.

    Raises:
        MalformedError: it is not, or its origin is empty or over 255 bytes.
    """
    try:
        lines = text.decode().split("\n")
    except UnicodeDecodeError:
        raise MalformedError from None
    if len(lines) <= _LINES or not all(lines[:-1]):
        raise MalformedError
    origin, size, root, *extensions = lines[:-1]
    checkpoint = Checkpoint(
        origin=origin,
        size=parse_decimal(size.encode()),
        root=Digest(from_base64(root.encode())),
        extensions=tuple(extensions),
    )
    fits = len(checkpoint.root) == _ROOT and len(origin.encode()) <= _ORIGIN
    if not fits or checkpoint.text() != text:
        raise MalformedError
    return checkpoint


def parse_decimal(digits: bytes) -> int:
    """Return the number that ``digits`` is the one decimal form of.

    Raises:
        MalformedError: signs, spaces, other digits, leading zeros, or too large.
    """
    if not digits.isdigit() or len(digits) > _DECIMALS:
        raise MalformedError
    number = int(digits)
    if str(number).encode() != digits:
        raise MalformedError
    return number
