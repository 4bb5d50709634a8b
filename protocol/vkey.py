"""Public keys of logs and witnesses as one line of text (C2SP verifier keys).

::

    <name>+<key hash, 8 hexadecimal digits>+<base64 of type byte and public key>

Other tools of transparency logs take keys in this form; ours stand in the root
document.

Source: C2SP signed-note, section on verifier keys.
"""

import base64
from dataclasses import dataclass
from typing import Final

from protocol.errors import MalformedError
from protocol.note import from_base64, is_name, key_hash

MAX_VKEY: Final = 4096  # characters: an ML-DSA-44 key takes 1,752
_PARTS: Final = 3
_SHORTEST: Final = 33  # bytes: the type and an Ed25519 key


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A name, a signature type (one byte) and a public key, not checked as a key."""

    name: str
    kind: bytes
    public: bytes

    def text(self) -> str:
        """Return the line, without a newline."""
        hashed = key_hash(self.name, self.kind, self.public).hex()
        return (
            f"{self.name}+{hashed}+{base64.b64encode(self.kind + self.public).decode()}"
        )


def parse_vkey(text: str) -> VerifierKey:
    """Return the key that ``text`` is the one form of.

    Raises:
        MalformedError: it is not; among others, its hash is not the key's.
    """
    # A plus may stand in base64, never in a name.
    parts = text.split("+", _PARTS - 1)
    if len(text) > MAX_VKEY or len(parts) != _PARTS or not text.isascii():
        raise MalformedError
    name, _, encoded = parts
    material = from_base64(encoded.encode())
    if not is_name(name) or len(material) < _SHORTEST:
        raise MalformedError
    key = VerifierKey(name, material[:1], material[1:])
    if key.text() != text:
        raise MalformedError
    return key
