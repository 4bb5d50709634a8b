"""The last fault is over: honest operators, posts and witnesses must be able to go on.

Whatever was signed, logged, stolen or lost before: two honest operators and two root
holders make the ministry work again, with a new root and new keys for each post, and
every post writes to another one and is read.
"""

from collections.abc import Sequence
from dataclasses import replace

from crypto.types import Digest
from protocol.directory_entry import MAX_KEYS, Action
from protocol.requests import LogName
from tests.support.council.checks import require
from tests.support.council.clerk import Paper
from tests.support.council.council import Council
from tests.support.council.facts import Restriction
from tests.support.council.terminal import CouncilTerminal
from tests.support.council.wish import ANNA, BRAM, Wish, enrolment

NEW = "operator/dora"
LAST = 255  # the highest number of a terminal


def settled(council: Council) -> None:
    """Heal a council, and require that its people can go on.

    Raises:
        BrokenError: somebody honest is locked out.
    """
    _healed(council)
    _renewed(council)
    posts = sorted(council.model.posts)
    for post in posts:
        _enrolled(council, post)
    council.check()
    council.publish()
    fresh = [council.open(council.seats(post, terminals=True)[0]) for post in posts]
    _followed(council, fresh)
    council.publish()  # the manifests of those who are new
    _followed(council, fresh)
    _written(council, fresh)
    council.check()


def _healed(council: Council) -> None:
    council.relay.mortal.spare()
    for booth in council.booths.values():
        booth.deaf, booth.clock.skew = False, 0
    for terminal in council.terminals.values():
        council.hang_up(terminal)
    council.terminals.clear()


def _append(council: Council, paper: Paper, what: str) -> None:
    council.loop.pass_time(1.0)
    council.relay.append(paper.leaf)
    size = len(council.log)
    council.follow()
    require(council.models[-1] is not council.models[size], f"{what} does not count")


def _renewed(council: Council) -> None:
    """Let two holders replace the operator whom nobody trusts any more."""
    before = council.relay.parts.relay.directory.root
    holders: Sequence[str] = ("holder/0", "holder/1")
    now, names = council.clock.wall(), (ANNA, BRAM, NEW)
    document = council.clerk.successor(before, names, now)
    paper = council.clerk.root(document, names, holders)
    _append(council, paper, "the next root document")


def _enrolled(council: Council, post: str) -> None:
    """Let two operators give a post all keys anew, and end what hindered it."""
    found = council.model.posts[post]
    number = 1 + max(seat.new.number for seat in found.seats)
    ends = _against(council, post)
    wish = enrolment(council.clerk.fresh, post, number, Action.RE_ENROL)
    _signed(council, replace(wish, ends=ends[:MAX_KEYS]))
    for start in range(MAX_KEYS, len(ends), MAX_KEYS):
        more = ends[start : start + MAX_KEYS]
        _signed(council, Wish(Action.LIFT, post, ends=more))


def _signed(council: Council, wish: Wish) -> None:
    now, clerk = council.clock.wall(), council.clerk
    paper = clerk.entry(council.model, wish, (ANNA, BRAM), now)
    _append(council, paper, f"{wish.action.name} of {wish.post}")


def _against(council: Council, post: str) -> tuple[Digest, ...]:
    """Return every restriction of a key of the post that anybody ever signed."""
    return tuple(
        {
            fact.name: None
            for fact in council.clerk.book.by_leaf.values()
            if isinstance(fact, Restriction)
            and council.model.owner.get(fact.target) == post
        }
    )


def _followed(council: Council, terminals: Sequence[CouncilTerminal]) -> None:
    published = council.relay.parts.relay.logs.published(LogName.KEY)
    for terminal in terminals:
        require(council.synchronise(terminal), "an honest terminal is turned away")
        size = 0 if terminal.directory is None else terminal.directory.size
        require(size >= published, "an honest terminal is left behind")


def _written(council: Council, terminals: Sequence[CouncilTerminal]) -> None:
    for number, terminal in enumerate(terminals):
        to = terminals[(number + 1) % len(terminals)]
        composed = terminal.write(to.post, "Wij zijn er weer.")
        council.publish()
        council.fetch(to)
        names = [row.name for row in to.inbox()]
        require(
            composed is not None and composed.name in names,
            f"{to.post} does not get what {terminal.post} wrote",
        )
