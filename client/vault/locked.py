"""A secret behind passphrases: the vault key, an operator's or a holder's seeds.

One random secret, wrapped for each person under a key that Argon2id makes of that
person's passphrase, and once more of that person's recovery sheet.  Beside the secret
a wrap holds the person's *own key*: what is sealed under it opens for this person
only, and a change of passphrase does not touch it.  A commitment to the secret stands
beside the wraps, so that no two secrets can hide in one file.  Work factors below the
compiled-in floor are refused: whoever can write the file must not make the passphrase
cheap to guess.

Names are not in the clear: a wrap is found by a tag of salt and name.

The file is replaced as a whole and atomically; a crash leaves the old one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Final

from msgspec import Meta, structs

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
from protocol.fields import V1, Bytes16, Bytes32, Name, UInt8, UInt32

MAX_WRAPS: Final = 32  # 16 people, each with a passphrase and a sheet
LEAST_CHARACTERS: Final = 12  # of a new passphrase
LEAST_DIFFERENT: Final = 5  # characters in it
_COMMITMENT: Final = b"koerier/v1/vault"
_TAG: Final = b"koerier/v1/vault-person"
_PURPOSE: Final = b"passphrase"
_PASSPHRASE, _SHEET = 0, 1  # ``Wrapped.kind``


class WrongPassphraseError(Exception):
    """No wrap opens with this passphrase, or the file is not ours."""


class FullError(Exception):
    """The file holds as many people as it may."""


class Wrapped(Message):
    """The secret under one passphrase or sheet."""

    kind: UInt8
    tag: Bytes16  # H(salt, name, kind), cut
    salt: Bytes16
    passes: UInt32
    memory_kib: UInt32
    box: Annotated[bytes, Meta(max_length=1 << 16)]


class Locked(Message):
    """The file."""

    v: V1
    commitment: Bytes32
    wraps: Annotated[tuple[Wrapped, ...], Meta(min_length=1, max_length=MAX_WRAPS)]


class _Held(Message):
    """What a wrap holds."""

    who: Name
    secret: Annotated[bytes, Meta(max_length=1 << 12)]
    own: Bytes32 | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is to open the file."""

    name: str
    passphrase: str = field(repr=False)
    own: Secret | None = None  # 32 bytes; none where there is but one person
    sheet: bool = False  # the passphrase is that of the person's recovery sheet


@dataclass(frozen=True, slots=True)
class Unlocked:
    """What a passphrase opened."""

    secret: Secret
    who: str
    own: Secret | None


def lock(
    secret: Secret,
    people: Sequence[Person],
    entropy: Entropy,
    *,
    floor: WorkFloor = FLOOR,
) -> bytes:
    """Return the file that holds ``secret`` for ``people``."""
    return encode(
        Locked(
            v=1,
            commitment=_commitment(secret),
            wraps=tuple(_wrap(secret, person, entropy, floor) for person in people),
        )
    )


def relock(
    data: bytes,
    secret: Secret,
    person: Person,
    entropy: Entropy,
    *,
    floor: WorkFloor = FLOOR,
) -> bytes:
    """Return the file with a wrap for ``person`` added, or put in the place of theirs.

    Raises:
        WrongPassphraseError: the file is not ours, or holds another secret.
        FullError: no room for another wrap.
    """
    locked = _read(data)
    if _commitment(secret) != locked.commitment:
        raise WrongPassphraseError
    kept = tuple(
        wrapped
        for wrapped in locked.wraps
        if wrapped.tag != _tag(wrapped.salt, person.name, _kind(sheet=person.sheet))
    )
    if len(kept) == MAX_WRAPS:
        raise FullError
    wraps = (*kept, _wrap(secret, person, entropy, floor))
    return encode(structs.replace(locked, wraps=wraps))


def unlock(
    data: bytes,
    passphrase: str,
    *,
    who: str | None = None,
    sheet: bool = False,
    floor: WorkFloor = FLOOR,
) -> Unlocked:
    """Return the secret, and whose passphrase it was.

    Args:
        data: the file.
        passphrase: as typed; of a sheet, what :mod:`client.paper` read from it.
        who: whose wrap to try; None tries all, at the price of one derivation each.
        sheet: try recovery sheets instead of passphrases.
        floor: the least work accepted.

    Raises:
        WrongPassphraseError: whatever the cause; it looks the same from outside.
    """
    locked = _read(data)
    kind = _kind(sheet=sheet)
    for wrapped in locked.wraps:
        if wrapped.kind != kind:
            continue
        if who is not None and wrapped.tag != _tag(wrapped.salt, who, kind):
            continue
        parameters = Parameters(wrapped.salt, wrapped.passes, wrapped.memory_kib)
        try:
            key = derive_key(from_text(passphrase), parameters, floor=floor)
            held = decode(open_box(key, _PURPOSE, wrapped.tag, wrapped.box), _Held)
        except (OpenError, ParameterError, MalformedError):
            continue
        secret = Secret(held.secret)
        if _commitment(secret) == locked.commitment:
            own = None if held.own is None else Secret(held.own)
            return Unlocked(secret, held.who, own)
    raise WrongPassphraseError


def of_sheet(secret: Secret) -> str:
    """Return what stands for a passphrase where a recovery sheet was typed."""
    return secret.reveal().hex()


def holds(data: bytes, who: str) -> bool:
    """Tell whether the file has a wrap for the passphrase of ``who``.

    Raises:
        WrongPassphraseError: the file is not ours.
    """
    return any(
        wrapped.tag == _tag(wrapped.salt, who, _PASSPHRASE)
        for wrapped in _read(data).wraps
    )


def readable(data: bytes) -> bool:
    """Tell whether the file is one of ours at all: not cut, not another's."""
    try:
        _read(data)
    except WrongPassphraseError:
        return False
    return True


def strong_enough(passphrase: str) -> bool:
    """Tell whether a new passphrase is above the floor: long, and not one key held.

    With the work of Argon2id a guess costs half a second and 256 MiB; twelve
    characters that nobody chose by habit last.  Habits are not measured here.
    """
    text = from_text(passphrase).reveal().decode(errors="surrogatepass")
    return len(text) >= LEAST_CHARACTERS and len(set(text)) >= LEAST_DIFFERENT


def _read(data: bytes) -> Locked:
    try:
        return decode(data, Locked)
    except MalformedError:
        raise WrongPassphraseError from None


def _wrap(
    secret: Secret, person: Person, entropy: Entropy, floor: WorkFloor
) -> Wrapped:
    parameters = Parameters.fresh(entropy, floor)
    key = derive_key(from_text(person.passphrase), parameters, floor=floor)
    kind = _kind(sheet=person.sheet)
    tag = _tag(parameters.salt, person.name, kind)
    own = None if person.own is None else person.own.reveal()
    held = encode(_Held(who=person.name, secret=secret.reveal(), own=own))
    return Wrapped(
        kind=kind,
        tag=tag,
        salt=parameters.salt,
        passes=parameters.passes,
        memory_kib=parameters.memory_kib,
        box=seal_box(key, _PURPOSE, tag, held, entropy),
    )


def _kind(*, sheet: bool) -> int:
    return _SHEET if sheet else _PASSPHRASE


def _tag(salt: bytes, name: str, kind: int) -> bytes:
    return H(T(_TAG, salt, name.encode(), bytes([kind])))[:16]


def _commitment(secret: Secret) -> bytes:
    return H(T(_COMMITMENT, secret.reveal()))
