"""Making documents: what an operator's tool or a ceremony puts up for signature.

Pure: keys, times and nonces are arguments.  What comes out is bytes that are shown,
signed (:func:`protocol.signed.sign_document`) and logged as they are::

    key = ...                                              # the terminal's new key
    place = next_place(directory.state, "bern", Action.ENROL)
    proof = prove(key, place, nonce=nonce, realm=realm)    # on the terminal
    entry = propose(place, change, expires=..., reason=...)
    leaf = signed_leaf(LeafKind.DIRECTORY, sign_document(entry, operators, ...))

A KEM key's possession is shown by decrypting a challenge; that is a step of the
enrolment ceremony and leaves nothing in the entry, because KEM keys change daily
and are vouched for by the terminal's own manifest (:mod:`protocol.manifest`).
"""

from dataclasses import dataclass

from msgspec import structs

from crypto.sign import Realm, SigningKey, Usage
from crypto.types import Digest
from protocol.codec import encode
from protocol.directory_adopt import position
from protocol.directory_entry import (
    Action,
    Change,
    DirectoryEntry,
    Proof,
    possession_preimage,
)
from protocol.directory_state import State
from protocol.errors import ExpiredError
from protocol.root import RootDocument
from protocol.trusted_root import TrustedRoot


@dataclass(frozen=True, slots=True)
class Place:
    """Where the next entry of a post goes: what proofs and entry both name."""

    root: Digest
    post: str
    action: Action
    version: int
    prev: Digest


def next_place(state: State, post: str, action: Action) -> Place:
    """Return the place of the next entry of ``post``."""
    version, prev = position(state, post)
    return Place(state.root.digest, post, action, version, prev)


def prove(key: SigningKey, place: Place, *, nonce: bytes, realm: Realm) -> Proof:
    """Return the proof that ``key`` is held, for this place only (B23).

    Args:
        key: the new key itself.
        place: of the entry that will bring it.
        nonce: 32 bytes, from the invitation.
        realm: of the ministry.
    """
    preimage = possession_preimage(
        key.public, post=place.post, action=place.action, nonce=nonce, prev=place.prev
    )
    return Proof(
        nonce=nonce, signature=key.sign(Usage.POSSESSION, preimage, realm=realm)
    )


def propose(place: Place, change: Change, *, expires: int, reason: str) -> bytes:
    """Return the encoded entry, to be signed as it is.

    Args:
        place: where it goes.
        change: of the type that the action has.
        expires: POSIX seconds; operators' tools and the relay refuse it afterwards.
        reason: one line, shown to whoever approves and to the post.
    """
    return encode(
        DirectoryEntry(
            v=1,
            root=place.root,
            action=place.action,
            post=place.post,
            version=place.version,
            prev=place.prev,
            expires=expires,
            reason=reason,
            change=encode(change),
        )
    )


def require_open(entry: DirectoryEntry, now: int) -> None:
    """Return if the proposal may still be approved and logged.

    Raises:
        ExpiredError: propose again.
    """
    if now >= entry.expires:
        raise ExpiredError("a proposal")


def next_root(trusted: TrustedRoot, document: RootDocument) -> bytes:
    """Return ``document`` encoded as the version that follows ``trusted``."""
    return encode(
        structs.replace(
            document, version=trusted.document.version + 1, prev=trusted.digest
        )
    )
