"""Directory entries: who may read and speak, as signed changes to one post.

A post is a chain.  Every change to it, to its terminals or to its members is the
next entry of that chain: it names the post's next version and H of the entry before
(B24), so that two proposals never take effect together unseen, and an old enrolment
cannot come back after a revocation.  It also names the root document that it was
made under: a change of root ends what was proposed before it.

Each new key proves that it is there (:func:`possession_preimage`, B23): it signs
the post, the action, a nonce of the invitation and the entry that it follows.

What an action changes has a type of its own (``CHANGES``); whose signatures it
needs is the table of :mod:`protocol.directory_rules`.

Source: docs/spec/root-and-directory.md section 3.
"""

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final

from msgspec import Meta

from crypto.digest import T
from crypto.types import Digest, PublicKey
from protocol.codec import Message, decode
from protocol.fields import (
    V1,
    Bytes32,
    DigestField,
    KeyIdField,
    Line,
    MailboxField,
    Name,
    PostId,
    Sequence,
    SignatureField,
    Time,
)
from protocol.label import Clearance, Level
from protocol.limits import MAX_DOCUMENT
from protocol.signed import SignatureKey

POSSESSION_LABEL: Final = b"koerier/v1/possession"
MAX_KEYS: Final = 16  # new or named keys in one entry: each costs a verification


class Action(enum.IntEnum):
    """What an entry does.  A number is never reused."""

    ENROL = 1
    RE_ENROL = 2
    ADD_TERMINAL = 3
    ADD_MEMBER = 4
    ROTATE = 5
    SET_RIGHTS = 6
    SET_DETAILS = 7
    LIFT = 8
    REVOKE = 9


class Proof(Message):
    """Proof of possession of a new key (B23)."""

    nonce: Bytes32  # of the invitation; used once in the life of the ministry
    signature: SignatureField  # by the new key, usage ``possession``


class Details(Message):
    """What a post is called and by which collective addresses it is reached."""

    name_nl: Name
    name_en: Name
    collectives: Annotated[tuple[PostId, ...], Meta(max_length=32)] = ()


class NewTerminal(Message):
    """A terminal's first key."""

    number: Annotated[int, Meta(ge=1, le=255)]  # never used again within the post
    key: SignatureKey
    mailbox: MailboxField
    clearance: Clearance
    until: Time
    proof: Proof


class NewMember(Message):
    """A member's first key."""

    key: SignatureKey
    name: Name
    clearance: Clearance
    may_release: Level | None = None  # the highest level this member releases
    until: Time
    proof: Proof


class Recovery(Message):
    """The post's paper key: it may suspend, and consent to a new terminal."""

    key: SignatureKey
    proof: Proof


class Rotation(Message):
    """A key takes the place of another, which signs the entry too."""

    old: KeyIdField
    key: SignatureKey
    until: Time
    proof: Proof


class Rights(Message):
    """New rights of a terminal or member, or of the whole post."""

    key: KeyIdField | None = None  # absent: the post
    clearance: Clearance
    may_release: Level | None = None


Hashes = Annotated[tuple[DigestField, ...], Meta(max_length=MAX_KEYS)]
KeyIds = Annotated[tuple[KeyIdField, ...], Meta(max_length=MAX_KEYS)]
Terminals = Annotated[tuple[NewTerminal, ...], Meta(max_length=MAX_KEYS)]
Members = Annotated[tuple[NewMember, ...], Meta(max_length=MAX_KEYS)]


# --- what changes: one type per action, so that an entry has no other effect


class Enrolment(Message):
    """A new post (ENROL), or the same post with all keys new (RE_ENROL)."""

    details: Details
    clearance: Clearance
    recovery: Recovery
    terminals: Terminals = ()
    members: Members = ()
    ends: Hashes = ()  # restrictions that a re-enrolment ends, by H(restriction)


class AddedTerminals(Message):
    """ADD_TERMINAL."""

    terminals: Annotated[
        tuple[NewTerminal, ...], Meta(min_length=1, max_length=MAX_KEYS)
    ]


class AddedMembers(Message):
    """ADD_MEMBER."""

    members: Annotated[tuple[NewMember, ...], Meta(min_length=1, max_length=MAX_KEYS)]


class Rotations(Message):
    """ROTATE."""

    rotations: Annotated[tuple[Rotation, ...], Meta(min_length=1, max_length=MAX_KEYS)]


class ChangedRights(Message):
    """SET_RIGHTS: wider or narrower, clearance and release."""

    rights: Annotated[tuple[Rights, ...], Meta(min_length=1, max_length=MAX_KEYS)]


class ChangedDetails(Message):
    """SET_DETAILS: names and collective addresses."""

    details: Details


class Lift(Message):
    """LIFT: these restrictions are dead from here on, replayed or late."""

    ends: Annotated[tuple[DigestField, ...], Meta(min_length=1, max_length=MAX_KEYS)]


class Revocation(Message):
    """REVOKE, for good: these keys; without any, the post and all its keys."""

    keys: KeyIds = ()


LaterChange = (
    AddedTerminals
    | AddedMembers
    | Rotations
    | ChangedRights
    | ChangedDetails
    | Lift
    | Revocation
)
Change = Enrolment | LaterChange

CHANGES: Final[Mapping[Action, type[Change]]] = MappingProxyType(
    {
        Action.ENROL: Enrolment,
        Action.RE_ENROL: Enrolment,
        Action.ADD_TERMINAL: AddedTerminals,
        Action.ADD_MEMBER: AddedMembers,
        Action.ROTATE: Rotations,
        Action.SET_RIGHTS: ChangedRights,
        Action.SET_DETAILS: ChangedDetails,
        Action.LIFT: Lift,
        Action.REVOKE: Revocation,
    }
)


class DirectoryEntry(Message):
    """The signed document of usage ``dir``."""

    v: V1
    root: DigestField  # H of the root document in force
    action: Action
    post: PostId
    version: Sequence
    prev: DigestField  # H of the post's entry before; zeros for the first
    expires: Time  # of the proposal: nobody approves or logs it afterwards
    reason: Line
    change: Annotated[bytes, Meta(max_length=MAX_DOCUMENT)]  # of CHANGES[action]


def change_of(entry: DirectoryEntry) -> Change:
    """Return what ``entry`` changes.

    Raises:
        MalformedError: not the one encoding of its action's type.
    """
    return decode(entry.change, CHANGES[entry.action])


def possession_preimage(
    public: PublicKey, *, post: str, action: Action, nonce: bytes, prev: Digest
) -> bytes:
    """Return what a new key signs to prove itself (names-and-usages, section 3)."""
    return T(POSSESSION_LABEL, public, post.encode(), bytes([action]), nonce, prev)
