"""One door to the directory: leaves of the key log, in order, under a checkpoint.

::

    directory, outcomes = found_directory(leaves, pin, realm, checkpoint)
    directory, outcomes = directory.adopt(more_leaves, checkpoint)
    view = directory.view(witnessed)               # a DirectoryView

The checkpoint is one that :mod:`protocol.trusted_log` trusts: its witnesses saw this
size and this root at this time.  All leaves up to it are needed and must give its
root, or nothing is adopted.  Then each leaf counts or is refused by itself: what is
refused keeps its place in the log and changes nothing, so that one poisoned entry
blocks no other.  :attr:`Adopted` and :class:`Refused` say which.

The relay, which makes the log, asks :meth:`TrustedDirectory.check` before it appends.

Source: docs/spec/root-and-directory.md section 5.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from crypto.merkle import Frontier
from crypto.sign import Realm
from crypto.types import Digest, KeyId
from protocol.codec import decode
from protocol.directory_adopt import adopt_entry
from protocol.directory_entry import Action
from protocol.directory_snapshot import Snapshot
from protocol.directory_state import Adopted, Moment, Notice, State
from protocol.errors import (
    ChainError,
    ProtocolError,
    RollbackError,
    SplitViewError,
    VerificationError,
)
from protocol.key_log_entry import (
    LeafKind,
    ManifestNotice,
    read_leaf,
    read_signed,
)
from protocol.limits import MAX_MANIFEST_STEP
from protocol.restrictions import (
    recall_bulletin,
    restrict,
    restrict_by_bulletin,
    suspended_in_log,
)
from protocol.root_chain import first_root
from protocol.signed import Signed
from protocol.trusted_root import TrustedRoot, extend, follow, found
from protocol.zeroising import is_order, zeroise, zeroise_order


@dataclass(frozen=True, slots=True)
class Witnessed:
    """A checkpoint of the key log that the witness quorum cosigned."""

    size: int
    root: Digest
    time: int  # W, POSIX seconds


@dataclass(frozen=True, slots=True)
class Refused:
    """One leaf that counts for nothing, and why."""

    index: int
    error: ProtocolError


Outcome = Adopted | Refused

# What others may change about a post without an alarm: it touches no key.
TOLD_ONLY: Final = frozenset({Action.SET_RIGHTS, Action.SET_DETAILS, Action.LIFT})


@dataclass(frozen=True, slots=True)
class TrustedDirectory:
    """What this client believes; :meth:`adopt` gives the next one."""

    state: State
    tree: Frontier
    witnessed: int  # POSIX seconds: the latest time this size was witnessed

    @property
    def root(self) -> TrustedRoot:
        """The root document in force at this position."""
        return self.state.root

    @property
    def size(self) -> int:
        """Leaves of the key log that were looked at."""
        return self.tree.size

    def adopt(
        self, leaves: Sequence[bytes], checkpoint: Witnessed
    ) -> tuple["TrustedDirectory", tuple[Outcome, ...]]:
        """Return the directory at ``checkpoint``, and what became of each leaf.

        Args:
            leaves: all from :attr:`size` up to the checkpoint's size; none if only
                its time is newer.
            checkpoint: verified, with witness quorum.

        Raises:
            RollbackError: a checkpoint that is smaller or older.
            ChainError: leaves are missing, or are too many.
            SplitViewError: the leaves do not give the checkpoint's root.
        """
        if checkpoint.size < self.size or checkpoint.time < self.witnessed:
            raise RollbackError("a checkpoint that is smaller or older")
        if checkpoint.size != self.size + len(leaves):
            raise ChainError("not the leaves up to the checkpoint")
        tree = _grown(self.tree, leaves)
        if tree.root() != checkpoint.root:
            raise SplitViewError("the leaves of another tree")
        state = self.state
        outcomes: list[Outcome] = []
        for index, leaf in enumerate(leaves, start=self.size):
            moment = Moment(index, after=self.witnessed, witnessed=checkpoint.time)
            try:
                state, adopted = adopt_leaf(state, leaf, moment)
            except ProtocolError as error:
                outcomes.append(Refused(index, error))
            else:
                outcomes.append(adopted)
        return TrustedDirectory(state, tree, checkpoint.time), tuple(outcomes)

    def check(self, leaf: bytes) -> Adopted:
        """Return what ``leaf`` would be as the next one: for whoever logs it.

        Raises:
            ProtocolError: it would count for nothing.
        """
        moment = Moment(self.size, after=self.witnessed, witnessed=self.witnessed)
        return adopt_leaf(self.state, leaf, moment)[1]

    def bulletin(self, signed: Signed, since: int | None = None) -> "TrustedDirectory":
        """Return the directory with a restriction, or an order, that a witness told.

        Args:
            signed: the bulletin.
            since: witnessed time when we first heard it, by default now.

        Raises:
            ProtocolError: as :func:`protocol.restrictions.restrict`, or as
                :func:`protocol.zeroising.zeroise_order` of an order.
        """
        first = self.witnessed if since is None else since
        if is_order(signed):
            order, _ = zeroise_order(self.state.root, signed)
            state = zeroise(self.state, order)
        else:
            state = restrict_by_bulletin(self.state, signed, first)
        return replace(self, state=state)

    def recalled(
        self, signed: Signed, by: frozenset[KeyId], since: int
    ) -> "TrustedDirectory":
        """Return the directory with a bulletin that counted before a restart.

        Args:
            signed: the bulletin, from our own vault, where it was verified.
            by: those who had signed it and had the right to.
            since: witnessed time when we first heard it.

        Raises:
            MalformedError: not a restriction.
        """
        return replace(self, state=recall_bulletin(self.state, signed, by, since))

    def view(self, witnessed: int | None = None) -> Snapshot:
        """Return the effective rights at a witnessed time, by default the last."""
        time = self.witnessed if witnessed is None else witnessed
        return Snapshot(self.state, (self.size, self.tree.root()), time)


def found_directory(
    leaves: Sequence[bytes], *, pin: Digest, realm: Realm, checkpoint: Witnessed
) -> tuple[TrustedDirectory, tuple[Outcome, ...]]:
    """Return the first directory: the whole key log, under the hash on paper.

    Args:
        leaves: from position 0; the first is root document version 1.
        pin: H of any root document of the chain, from paper: each names the one
            before, so one pins them all.
        realm: of this client; never taken from the document.
        checkpoint: verified with the witnesses that the pinned root names.

    Raises:
        MalformedError: no root document at position 0.
        VerificationError: a root that does not hold, or a chain without the pin.
        ChainError, SplitViewError: as :meth:`TrustedDirectory.adopt`.
    """
    signed = first_root(leaves)
    root = found(signed, realm=realm)
    first = TrustedDirectory(State(root=root), _grown(Frontier(), leaves[:1]), 0)
    directory, outcomes = first.adopt(leaves[1:], checkpoint)
    if pin not in directory.root.past:
        raise VerificationError("not the root document on paper")
    founding = Adopted(0, LeafKind.ROOT, signed.digest)
    return directory, (founding, *outcomes)


def adopt_leaf(state: State, leaf: bytes, moment: Moment) -> tuple[State, Adopted]:
    """Return the state with one leaf.

    Raises:
        ProtocolError: it counts for nothing.
    """
    entry = read_leaf(leaf)
    if entry.kind is LeafKind.MANIFEST:
        return _noticed(state, decode(entry.body, ManifestNotice), moment)
    signed = read_signed(entry.body)
    match entry.kind:
        case LeafKind.DIRECTORY:
            return adopt_entry(state, signed, moment)
        case LeafKind.RESTRICTION:
            return _restricted(state, signed, moment)
        case LeafKind.ROOT:
            state = _with_root(state, follow(state.root, signed))
        case LeafKind.EXTENSION:
            state = replace(state, root=extend(state.root, signed))
        case _:
            return _ordered(state, signed, moment)
    return state, Adopted(moment.index, entry.kind, signed.digest)


def _grown(tree: Frontier, leaves: Iterable[bytes]) -> Frontier:
    for leaf in leaves:
        tree = tree.append(leaf)
    return tree


def _with_root(state: State, root: TrustedRoot) -> State:
    """Return the state under the next root: its keys belong to no post (NAME-5)."""
    relay = root.document.relay.key.parsed().id
    if state.owners.keys() & {relay, *root.holders, *root.operators}:
        raise VerificationError("a key of a post in the root document")
    return replace(state, root=root)


def _noticed(
    state: State, notice: ManifestNotice, moment: Moment
) -> tuple[State, Adopted]:
    """Note the name of a manifest; a suspended terminal makes none that counts.

    Numbers rise in the log itself, so that no relay names an old manifest again, not
    even to a client that never saw the newer one.  They rise in bounded steps, so that
    no invented number leaves the terminal without one above it.
    """
    post = state.owner(notice.terminal)
    holder = None if post is None else post.holder(notice.terminal)
    if post is None or holder is None or holder.mailbox is None:
        raise ChainError("a manifest of no current terminal")
    if suspended_in_log(state, post, holder):
        raise ChainError("a manifest under a suspension")
    last = state.notices.get(notice.terminal)
    number = 0 if last is None else last.notice.number
    if not number < notice.number <= number + MAX_MANIFEST_STEP:
        raise RollbackError("a manifest whose number does not follow")
    named = Notice(moment.index, notice)
    return replace(state, notices={**state.notices, notice.terminal: named}), Adopted(
        index=moment.index,
        kind=LeafKind.MANIFEST,
        digest=notice.manifest,
        post=post.post,
        keys=frozenset({notice.terminal}),
    )


def _restricted(state: State, signed: Signed, moment: Moment) -> tuple[State, Adopted]:
    state, cut = restrict(state, signed, moment)
    post = state.owner(cut.restriction.key)
    return state, Adopted(
        index=moment.index,
        kind=LeafKind.RESTRICTION,
        digest=cut.digest,
        signers=cut.by,
        post=None if post is None else post.post,
        keys=frozenset({cut.restriction.key}),
    )


def _ordered(state: State, signed: Signed, moment: Moment) -> tuple[State, Adopted]:
    order, who = zeroise_order(state.root, signed)
    post = state.owner(order.key)
    return zeroise(state, order), Adopted(
        index=moment.index,
        kind=LeafKind.ZEROISE,
        digest=signed.digest,
        signers=who,
        post=None if post is None else post.post,
        keys=frozenset({order.key}),
    )


def about(
    outcomes: Iterable[Outcome], *, post: str, keys: frozenset[KeyId]
) -> tuple[Adopted, ...]:
    """Return every adopted leaf that is about ``post`` or about one of ``keys``."""
    return tuple(
        outcome
        for outcome in outcomes
        if isinstance(outcome, Adopted)
        and (outcome.post == post or outcome.keys & keys)
    )


def alarms(
    entries: Iterable[Adopted], *, keys: frozenset[KeyId], manifests: frozenset[Digest]
) -> tuple[Adopted, ...]:
    """Return those of the entries about us that changed keys without our signature.

    Args:
        entries: what :func:`about` returned.
        keys: key ids of our own terminals and of our paper key.
        manifests: H of each manifest that our terminals made.
    """
    return tuple(
        entry
        for entry in entries
        if entry.action not in TOLD_ONLY
        and not entry.signers & keys
        and entry.digest not in manifests
    )
