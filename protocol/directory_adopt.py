"""The checks on one directory entry, in the specification's order.

Signatures over the bytes as they came; then the parsed entry: its fields, the root
it was made under, its place in the post's chain (B24), whose signatures its action
needs, and that each new key is new and proven (B23).  What it then changes is
:mod:`protocol.directory_changes`.

Nothing here asks what time it is: two clients that adopt the same leaves believe
the same, whenever they do.  Source: docs/spec/root-and-directory.md section 5.
"""

from collections.abc import Iterator
from typing import NamedTuple

from crypto.sign import Usage, VerifyKey
from crypto.types import ZERO_DIGEST, Digest, KeyId
from protocol.codec import decode
from protocol.directory_changes import Sound, apply
from protocol.directory_entry import (
    Action,
    AddedMembers,
    AddedTerminals,
    Change,
    ChangedRights,
    DirectoryEntry,
    Enrolment,
    NewMember,
    NewTerminal,
    Proof,
    Recovery,
    Revocation,
    Rotation,
    Rotations,
    change_of,
    possession_preimage,
)
from protocol.directory_state import Adopted, Moment, State
from protocol.errors import (
    BindingError,
    ChainError,
    RollbackError,
    VerificationError,
)
from protocol.key_log_entry import LeafKind
from protocol.record import ARCHIVE
from protocol.restrictions import suspended_in_log
from protocol.root import operators_needed
from protocol.signed import (
    SignatureKey,
    SignatureLine,
    Signed,
    require,
    signers,
    verify_one,
)


class NewKey(NamedTuple):
    """A key that an entry brings, and its proof."""

    key: SignatureKey
    proof: Proof


def adopt_entry(state: State, signed: Signed, moment: Moment) -> tuple[State, Adopted]:
    """Return the state with the entry, and what it concerns.

    Raises:
        MalformedError: not a directory entry.
        ThresholdError: too few operators, or the other signer is missing.
        ChainError: another root, post, version or predecessor (B24); a key, nonce,
            number or mailbox that was there before; a key that is not current.
        BindingError: a proof of possession that is not of this entry (B23), a key
            of another suite (B16), or one that must be refused (B15).
        VerificationError: a signature fails.
    """
    known = {line.key: state.known(line.key) for line in signed.signatures}
    keys = {key_id: key for key_id, key in known.items() if key is not None}
    who = signers(signed, keys, usage=Usage.DIR, realm=state.root.realm)
    entry = decode(signed.document, DirectoryEntry)
    if entry.post == ARCHIVE:
        raise ChainError("the archive's name is no post's")
    change = change_of(entry)
    _continues(state, entry)
    counted = _without_suspended(state, who)
    _authorised(state, entry, change, counted)
    brought = tuple(new_keys(change))
    sound = Sound(
        entry=entry,
        change=change,
        digest=signed.digest,
        moment=moment,
        keys=_proven(state, entry, brought),
        proofs=[new.proof for new in brought],
        signers=counted,
    )
    return apply(state, sound), Adopted(
        index=moment.index,
        kind=LeafKind.DIRECTORY,
        digest=signed.digest,
        signers=counted,
        post=entry.post,
        action=entry.action,
        keys=frozenset(key.id for key in sound.keys.values()) | _named(change),
    )


def position(state: State, post: str) -> tuple[int, Digest]:
    """Return the version and ``prev`` that the next entry of ``post`` must have."""
    record = state.posts.get(post)
    return (1, ZERO_DIGEST) if record is None else (record.version + 1, record.head)


def new_keys(change: Change) -> Iterator[NewKey]:
    """Yield each key that ``change`` brings, with its proof."""
    brought: tuple[Recovery | NewTerminal | NewMember | Rotation, ...]
    match change:
        case Enrolment():
            brought = (change.recovery, *change.terminals, *change.members)
        case AddedTerminals():
            brought = change.terminals
        case AddedMembers():
            brought = change.members
        case Rotations():
            brought = change.rotations
        case _:  # the others bring none
            brought = ()
    for new in brought:
        yield NewKey(new.key, new.proof)


