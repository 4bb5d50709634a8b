"""Commands of operators, root holders and posts with their keys; honest ones and not.

An honest operator signs what the tool shows, and only that: signatures over something
else are a document's *fault* (:mod:`tests.support.council.clerk`).
"""

from collections.abc import Sequence
from dataclasses import replace

from crypto.types import Digest
from protocol.directory_entry import Action
from protocol.errors import ProtocolError
from protocol.label import Level
from tests.support.council.checks import require
from tests.support.council.clerk import FAULTS, Paper
from tests.support.council.council import Council
from tests.support.council.facts import Entry, Fact, NewSeat, Zeroise
from tests.support.council.model import TWO, Model, Seat
from tests.support.council.relay import Append, RelayDiedError
from tests.support.council.wish import ANNA, BRAM, CHRIS, Wish, enrolment, new_terminal

STRANGER = "stranger/1"
# Most of the time enough, so that histories get somewhere.
SIGNERS: tuple[tuple[str, ...], ...] = (
    (ANNA, BRAM),
    (ANNA, BRAM),
    (ANNA, BRAM),
    (BRAM, ANNA),
    (ANNA, CHRIS),
    (ANNA, BRAM, CHRIS),
    (CHRIS,),
    (CHRIS, CHRIS),
    (CHRIS, STRANGER),
    (BRAM,),
    (ANNA, ANNA),
    (),
)
NEW_POSTS = ("lima", "nuuk")
CONSENT = ("nobody", "terminal", "paper", "terminal")


