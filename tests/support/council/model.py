"""Who may read and speak, by an independent and simple reading of the specification.

Nothing here is the code under test: no bytes, no keys, no signatures, only names and
the test's own book of who signed what (:mod:`tests.support.council.facts`).

Source: docs/spec/root-and-directory.md, sections 2 to 6.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from crypto.types import Digest
from protocol.directory_entry import Action
from tests.support.council.facts import (
    Entry,
    Extension,
    Fact,
    Names,
    NewSeat,
    Restriction,
    Root,
)

UNCONFIRMED = 3  # restrictions that one signer may have standing (the demo policy)
TWO = 2  # operators
HOLDERS = frozenset({"holder/0", "holder/1", "holder/2"})


@dataclass(frozen=True)
class Seat:
    """A terminal or a member: the keys that it had, oldest first."""

    keys: tuple[str, ...]
    rotated: tuple[int, ...]  # where in the log each older key ended
    new: NewSeat
    level: int
    release: int | None
    since: int  # where in the log it was added
    consent: Names | None = None  # None: none needed
    gone: int | None = None  # where in the log it was revoked

    @property
    def current(self) -> str:
        return self.keys[-1]


@dataclass(frozen=True)
class Post:
    """A chain of entries, and what it adds up to."""

    version: int
    head: Digest
    level: int
    paper: str
    papers: Names
    seats: tuple[Seat, ...]
    lifted: frozenset[Digest] = frozenset()
    ended: bool = False

    def live(self) -> tuple[Seat, ...]:
        return tuple(seat for seat in self.seats if seat.gone is None)

    def current(self, key: str) -> Seat | None:
        return next((seat for seat in self.live() if seat.current == key), None)


@dataclass(frozen=True)
class Cut:
    """A restriction that counts."""

    fact: Restriction
    by: Names
    index: int | None  # in the log; None: heard from a witness only


@dataclass(frozen=True)
class Model:
    """What one size of the key log means."""

    root: Root
    extended: bool = False
    posts: Mapping[str, Post] = field(default_factory=dict)
    owner: Mapping[str, str] = field(default_factory=dict)  # every key ever: its post
    nonces: frozenset[bytes] = frozenset()
    cuts: Mapping[Digest, Cut] = field(default_factory=dict)

    # --- looking

    def post_of(self, key: str) -> Post | None:
        return self.posts.get(self.owner.get(key, ""))

    def knows(self, key: str) -> bool:
        """Say whether a signature of this key is looked at."""
        post = self.post_of(key)
        if key in self.root.operators:
            return True
        return post is not None and (post.paper == key or post.current(key) is not None)

    def silent(self, key: str) -> bool:
        """Say whether the log cuts this key's holder to nothing."""
        post = self.post_of(key)
        seat = None if post is None else post.current(key)
        if post is None or seat is None:
            return False
        return any(cut.fact.highest is None for cut in self.against(post, seat))

    def against(
        self, post: Post, seat: Seat, heard: Iterable[Cut] = ()
    ) -> Iterator[Cut]:
        """Yield what stands against a seat."""
        aims = {*seat.keys, *post.papers}
        for cut in (*self.cuts.values(), *heard):
            if cut.fact.target in aims and cut.fact.name not in post.lifted:
                yield cut

    # --- leaves

    def after(self, fact: Fact | None, index: int) -> "Model | None":
        """Return what holds after a leaf at ``index``; None: it counts for nothing."""
        match fact:
            case Entry():
                return self._entry(fact, index)
            case Restriction():
                cut = self.cut(fact, self.cuts, self.cuts.get(fact.name), index)
                if cut is None:
                    return None
                return replace(self, cuts={**self.cuts, fact.name: cut})
            case Root():
                return self._root(fact)
            case Extension():
                enough = len(fact.signers & HOLDERS) >= TWO and not fact.broken
                right = fact.extends == self.root.name and not self.extended
                return replace(self, extended=True) if enough and right else None
            case _:
                return None  # an order, a manifest's name, rubbish: no right changes

    def _root(self, fact: Root) -> "Model | None":
        enough = len(fact.signers & HOLDERS) >= TWO and not fact.broken
        next_one = fact.version == self.root.version + 1 and fact.prev == self.root.name
        if not enough or not next_one or self.owner.keys() & fact.operators:
            return None
        return replace(self, root=fact, extended=False)

    # --- restrictions

    def cut(
        self,
        fact: Restriction,
        standing: Mapping[Digest, Cut],
        before: Cut | None,
        index: int | None,
    ) -> Cut | None:
        """Return the restriction if it counts beside those that stand (RES-1, RES-6).

        Args:
            fact: the restriction.
            standing: every other one.
            before: the same one, as it was told before.
            index: where in the log it is; None: a witness told it.
        """
        if any(self.knows(name) for name in fact.broken):
            return None
        post = self.post_of(fact.target)
        may = set(self.root.operators)
        if post is not None and fact.target not in post.papers:
            may.add(fact.target)
        if post is not None and fact.highest is None:
            may.add(post.paper)
        by = frozenset(who for who in fact.signers & may if self.knows(who))
        if not by or (post is not None and fact.name in post.lifted):
            return None
        if before is not None:
            by, index = by | before.by, before.index
        spent = [
            name
            for name, cut in standing.items()
            if cut.by == by and name != fact.name and self.stands(cut)
        ]
        if len(by) == 1 and len(spent) >= UNCONFIRMED:
            return None
        return Cut(fact, by, index)

    def stands(self, cut: Cut) -> bool:
        """Say whether a restriction still takes a place of its signer's number."""
        post = self.post_of(cut.fact.target)
        if post is None:
            return True
        aims = post.papers.union(*(seat.keys for seat in post.live()))
        return cut.fact.target in aims and cut.fact.name not in post.lifted

    # --- entries

    def _entry(self, fact: Entry, index: int) -> "Model | None":
        if any(self.knows(name) for name in fact.broken):
            return None
        post = self.posts.get(fact.post)
        place = (post.version + 1, post.head) if post else (1, bytes(32))
        if fact.root != self.root.name or (fact.version, fact.prev) != place:
            return None
        if (fact.action is Action.ENROL) is (post is not None):
            return None
        if post is not None and post.ended and fact.action is not Action.RE_ENROL:
            return None
        signers = frozenset(
            name for name in fact.signers if self.knows(name) and not self.silent(name)
        )
        if not self._enough(fact, post, signers) or not self._new(fact):
            return None
        changed = self._changed(fact, post, signers, index)
        if changed is None or not self._apart(fact, changed):
            return None
        return replace(
            self,
            posts={**self.posts, fact.post: changed},
            owner={**self.owner, **dict.fromkeys(fact.brought, fact.post)},
            nonces=self.nonces.union(fact.nonces),
        )

    def _enough(self, fact: Entry, post: Post | None, signers: Names) -> bool:
        if fact.action is Action.REVOKE and post is not None:
            going = set(fact.revoked) or {seat.current for seat in post.live()}
            if going and going <= signers:
                return True
        if len(signers & self.root.operators) < TWO:
            return False
        return {old for old, _ in fact.rotations} <= signers

    def _new(self, fact: Entry) -> bool:
        brought = fact.brought
        taken = self.owner.keys() | self.root.operators | HOLDERS | {"relay"}
        return (
            fact.proven
            and not taken & set(brought)
            and len(set(brought)) == len(brought)
            and not self.nonces & set(fact.nonces)
            and len(set(fact.nonces)) == len(fact.nonces)
        )

    def _apart(self, fact: Entry, post: Post) -> bool:
        """Say whether no number and no mailbox serves for the second time."""
        terminals = [seat.new for seat in post.seats if seat.new.number]
        elsewhere = {
            seat.new.mailbox
            for name, other in self.posts.items()
            if name != fact.post
            for seat in other.seats
            if seat.new.number
        }
        boxes = [new.mailbox for new in terminals]
        numbers = [new.number for new in terminals]
        return (
            len(set(numbers)) == len(numbers)
            and len(set(boxes)) == len(boxes)
            and not elsewhere & set(boxes)
        )

    def _changed(
        self, fact: Entry, post: Post | None, signers: Names, index: int
    ) -> Post | None:
        seats = tuple(
            Seat((new.key,), (), new, new.level, new.release, index)
            for new in fact.seats
        )
        if fact.action in {Action.ENROL, Action.RE_ENROL}:
            return _enrolled(fact, post, seats, index)
        if post is None:
            return None
        post = replace(post, version=fact.version, head=fact.name)
        match fact.action:
            case Action.ADD_TERMINAL:
                live = {seat.current for seat in post.live() if seat.new.number}
                if live:
                    consent = signers & {*live, post.paper}
                    seats = tuple(replace(seat, consent=consent) for seat in seats)
                return replace(post, seats=post.seats + seats)
            case Action.ADD_MEMBER:
                return replace(post, seats=post.seats + seats)
            case Action.ROTATE:
                return _rotated(post, fact, index)
            case Action.SET_RIGHTS:
                return _ranked(post, fact)
            case Action.LIFT:
                return replace(post, lifted=post.lifted | fact.ends)
            case Action.REVOKE:
                return _revoked(post, fact.revoked, index)
            case _:
                return post  # SET_DETAILS