def _continues(state: State, entry: DirectoryEntry) -> None:
    if entry.root != state.root.digest:
        raise ChainError("made under another root document")
    version, prev = position(state, entry.post)
    if entry.version < version:
        raise RollbackError("a version that the post has passed")
    if entry.version != version or entry.prev != prev:
        raise ChainError("not the next entry of the post")
    post = state.posts.get(entry.post)
    if (entry.action is Action.ENROL) is (post is not None):
        raise ChainError("enrolled twice, or never")
    if post and post.ended and entry.action is not Action.RE_ENROL:
        raise ChainError("a revoked post is only enrolled again")


def _without_suspended(state: State, who: frozenset[KeyId]) -> frozenset[KeyId]:
    """Return the signers whose word counts: not of a holder under a suspension."""
    counted = set()
    for key_id in who:
        post = state.owner(key_id)
        holder = None if post is None else post.holder(key_id)
        if post and holder and suspended_in_log(state, post, holder):
            continue
        counted.add(key_id)
    return frozenset(counted)


def _authorised(
    state: State, entry: DirectoryEntry, change: Change, who: frozenset[KeyId]
) -> None:
    """Compare the signers with what the action needs (the table of section 4)."""
    if isinstance(change, Revocation) and _revokes_itself(state, entry, change, who):
        return
    operators = state.root.operators.keys()
    needed = operators_needed(state.root.document, entry.action)
    require(who, permitted=operators, required=needed)
    if isinstance(change, Rotations):
        old = frozenset(rotation.old for rotation in change.rotations)
        require(who, permitted=old, required=len(old))


def _revokes_itself(
    state: State, entry: DirectoryEntry, change: Revocation, who: frozenset[KeyId]
) -> bool:
    """Tell whether every key that goes has signed: a post may revoke itself."""
    post = state.posts[entry.post]
    going = frozenset(change.keys) or frozenset(h.current for h in post.live())
    return bool(going) and going <= who


def _proven(
    state: State, entry: DirectoryEntry, brought: tuple[NewKey, ...]
) -> dict[SignatureKey, VerifyKey]:
    """Return the new keys, parsed, each proven to be held for this very entry."""
    proven: dict[SignatureKey, VerifyKey] = {}
    nonces = set(state.nonces)
    for key, proof in brought:
        if key.suite is not state.root.document.suite:
            raise BindingError("B16")
        parsed = key.parsed()
        if _taken(state, parsed) or key in proven or proof.nonce in nonces:
            raise ChainError("a key or an invitation that was used")
        nonces.add(proof.nonce)
        preimage = possession_preimage(
            key.public,
            post=entry.post,
            action=entry.action,
            nonce=proof.nonce,
            prev=entry.prev,
        )
        _verify_possession(state, parsed, proof, preimage)
        proven[key] = parsed
    return proven


def _verify_possession(
    state: State, key: VerifyKey, proof: Proof, preimage: bytes
) -> None:
    line = SignatureLine(key.id, proof.signature)
    try:
        verify_one(key, line, preimage, usage=Usage.POSSESSION, realm=state.root.realm)
    except VerificationError:
        raise BindingError("B23") from None


def _taken(state: State, key: VerifyKey) -> bool:
    """Tell whether the key has, or had, another place: one key, one purpose."""
    root = state.root
    return (
        key.id in state.owners
        or key.id in root.operators
        or key.id in root.holders
        or key.public == root.document.relay.key.public
    )


def _named(change: Change) -> frozenset[KeyId]:
    """Return the key ids that ``change`` names: rotated, re-ranked or revoked."""
    match change:
        case Rotations():
            return frozenset(rotation.old for rotation in change.rotations)
        case ChangedRights():
            return frozenset(r.key for r in change.rights if r.key is not None)
        case Revocation():
            return frozenset(change.keys)
        case _:
            return frozenset()
