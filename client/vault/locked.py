"""A secret behind passphrases: the vault key, an operator's or a holder's seeds.

One random secret, wrapped once per person (and once for the recovery sheet), each
under a key that Argon2id makes of that person's passphrase.  A commitment to the
secret stands beside the wraps, so that no two secrets can hide in one file.  Work
factors below the compiled-in floor are refused: whoever can write the file must not
make the passphrase cheap to guess.

The file is replaced as a whole and atomically; a crash leaves the old one.
"""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from crypto.digest import H, T
from crypto.entropy import Entropy
from crypto.errors import OpenError, ParameterError
from crypto.passphrase import (
    FLOOR,
    Parameters,
    WorkFloor,
    derive_key,
    from_text,
)
from crypto.recordbox import open_box, seal_box
from crypto.types import Secret
from protocol.codec import Message, decode, encode
from protocol.errors import MalformedError
from protocol.fields import V1, Bytes16, Bytes32, Name, UInt32

_COMMITMENT = b"koerier/v1/vault"
_PURPOSE = b"passphrase"


class WrongPassphraseError(Exception):
    """No wrap opens with this passphrase, or the file is not ours."""


class Wrapped(Message):
    """The secret under one passphrase."""

    who: Name  # a person's name for the screen, or "recovery"
    salt: Bytes16
    passes: UInt32
    memory_kib: UInt32
    box: Annotated[bytes, Meta(max_length=1 << 16)]


class Locked(Message):
    """The file."""

    v: V1
    commitment: Bytes32
    wraps: Annotated[tuple[Wrapped, ...], Meta(min_length=1, max_length=16)]


def lock(
    secret: Secret,
    people: Sequence[tuple[str, str]],
    entropy: Entropy,
    *,
    floor: WorkFloor = FLOOR,
) -> bytes:
    """Return the file that holds ``secret`` for ``people``, (name, passphrase) each."""
    return encode(
        Locked(
            v=1,
            commitment=_commitment(secret),
            wraps=tuple(
                _wrap(secret, who, passphrase, entropy, floor)
                for who, passphrase in people
            ),
        )
    )


def unlock(
    data: bytes, passphrase: str, *, who: str | None = None, floor: WorkFloor = FLOOR
) -> Secret:
    """Return the secret.

    Args:
        data: the file.
        passphrase: as typed.
        who: whose wrap to try; None tries all, at the price of one derivation each.
        floor: the least work accepted.

    Raises:
        WrongPassphraseError: whatever the cause; it looks the same from outside.
    """
    try:
        locked = decode(data, Locked)
    except MalformedError:
        raise WrongPassphraseError from None
    for wrapped in locked.wraps:
        if who not in {None, wrapped.who}:
            continue
        parameters = Parameters(wrapped.salt, wrapped.passes, wrapped.memory_kib)
        try:
            key = derive_key(from_text(passphrase), parameters, floor=floor)
            secret = Secret(open_box(key, _PURPOSE, wrapped.who.encode(), wrapped.box))
        except (OpenError, ParameterError):
            continue
        if _commitment(secret) == locked.commitment:
            return secret
    raise WrongPassphraseError


def _wrap(
    secret: Secret, who: str, passphrase: str, entropy: Entropy, floor: WorkFloor
) -> Wrapped:
    parameters = Parameters.fresh(entropy, floor)
    key = derive_key(from_text(passphrase), parameters, floor=floor)
    return Wrapped(
        who=who,
        salt=parameters.salt,
        passes=parameters.passes,
        memory_kib=parameters.memory_kib,
        box=seal_box(key, _PURPOSE, who.encode(), secret.reveal(), entropy),
    )


def _commitment(secret: Secret) -> bytes:
    return H(T(_COMMITMENT, secret.reveal()))
