"""Prekey manifests: one signature of a terminal for all keys it can be reached by.

::

    manifest = CBOR{v, terminal, mailbox, number, from, until, period, n, root, suite}
    leaf_i   = T("koerier/v1/prekey", kind, i, from_i, until_i, public_i)
    kid_i    = Hs(T("koerier/v1/kid", H(manifest), i))

The first keys are epoch keys: key ``i`` serves the ``i``-th period.  The others are
one-time keys and serve the manifest's whole time.  Kind and days follow from the
index alone (:func:`window`), stand in the leaf, and the manifest's hash in the
``kid``: so a key can be passed off neither for another day's nor for another
manifest's (B14).

Private keys are independent random seeds; nothing here ever sees one.
Source: docs/spec/prekeys.md sections 1 and 2.
"""

import enum
from collections.abc import Sequence
from typing import Annotated, Final, NamedTuple

from msgspec import Meta, structs

from crypto.digest import H, T, u32, u64
from crypto.merkle import Frontier, inclusion_path, leaf_hash, root_of
from crypto.sign import Realm, SigningKey, Usage
from crypto.suite import SUITES, SuiteId
from crypto.types import (
    ZERO_DIGEST,
    Digest,
    Mailbox,
    PrekeyId,
    PublicKey,
    Signature,
)
from protocol.codec import Message, encode
from protocol.errors import BindingError, VerificationError
from protocol.fields import (
    V1,
    DigestField,
    KeyIdField,
    MailboxField,
    Time,
    UInt32,
)
from protocol.fields import Sequence as Number

PREKEY_LABEL: Final = b"koerier/v1/prekey"
KID_LABEL: Final = b"koerier/v1/kid"
ARCHIVE_LABEL: Final = b"koerier/v1/archive"
MAX_PREKEYS: Final = 1_024  # in one manifest: bounds what a relay stores for one
MAX_EPOCHS: Final = 60  # periods published ahead
PERIOD_FROM: Final = 6 * 3600  # seconds of one epoch, at least
PERIOD_TO: Final = 7 * 86_400  # and at most


class PrekeyKind(enum.IntEnum):
    """A number is never reused: it stands in the leaf."""

    EPOCH = 1
    ONE_TIME = 2


class Manifest(Message):
    """The signed document of usage ``prekeys``; ``start`` is ``from``."""

    v: V1
    terminal: KeyIdField
    mailbox: MailboxField
    number: Number  # from 1 for each identity key, always rising
    start: Time
    until: Time
    period: Annotated[int, Meta(ge=PERIOD_FROM, le=PERIOD_TO)]
    n: Annotated[int, Meta(ge=1, le=MAX_PREKEYS)]
    root: DigestField  # RFC 6962 tree over the leaves, in the order of their index
    suite: SuiteId

    @property
    def epochs(self) -> int:
        """How many of the keys are epoch keys: one for each period."""
        return (self.until - self.start) // self.period


class SignedManifest(NamedTuple):
    """A manifest as it was signed, and its terminal's signature."""

    manifest: bytes
    signature: Signature


class Schedule(NamedTuple):
    """When the keys of a new manifest are for."""

    number: int  # above that of every manifest made under this key before
    start: int  # POSIX seconds, when the first epoch begins
    period: int  # seconds of one epoch
    epochs: int  # how many of the keys are epoch keys


class Window(NamedTuple):
    """What a key is for, and when: ``start <= now < until``."""

    kind: PrekeyKind
    start: int
    until: int

    def covers(self, now: int) -> bool:
        """Tell whether the key may be sealed to at ``now``."""
        return self.start <= now < self.until


def check_shape(manifest: Manifest) -> None:
    """Return if the times are whole periods and each has its key.

    Raises:
        VerificationError: no period, a broken one, or fewer keys than periods.
    """
    whole = (manifest.until - manifest.start) % manifest.period == 0
    if not (whole and 1 <= manifest.epochs <= min(manifest.n, MAX_EPOCHS)):
        raise VerificationError("the manifest contradicts itself")


