"""What an entry that holds changes: one function per action, state in, state out.

Signatures and chain are settled before (:mod:`protocol.directory_adopt`); here only
what the entry names is looked up, and must be there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from crypto.sign import VerifyKey
from crypto.types import Digest, KeyId
from protocol.directory_entry import (
    AddedMembers,
    AddedTerminals,
    Change,
    ChangedDetails,
    ChangedRights,
    DirectoryEntry,
    Enrolment,
    LaterChange,
    Lift,
    NewMember,
    NewTerminal,
    Proof,
    Rights,
    Rotation,
    Rotations,
)
from protocol.directory_state import HeldKey, Holder, Moment, PostRecord, State
from protocol.errors import ChainError
from protocol.signed import SignatureKey


@dataclass(frozen=True, slots=True)
class Sound:
    """An entry whose signatures, chain and proofs hold."""

    entry: DirectoryEntry
    change: Change
    digest: Digest
    moment: Moment
    keys: Mapping[SignatureKey, VerifyKey]  # the new keys, parsed
    proofs: Sequence[Proof]
    signers: frozenset[KeyId]


def apply(state: State, sound: Sound) -> State:
    """Return the state that the entry makes.

    Raises:
        ChainError: it names a key that is not current, or brings a number or a
            mailbox that was there before.
    """
    entry = sound.entry
    before = state.posts.get(entry.post)
    if isinstance(sound.change, Enrolment):
        post = _enrolled(before, sound.change, sound)
    else:
        chained = replace(
            state.posts[entry.post], version=entry.version, head=sound.digest
        )
        post = _changed(chained, sound.change, sound)
    boxes = [holder.mailbox for holder in post.holders if holder.mailbox is not None]
    numbers = [holder.number for holder in post.holders if holder.mailbox is not None]
    elsewhere = {archive.mailbox for archive in state.root.document.archive} | {
        holder.mailbox
        for other in state.posts.values()
        if other.post != entry.post
        for holder in other.holders
    }
    if len(set(boxes) - elsewhere) != len(boxes) or len(set(numbers)) != len(numbers):
        raise ChainError("a mailbox or a terminal number that was there before")
    added = (key.id for key in sound.keys.values())
    return replace(
        state,
        posts={**state.posts, entry.post: post},
        owners={**state.owners, **dict.fromkeys(added, entry.post)},
        nonces=state.nonces | {proof.nonce for proof in sound.proofs},
    )


def _changed(post: PostRecord, change: LaterChange, sound: Sound) -> PostRecord:
    match change:
        case AddedTerminals():
            return _with_terminals(post, change, sound)
        case AddedMembers():
            return _joined(post, _new_holders((), change.members, sound))
        case Rotations():
            return _rotated(post, change, sound)
        case ChangedRights():
            return _with_rights(post, change)
        case ChangedDetails():
            return replace(post, details=change.details)
        case Lift():
            return replace(post, lifted=post.lifted | frozenset(change.ends))
        case _:
            return _revoked(post, change.keys, sound.moment)


def _enrolled(before: PostRecord | None, change: Enrolment, sound: Sound) -> PostRecord:
    """All keys are new; a restriction stands on unless the entry lists it."""
    recovery = sound.keys[change.recovery.key]
    post = PostRecord(
        post=sound.entry.post,
        version=sound.entry.version,
        head=sound.digest,
        details=change.details,
        clearance=change.clearance,
        recovery=recovery,
        recoveries=frozenset({recovery.id}),
        holders=_new_holders(change.terminals, change.members, sound),
        lifted=frozenset(change.ends),
    )
    if before is None:
        return post
    ended = _all_ended(before, sound.moment)
    return replace(
        post,
        recoveries=post.recoveries | before.recoveries,
        holders=ended.holders + post.holders,
        lifted=post.lifted | before.lifted,
    )


def _with_terminals(
    post: PostRecord, change: AddedTerminals, sound: Sound
) -> PostRecord:
    """Beside a live terminal the new ones need its word, or wait (section 4)."""
    terminals = {h.current for h in post.live() if h.mailbox is not None}
    added = _new_holders(change.terminals, (), sound)
    if terminals:
        consent = sound.signers & (terminals | {post.recovery.id})
        added = tuple(replace(holder, consent=consent) for holder in added)
    return _joined(post, added)


def _joined(post: PostRecord, holders: tuple[Holder, ...]) -> PostRecord:
    return replace(post, holders=post.holders + holders)


def _rotated(post: PostRecord, change: Rotations, sound: Sound) -> PostRecord:
    for rotation in change.rotations:
        holder = _live_holder(post, rotation.old)
        post = post.with_holder(holder, _with_key(holder, rotation, sound))
    return post


def _with_key(holder: Holder, rotation: Rotation, sound: Sound) -> Holder:
    *older, last = holder.keys
    ended = replace(last, ended=sound.moment.ended("rotated"))
    new = HeldKey(sound.keys[rotation.key], rotation.until)
    return replace(holder, keys=(*older, ended, new))


def _with_rights(post: PostRecord, change: ChangedRights) -> PostRecord:
    for rights in change.rights:
        if rights.key is None:
            post = replace(post, clearance=rights.clearance)
        else:
            holder = _live_holder(post, rights.key)
            post = post.with_holder(holder, _holder_rights(holder, rights))
    return post


def _holder_rights(holder: Holder, rights: Rights) -> Holder:
    return replace(holder, clearance=rights.clearance, may_release=rights.may_release)


def _revoked(post: PostRecord, keys: tuple[KeyId, ...], moment: Moment) -> PostRecord:
    """Named keys end for good; without a name the whole post does."""
    if not keys:
        return replace(_all_ended(post, moment), ended=moment.ended("revoked"))
    for key_id in keys:
        holder = _live_holder(post, key_id)
        gone = replace(holder, ended=moment.ended("revoked"))
        post = post.with_holder(holder, gone)
    return post


def _all_ended(post: PostRecord, moment: Moment) -> PostRecord:
    end = moment.ended("revoked")
    return replace(
        post,
        holders=tuple(
            holder if holder.ended else replace(holder, ended=end)
            for holder in post.holders
        ),
    )


def _live_holder(post: PostRecord, key_id: KeyId) -> Holder:
    holder = post.holder(key_id)
    if holder is None:
        raise ChainError("a key that is not current in this post")
    return holder


def _new_holders(
    terminals: tuple[NewTerminal, ...], members: tuple[NewMember, ...], sound: Sound
) -> tuple[Holder, ...]:
    return (
        *(_terminal(new, sound) for new in terminals),
        *(_member(new, sound) for new in members),
    )


def _terminal(new: NewTerminal, sound: Sound) -> Holder:
    return Holder(
        post=sound.entry.post,
        keys=(HeldKey(sound.keys[new.key], new.until),),
        clearance=new.clearance,
        since=sound.moment,
        number=new.number,
        mailbox=new.mailbox,
    )


def _member(new: NewMember, sound: Sound) -> Holder:
    return Holder(
        post=sound.entry.post,
        keys=(HeldKey(sound.keys[new.key], new.until),),
        clearance=new.clearance,
        since=sound.moment,
        name=new.name,
        may_release=new.may_release,
    )
