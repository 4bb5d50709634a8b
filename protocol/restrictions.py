"""Adopting restrictions, and what they leave of a right.

Logged restrictions and bulletins are kept apart: the first are the same at every
client and may decide whether a later entry counts; the second cut what this client
seals and shows at once, and never make it disagree with others about a chain.

One signer alone may have a few restrictions standing (``policy.unconfirmed``): a
stolen operator key can hinder three keys, and not the ministry.  A second signer, or
the lift, frees the place.

Source: docs/spec/root-and-directory.md section 6.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from msgspec import structs

from crypto.sign import Usage
from crypto.types import Digest, KeyId
from protocol.codec import decode
from protocol.directory_state import Cut, Holder, Moment, PostRecord, State
from protocol.directory_view import Ended
from protocol.errors import BusyError, ChainError, ThresholdError
from protocol.label import Clearance, meet
from protocol.restriction import Restriction
from protocol.signed import Signed, signers


def restrict(state: State, signed: Signed, moment: Moment) -> tuple[State, Cut]:
    """Return the state with a logged restriction.

    Raises:
        MalformedError: not a restriction.
        VerificationError: a signature fails.
        ThresholdError: nobody signed who may.
        ChainError: it was lifted, and is dead.
        BusyError: its only signer has used up the policy's number.
    """
    cut = replace(_verified(state, signed), index=moment.index, since=moment.after)
    known = state.restrictions.get(cut.digest, cut)
    cut = replace(known, by=known.by | cut.by)
    _within_budget(state, cut, state.restrictions.values())
    return replace(state, restrictions=_with(state, state.restrictions, cut)), cut


def restrict_by_bulletin(state: State, signed: Signed, witnessed: int) -> State:
    """Return the state with a restriction that a witness told, first seen now.

    Raises:
        as :func:`restrict`.
    """
    cut = replace(_verified(state, signed), since=witnessed)
    known = state.bulletins.get(cut.digest, cut)
    cut = replace(known, by=known.by | cut.by)
    everywhere = {**state.bulletins, **state.restrictions}
    _within_budget(state, cut, everywhere.values())
    return replace(state, bulletins=_with(state, state.bulletins, cut))


def recall_bulletin(
    state: State, signed: Signed, by: frozenset[KeyId], since: int
) -> State:
    """Return the state with a bulletin that counted before, and was kept.

    Raises:
        MalformedError: not a restriction.
    """
    restriction = decode(signed.document, Restriction)
    cut = Cut(restriction, signed.digest, by, index=None, since=since)
    known = state.bulletins.get(cut.digest, cut)
    cut = replace(known, by=known.by | by)
    return replace(state, bulletins=_with(state, state.bulletins, cut))


def post_cuts(state: State, post: PostRecord) -> Iterator[Cut]:
    """Yield what stands against the whole post: restrictions of its paper key."""
    return _cuts(state, post, post.recoveries)


def cuts(state: State, post: PostRecord, holder: Holder) -> Iterator[Cut]:
    """Yield what stands against a holder: its lineage, or its whole post."""
    return _cuts(state, post, holder.lineage() | post.recoveries)


def _cuts(state: State, post: PostRecord, targets: frozenset[KeyId]) -> Iterator[Cut]:
    for found in (state.restrictions, state.bulletins):
        for cut in found.values():
            if cut.restriction.key in targets and cut.digest not in post.lifted:
                yield cut


def suspended_in_log(state: State, post: PostRecord, holder: Holder) -> bool:
    """Tell whether the log, as every client has it, cuts the holder to nothing."""
    return any(
        cut.restriction.highest is None and cut.index is not None
        for cut in cuts(state, post, holder)
    )


def suspension(state: State, post: PostRecord, holder: Holder) -> Ended | None:
    """Return the earliest end by a restriction to nothing, or None."""
    return _suspension(cuts(state, post, holder))


def post_suspension(state: State, post: PostRecord) -> Ended | None:
    """Return the earliest suspension of the whole post, or None."""
    return _suspension(post_cuts(state, post))


def _suspension(standing: Iterable[Cut]) -> Ended | None:
    ends = [
        Ended("restricted", cut.index, cut.since)
        for cut in standing
        if cut.restriction.highest is None
    ]
    return min(ends, key=lambda end: end.witnessed, default=None)


def effective(state: State, post: PostRecord, holder: Holder) -> Clearance:
    """Return the holder's clearance, within its post's, after every cut."""
    clearance = meet(holder.clearance, post.clearance)
    return _lowered(clearance, cuts(state, post, holder))


def post_clearance(state: State, post: PostRecord) -> Clearance:
    """Return the post's clearance after every cut of the whole post."""
    return _lowered(post.clearance, post_cuts(state, post))


def _lowered(clearance: Clearance, standing: Iterable[Cut]) -> Clearance:
    for cut in standing:
        if cut.restriction.highest is not None:
            level = min(clearance.level, cut.restriction.highest)
            clearance = structs.replace(clearance, level=level)
    return clearance


def _with(state: State, found: Mapping[Digest, Cut], cut: Cut) -> Mapping[Digest, Cut]:
    """Return the cuts with one more, and without those that were lifted."""
    kept = {digest: old for digest, old in found.items() if not _lifted(state, old)}
    return {**kept, cut.digest: cut}


def _lifted(state: State, cut: Cut) -> bool:
    post = state.owner(cut.restriction.key)
    return post is not None and cut.digest in post.lifted


def _verified(state: State, signed: Signed) -> Cut:
    known = {line.key: state.known(line.key) for line in signed.signatures}
    keys = {key_id: key for key_id, key in known.items() if key is not None}
    who = signers(signed, keys, usage=Usage.SUSPEND, realm=state.root.realm)
    restriction = decode(signed.document, Restriction)
    post = state.owner(restriction.key)
    by = who & _permitted(state, restriction, post)
    if not by:
        raise ThresholdError(
            valid=0, required=1, missing=frozenset(state.root.operators)
        )
    if post is not None and signed.digest in post.lifted:
        raise ChainError("a restriction that was lifted")
    return Cut(restriction, signed.digest, by, index=None, since=0)


def _permitted(
    state: State, restriction: Restriction, post: PostRecord | None
) -> frozenset[KeyId]:
    """Return who may restrict so: any operator, the key itself, the paper key."""
    permitted = set(state.root.operators)
    if post is not None:
        if restriction.key not in post.recoveries:
            permitted.add(restriction.key)
        if restriction.highest is None:
            permitted.add(post.recovery.id)
    return frozenset(permitted)


def spent_by(state: State, signer: KeyId) -> tuple[Cut, ...]:
    """Return the restrictions that stand by one signer alone (RES-6)."""
    everywhere = {**state.bulletins, **state.restrictions}
    return _alone(state, frozenset({signer}), everywhere.values())


def _within_budget(state: State, cut: Cut, standing: Iterable[Cut]) -> None:
    if len(cut.by) > 1:
        return
    spent = [
        other for other in _alone(state, cut.by, standing) if other.digest != cut.digest
    ]
    if len(spent) >= state.root.document.policy.unconfirmed:
        raise BusyError


def _alone(
    state: State, by: frozenset[KeyId], standing: Iterable[Cut]
) -> tuple[Cut, ...]:
    return tuple(cut for cut in standing if cut.by == by and _stands(state, cut))


def _stands(state: State, cut: Cut) -> bool:
    """Tell whether a restriction still cuts something, or may come to."""
    post = state.owner(cut.restriction.key)
    if post is None:
        return True
    targets = post.recoveries.union(*(holder.lineage() for holder in post.live()))
    return cut.restriction.key in targets and not _lifted(state, cut)