def _enrolled(
    fact: Entry, before: Post | None, seats: tuple[Seat, ...], index: int
) -> Post:
    papers, old, lifted = frozenset({fact.paper}), tuple[Seat, ...](), fact.ends
    if before is not None:
        papers |= before.papers
        old = _gone(before.seats, index)
        lifted |= before.lifted
    level = fact.post_level or 0
    return Post(fact.version, fact.name, level, fact.paper, papers, old + seats, lifted)


def _gone(seats: tuple[Seat, ...], index: int) -> tuple[Seat, ...]:
    return tuple(s if s.gone is not None else replace(s, gone=index) for s in seats)


def _with(post: Post, old: Seat, new: Seat) -> Post:
    return replace(post, seats=tuple(new if s is old else s for s in post.seats))


def _rotated(post: Post, fact: Entry, index: int) -> Post | None:
    for old, new in fact.rotations:
        seat = post.current(old)
        if seat is None:
            return None
        after = replace(seat, keys=(*seat.keys, new), rotated=(*seat.rotated, index))
        post = _with(post, seat, after)
    return post


def _ranked(post: Post, fact: Entry) -> Post | None:
    if fact.post_level is not None:
        post = replace(post, level=fact.post_level)
    for key, level, release in fact.rights:
        seat = post.current(key)
        if seat is None:
            return None
        post = _with(post, seat, replace(seat, level=level, release=release))
    return post


def _revoked(post: Post, keys: tuple[str, ...], index: int) -> Post | None:
    if not keys:
        return replace(post, seats=_gone(post.seats, index), ended=True)
    for key in keys:
        seat = post.current(key)
        if seat is None:
            return None
        post = _with(post, seat, replace(seat, gone=index))
    return post
