"""From a passphrase to a key: Argon2id, never below the floor compiled in here.

The parameters stand in the header of what the key protects.  A header is not yet
authenticated when it is read, so weaker parameters than the floor are refused (an
attacker who can write the file must not make the passphrase cheap to guess), and so
are absurdly expensive ones.

``lanes`` is 1 and no parameter: with more, the library's Argon2id can deadlock when
several derivations run at once.

Tests would spend seconds per derivation.  They pass a :class:`WorkFloor` of their
own; tests/architecture shows that no package makes one besides this module.

Source: RFC 9106, section 4 (the second recommended option has 64 MiB; we take more).
"""

import unicodedata
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from crypto.entropy import Entropy
from crypto.errors import ParameterError
from crypto.types import Secret

_LANES: Final = 1
_KEY: Final = 32  # bytes
_SALT: Final = 16  # bytes
_MAX_PASSES: Final = 64  # some minutes: more is a header that wants to stop us
_MAX_MEMORY_KIB: Final = 4 * 1024 * 1024  # 4 GiB: as much as a small terminal has


@dataclass(frozen=True, slots=True)
class WorkFloor:
    """The least work that is accepted."""

    passes: int
    memory_kib: int


FLOOR: Final = WorkFloor(passes=3, memory_kib=256 * 1024)


@dataclass(frozen=True, slots=True)
class Parameters:
    """What the header stores: salt, passes ``t`` and memory ``m`` in KiB."""

    salt: bytes
    passes: int
    memory_kib: int

    @classmethod
    def fresh(cls, entropy: Entropy, floor: WorkFloor = FLOOR) -> "Parameters":
        """Return parameters at the floor, with a salt of their own."""
        return cls(entropy(_SALT), floor.passes, floor.memory_kib)


def from_text(text: str) -> Secret:
    """Return a typed passphrase as bytes: the same on every keyboard and system.

    Unicode has several ways to write é; NFC (as RFC 8265 section 4.2) chooses one.
    """
    return Secret(unicodedata.normalize("NFC", text).encode(errors="surrogatepass"))


def derive_key(
    passphrase: Secret, parameters: Parameters, *, floor: WorkFloor = FLOOR
) -> Secret:
    """Return the 32-byte key; takes about three seconds and 256 MiB at the floor.

    Raises:
        ParameterError: less work than ``floor``, more than anyone asks for, or a
            salt that is not of 16 bytes.
    """
    if (
        len(parameters.salt) != _SALT
        or not floor.passes <= parameters.passes <= _MAX_PASSES
        or not floor.memory_kib <= parameters.memory_kib <= _MAX_MEMORY_KIB
    ):
        raise ParameterError
    argon2id = Argon2id(
        salt=parameters.salt,
        length=_KEY,
        iterations=parameters.passes,
        lanes=_LANES,
        memory_cost=parameters.memory_kib,
    )
    return Secret(argon2id.derive(passphrase.reveal()))
