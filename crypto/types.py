"""A type per byte string, so that a key id is never taken for a digest.

Secrets are instances of :class:`Secret`: they compare in constant time and never
print themselves, so that no log, traceback or ``repr`` of a containing object can
show one.  Public byte strings are ``NewType`` names of ``bytes``: they cost
nothing and let mypy keep them apart.
"""

import hmac
from typing import Final, NewType, final

Digest = NewType("Digest", bytes)  # 32 bytes, SHA-256: the name of a document
KeyId = NewType("KeyId", bytes)  # 32 bytes, see crypto.sign.key_id
MessageId = NewType("MessageId", bytes)  # 16 bytes, drawn by the sender
Mailbox = NewType("Mailbox", bytes)  # 16 bytes, from the directory
PrekeyId = NewType("PrekeyId", bytes)  # "kid": 16 bytes in S1, 32 in S2
Salt = NewType("Salt", bytes)  # 32 bytes, hides a slot from the other recipients
StreamId = NewType("StreamId", bytes)  # 16 bytes, drawn when a vault is created
PublicKey = NewType("PublicKey", bytes)  # length by suite and purpose
Signature = NewType("Signature", bytes)  # composite, length by suite
Commitment = NewType("Commitment", bytes)  # "kc": 32 bytes in S1, 48 in S2

ZERO_DIGEST: Final = Digest(bytes(32))  # "nothing before": the first of a chain


@final
class Secret:
    """Key material.  ``reveal()`` is the only way to the bytes, easy to grep for.

    Python cannot wipe ``bytes``: this type keeps secrets out of text, not out of
    memory (docs/threat-model.md says so).
    """

    __slots__ = ("_material",)

    def __init__(self, material: bytes) -> None:
        self._material = bytes(material)

    def reveal(self) -> bytes:
        """Return the raw bytes, for a call into a primitive or a sealed store."""
        return self._material

    def __len__(self) -> int:
        return len(self._material)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._material, other._material)

    __hash__ = None  # type: ignore[assignment]  # never a key of a dict

    def __repr__(self) -> str:
        return f"<secret of {len(self._material)} bytes>"

    def __reduce__(self) -> str:
        message = "a secret is not pickled or copied"
        raise TypeError(message)
