"""What a document would change, and for whom: the directory before and after it.

The directory after is made by the rules that adopt an entry or a restriction
(:mod:`protocol.directory_changes`, :mod:`protocol.restrictions`), from the bytes that
would be signed; then both are compared.  So what is shown is what would happen at every
client, and a change that has no place any more is refused before anybody signs it.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import zip_longest

from client.core.proposals import hindrance
from client.harmless import harmless
from client.home import HomeError
from client.operator.showing import NONE, Sentence, cleared, level_name, short_id
from client.present import iso
from crypto.digest import H
from crypto.types import KeyId
from protocol.bodies import Subject
from protocol.codec import decode
from protocol.directory_adopt import new_keys, position
from protocol.directory_changes import Sound, apply
from protocol.directory_entry import DirectoryEntry, change_of
from protocol.directory_state import Cut, Holder, Moment, PostRecord, State
from protocol.errors import ProtocolError
from protocol.label import Level
from protocol.restriction import Restriction, ZeroiseOrder
from protocol.restrictions import effective, post_clearance, suspension

PREVIEW = Moment(index=0, after=0, witnessed=0)


def require_next(state: State, document: bytes, now: int) -> DirectoryEntry:
    """Return the entry if it is what may come next at its post.

    Raises:
        HomeError: it has expired, was made under another root document, or its place
            has been taken since.
    """
    entry = _read_entry(document)
    reason = hindrance(state, entry, now)
    if reason is not None:
        raise HomeError(
            f"operator.{reason}",
            post=entry.post,
            version=entry.version,
            next=position(state, entry.post)[0],
        )
    return entry


def effects(state: State, document: bytes, subject: Subject) -> list[Sentence]:
    """Return what ``document`` would change in ``state``, a sentence each.

    Raises:
        HomeError: not a document of this kind, or it would change nothing.
    """
    try:
        match subject:
            case Subject.DIRECTORY_ENTRY:
                entry = _read_entry(document)
                after = _entered(state, entry)
                before, record = state.posts.get(entry.post), after.posts[entry.post]
                found = [*_post(state, after, before, record)]
            case Subject.RESTRICTION:
                found = [*_restricted(state, document)]
            case _:
                key = decode(document, ZeroiseOrder).key
                found = [("effect.zeroise", whom(state, key))]
    except ProtocolError:
        raise HomeError("operator.no-effect", post=NONE) from None
    return found or [("effect.nothing", {})]


def whom(state: State, key: KeyId) -> dict[str, object]:
    """Return whose key this is: post, and who of it."""
    post = state.owner(key)
    if post is None:
        return {"post": NONE, "who": short_id(key)}
    if key in post.recoveries:
        return {"post": post.post, "who": post.post}
    holder = next(h for h in post.holders if key in h.lineage())
    return {"post": post.post, "who": _who(holder)}


def _read_entry(document: bytes) -> DirectoryEntry:
    try:
        return decode(document, DirectoryEntry)
    except ProtocolError:
        raise HomeError("operator.not-shown", what="?") from None


def _entered(state: State, entry: DirectoryEntry) -> State:
    """Return the state as if the entry had every signature that it needs."""
    change = change_of(entry)
    brought = [*new_keys(change)]
    sound = Sound(
        entry=entry,
        change=change,
        digest=entry.prev,
        moment=PREVIEW,
        keys={new.key: new.key.parsed() for new in brought},
        proofs=[new.proof for new in brought],
        signers=frozenset(),
    )
    return apply(state, sound)


def _restricted(state: State, document: bytes) -> Iterator[Sentence]:
    restriction = decode(document, Restriction)
    cut = Cut(restriction, H(document), frozenset(), index=None, since=0)
    after = replace(state, bulletins={**state.bulletins, cut.digest: cut})
    post = state.owner(restriction.key)
    if post is not None:
        yield from _post(state, after, post, after.posts[post.post])


def _post(
    old: State, new: State, before: PostRecord | None, after: PostRecord
) -> Iterator[Sentence]:
    """Yield what differs between two states of one post."""
    if before is not None:
        yield from _named(before, after)
        rights = (
            cleared(post_clearance(old, before)),
            cleared(post_clearance(new, after)),
        )
        if rights[0] != rights[1]:
            yield (
                "effect.post-rights",
                {"post": after.post, "before": rights[0], "after": rights[1]},
            )
        if after.ended and not before.ended:
            yield "effect.post-ends", {"post": after.post}
    held = () if before is None else before.holders
    for one, other in zip_longest(held, after.holders):
        yield from _holder(
            None if one is None or before is None else _Seen(old, before, one),
            _Seen(new, after, other),
        )


def _named(before: PostRecord, after: PostRecord) -> Iterator[Sentence]:
    if before.details == after.details:
        return
    names = [
        f"{harmless(of.details.name_nl)} / {harmless(of.details.name_en)}"
        f" ({', '.join(of.details.collectives) or NONE})"
        for of in (before, after)
    ]
    yield (
        "effect.names",
        {"post": after.post, "before": names[0], "after": names[1]},
    )


class _Seen:
    """A holder as one state has it."""

    def __init__(self, state: State, post: PostRecord, holder: Holder) -> None:
        self.holder = holder
        self.ended = holder.ended is not None
        self.suspended = suspension(state, post, holder) is not None
        release = holder.may_release
        clearance = effective(state, post, holder)
        self.rights = cleared(clearance)
        if holder.mailbox is None:
            may = None if release is None else Level(min(release, clearance.level))
            self.rights += f" ({level_name(may)})"


def _holder(before: _Seen | None, after: _Seen) -> Iterator[Sentence]:
    parts: dict[str, object] = {"who": _who(after.holder)}
    if before is None:
        yield "effect.new", parts | {"after": after.rights}
        return
    if before.ended:
        return
    if after.ended:
        yield "effect.ends", parts | {"before": before.rights}
        return
    old, new = before.holder.keys[-1], after.holder.keys[-1]
    if old.key.id != new.key.id:
        yield (
            "effect.key",
            parts
            | {
                "before": short_id(old.key.id),
                "after": short_id(new.key.id),
                "until": iso(new.until),
            },
        )
    if after.suspended and not before.suspended:
        yield "effect.suspended", parts | {"before": before.rights}
    elif before.suspended and not after.suspended:
        yield "effect.again", parts | {"after": after.rights}
    elif before.rights != after.rights:
        yield "effect.rights", parts | {"before": before.rights, "after": after.rights}


def _who(holder: Holder) -> str:
    """Return how people call a holder within its post: a number or a name."""
    name = harmless(holder.name) if holder.mailbox is None else str(holder.number)
    return f"{name} [{short_id(holder.current)}]"