def window(manifest: Manifest, index: UInt32) -> Window:
    """Return the kind and the days of key ``index`` of a sound manifest.

    Raises:
        VerificationError: the manifest has no such key.
    """
    if not 0 <= index < manifest.n:
        raise VerificationError("a prekey that the manifest does not have")
    if index >= manifest.epochs:
        return Window(PrekeyKind.ONE_TIME, manifest.start, manifest.until)
    start = manifest.start + index * manifest.period
    return Window(PrekeyKind.EPOCH, start, start + manifest.period)


def prekey_leaf(index: int, when: Window, public: PublicKey) -> bytes:
    """Return the data of one leaf: the day is bound here."""
    return T(
        PREKEY_LABEL,
        bytes([when.kind]),
        u32(index),
        u64(when.start),
        u64(when.until),
        public,
    )


def prekey_id(suite: SuiteId, manifest: Digest, index: int) -> PrekeyId:
    """Return the ``kid`` of key ``index``: 16 bytes in S1, 32 in S2 (B14)."""
    row = SUITES[suite]
    return PrekeyId(row.hash(T(KID_LABEL, manifest, u32(index)))[: row.prekey_id])


def archive_prekey_id(suite: SuiteId, public: PublicKey) -> PrekeyId:
    """Return the ``kid`` of an archive key, which no manifest names."""
    row = SUITES[suite]
    return PrekeyId(row.hash(T(ARCHIVE_LABEL, H(public)))[: row.prekey_id])


def leaves_of(manifest: Manifest, keys: Sequence[PublicKey]) -> list[bytes]:
    """Return the leaves of all ``keys``, for the tree and for paths in it."""
    return [
        prekey_leaf(index, window(manifest, index), public)
        for index, public in enumerate(keys)
    ]


def check_keys(manifest: Manifest, keys: Sequence[PublicKey]) -> None:
    """Return if ``keys`` are the manifest's: what a relay asks before it stores them.

    Raises:
        VerificationError: the manifest contradicts itself.
        BindingError: other keys, or another number of them (B14).
    """
    check_shape(manifest)
    if len(keys) != manifest.n or root_of(leaves_of(manifest, keys)) != manifest.root:
        raise BindingError("B14")


def paths_of(leaves: Sequence[bytes]) -> list[tuple[Digest, ...]]:
    """Return the inclusion path of each leaf in the tree over ``leaves``."""
    nodes: dict[tuple[int, int], Digest] = {}
    frontier = Frontier()
    for leaf in leaves:
        frontier, made = frontier.append_hash(leaf_hash(leaf))
        nodes.update({(level, index): hashed for level, index, hashed in made})
    return [
        inclusion_path(index, len(leaves), lambda *place: nodes[place])
        for index in range(len(leaves))
    ]


def make_manifest(
    key: SigningKey,
    keys: Sequence[PublicKey],
    schedule: Schedule,
    *,
    mailbox: Mailbox,
    realm: Realm,
) -> SignedManifest:
    """Return a signed manifest of ``keys``: the epoch keys first, then one-time keys.

    Args:
        key: the terminal's identity key; its suite is the keys' too.
        keys: public keys in the order of their index.
        schedule: the manifest's number and days.
        mailbox: the terminal's, from the directory.
        realm: of the ministry.

    Raises:
        VerificationError: fewer keys than epochs, or none.
    """
    unrooted = Manifest(
        v=1,
        terminal=key.id,
        mailbox=mailbox,
        number=schedule.number,
        start=schedule.start,
        until=schedule.start + schedule.epochs * schedule.period,
        period=schedule.period,
        n=len(keys),
        root=ZERO_DIGEST,
        suite=key.suite,
    )
    check_shape(unrooted)
    root = root_of(leaves_of(unrooted, keys))
    manifest = encode(structs.replace(unrooted, root=root))
    return SignedManifest(manifest, key.sign(Usage.PREKEYS, manifest, realm=realm))