class Operators:
    """Acts upon a council."""

    def __init__(self, council: Council) -> None:
        self._council = council
        self.commands = 0

    # --- entries

    def change(  # noqa: PLR0913, PLR0917 -- a command is a row of small numbers
        self,
        action: int,
        post: int,
        pick: int,
        level: int,
        signers: int,
        fault: int,
        how: int,
    ) -> None:
        """Sign a directory entry, and bring it to the relay."""
        council = self._council
        names = sorted(council.model.posts)
        if Action(action) is Action.ENROL and post % 4:  # else: one that is there
            names = [name for name in NEW_POSTS if name not in names] or names
        wish = self._wish(Action(action), names[post % len(names)], pick, level)
        by = [*SIGNERS[signers % len(SIGNERS)], *self._also(wish, pick)]
        wrong = FAULTS[fault] if fault < len(FAULTS) else ""
        now = council.clock.wall()
        paper = council.clerk.entry(council.model, wish, by, now, wrong)
        council.sometimes[f"{wish.action.name} signed"] += 1
        if wrong:
            council.sometimes[f"fault {wrong}"] += 1
        self._bring(paper, how)

    def _wish(self, action: Action, post: str, pick: int, level: int) -> Wish:
        council = self._council
        clerk, found = council.clerk, council.model.posts.get(post)
        numbers = [0] if found is None else [s.new.number for s in found.seats]
        number = max(numbers) + (pick % 8 != 7)  # else: one that was there
        terminals = council.seats(post, terminals=True)
        members = council.seats(post, terminals=False)
        everybody = [*terminals, *members]
        wish = Wish(action=action, post=post)
        match action:
            case Action.ENROL | Action.RE_ENROL:
                wish = enrolment(clerk.fresh, post, max(number, 1), action)
                return replace(wish, ends=self._standing(pick % 3))
            case Action.ADD_TERMINAL:
                return replace(
                    wish, seats=(new_terminal(clerk.fresh, post, number or 1),)
                )
            case Action.ADD_MEMBER:
                key = self._key_again(pick) or clerk.fresh(post)
                seat = NewSeat(key, level, release=int(Level.DEP_V))
                return replace(wish, seats=(seat,))
            case Action.ROTATE:
                seats = self._some(everybody, pick)
                pairs = [(seat.current, clerk.fresh(post)) for seat in seats]
                return replace(wish, rotations=tuple(pairs) or ((STRANGER, STRANGER),))
            case Action.SET_RIGHTS if pick % 3 and everybody:
                key = everybody[pick % len(everybody)].current
                return replace(wish, rights=((key, level, min(level, 1)),))
            case Action.SET_RIGHTS:
                return replace(wish, post_level=level)
            case Action.LIFT:
                ends = self._standing(1 + pick % 3)
                return replace(wish, ends=ends or (Digest(bytes(32)),))
            case Action.REVOKE:
                seats = self._some(everybody, pick)
                keys = tuple(seat.current for seat in seats)
                return replace(wish, revoked=keys if pick % 4 else ())
            case _:
                return wish

    def _key_again(self, pick: int) -> str | None:
        """Return a key that had a place before, now and then."""
        if pick % 6 != 5:
            return None
        used = sorted(self._council.model.owner)
        return used[pick % len(used)]

    def _some(self, seats: Sequence[Seat], pick: int) -> Sequence[Seat]:
        if not seats:
            return ()
        first = pick % len(seats)
        return seats[first : first + 1 + (pick % 5 == 0)]

    def _standing(self, most: int) -> tuple[Digest, ...]:
        return tuple(self._council.model.cuts)[-most:] if most else ()

    def _also(self, wish: Wish, pick: int) -> list[str]:
        """Return who of the post signs too."""
        post = self._council.model.posts.get(wish.post)
        match wish.action:
            case Action.ROTATE if pick % 6:
                return [old for old, _ in wish.rotations]
            case Action.REVOKE if pick % 3 == 0:
                return list(wish.revoked)
            case Action.ADD_TERMINAL if post is not None:
                live = self._council.seats(wish.post, terminals=True)
                consent = CONSENT[pick % len(CONSENT)]
                if consent == "paper":
                    return [post.paper]
                if consent == "terminal" and live:
                    return [live[0].current]
        return []

    # --- restrictions, orders, roots

    def restrict(
        self, target: int, signer: int, level: int, how: int, fault: int
    ) -> None:
        """Sign a restriction; bring it to the relay, to the witnesses, or to both."""
        council = self._council
        model, clerk = council.model, council.clerk
        keys = sorted(model.owner)
        aim = keys[target % len(keys)]
        post = model.post_of(aim)
        own = [aim] if post is None else [aim, post.paper]
        by = [(ANNA,), (BRAM,), (CHRIS,), own[:1], own[-1:], (STRANGER,), (ANNA, CHRIS)]
        highest = Level(level) if level < len(Level) else None
        wrong = ("transplant", "realm")[fault] if fault < 2 else ""
        signers = by[signer % len(by)]
        now = council.clock.wall()
        paper = clerk.restriction(aim, highest, signers, now, wrong)
        council.sometimes["restriction signed"] += 1
        if how != 1:
            self._bring(paper, how)
        if how in {1, 2, 3}:
            self.commands += how == 1
            council.drawer.append(paper)
            self._post(paper)

    def _post(self, paper: Paper) -> None:
        """Post a bulletin at every witness that can be reached."""
        council = self._council
        for booth in council.booths.values():
            if booth.deaf:
                continue
            task = council.loop.spawn(booth.process, booth.post(paper.bulletin))
            council.loop.run(task.done, 60.0)
            council.sometimes["bulletin posted"] += bool(task.result())

    def told(self, paper: Paper, *, bulletin: bool = False) -> None:
        """Bring a document to an honest relay, or post it at the witnesses."""
        if bulletin:
            self.commands += 1
            self._council.drawer.append(paper)
            self._post(paper)
        else:
            self._bring(paper, Append.HONEST.value)

    def zeroise(self, target: int, signers: int, how: int) -> None:
        """Order a vault to be destroyed."""
        council = self._council
        keys = sorted(council.model.owner)
        by = SIGNERS[signers % len(SIGNERS)]
        now = council.clock.wall()
        self._bring(council.clerk.zeroise(keys[target % len(keys)], by, now), how)

    def root(self, who: int, holders: int, jump: int, how: int) -> None:
        """Sign the next root document, or one that jumps."""
        council = self._council
        by = [f"holder/{n}" for n in range(holders % 4)]
        council.clerk.drawn += 1
        others = (CHRIS, f"operator/{council.clerk.drawn}")
        operators = (ANNA, BRAM, others[who % 2])
        self._bring(self._root(operators, by, 1 + jump), how)

    def _root(self, operators: Sequence[str], by: Sequence[str], step: int) -> Paper:
        council, now = self._council, self._council.clock.wall()
        before = council.relay.parts.relay.directory.root
        document = council.clerk.successor(before, operators, now, step)
        paper = council.clerk.root(document, operators, by)
        council.sometimes["root document signed"] += 1
        return paper

    def extend(self, holders: int, how: int) -> None:
        """Sign an emergency extension."""
        by = [f"holder/{n}" for n in range(holders % 4)]
        name = self._council.model.root.name
        self._bring(self._council.clerk.extension(name, by), how)

    # --- to the relay

    def again(self, which: int, how: int) -> None:
        """Bring a document that was brought before, or never."""
        drawer = self._council.drawer
        if drawer:
            self._bring(drawer[which % len(drawer)], how, new=False)
            self._council.sometimes["brought again"] += 1

    def shuffle(self, start: int, step: int) -> None:
        """Let the relay log what lies about, in an order of its own."""
        council = self._council
        papers = council.drawer[-5:]
        order = [
            papers[(start + n * (step | 1)) % len(papers)] for n in range(len(papers))
        ]
        try:
            council.relay.force(*(paper.leaf for paper in order))
        except RelayDiedError:
            return
        council.sometimes["logged in another order"] += 1

    def rubbish(self, leaf: bytes) -> None:
        """Let the relay log what nobody signed."""
        try:
            self._council.relay.force(leaf)
        except RelayDiedError:
            return
        self._council.sometimes["rubbish logged"] += 1

    def _bring(self, paper: Paper, how: int, *, new: bool = True) -> None:
        """Bring a document to the relay; it does what it does."""
        council = self._council
        self.commands += 1
        if new:
            council.drawer.append(paper)
        council.loop.pass_time(1.0)
        append = Append(how) if how in {0, 1, 2} else Append.HONEST
        try:
            if append is Append.FORCE:
                council.relay.force(paper.leaf)
                council.sometimes["logged unseen"] += 1
            elif append is Append.HONEST:
                self._append(paper)
            else:
                council.sometimes["dropped"] += 1
        except RelayDiedError:
            council.sometimes["relay died under an operator's hands"] += 1

    def _append(self, paper: Paper) -> None:
        """Bring a document to an honest relay, which takes it if it counts."""
        council = self._council
        fact = council.clerk.book.by_leaf[paper.leaf]
        now = council.relay.parts.relay.clock.wall()  # the witnesses' time, as it knows
        counts = counts_at(council.model, fact, len(council.log), now)
        try:
            council.relay.append(paper.leaf)
        except ProtocolError as error:
            why = f"an honest relay refused {fact} ({error!r})"
            require(not counts, why)
            council.sometimes["refused by an honest relay"] += 1
        else:
            require(counts, f"an honest relay logged {fact}")
            council.sometimes[f"{type(fact).__name__} adopted"] += 1


def counts_at(model: Model, fact: Fact, index: int, now: int) -> bool:
    """Say whether an honest relay must log a document (DIR-5, DIR-15)."""
    if isinstance(fact, Zeroise):
        return len(fact.signers & model.root.operators) >= TWO
    if isinstance(fact, Entry) and now >= fact.expires:
        return False
    return model.after(fact, index) is not None
