"""What must hold after every step of a council.

1. *Same log, same belief*: whoever adopted n leaves believes what the model says of
   them, and has the state of everybody else at n (DIR-13).
2. *Never wider*: a right that grew was signed by two distinct operators, in a leaf
   under a checkpoint that two organisations cosigned.
3. *Cut at once*: the relay has no session of a key that its log ends.
4. *Nothing is sealed* by or to a key whose end the sealing terminal had adopted.
5. *Nothing is shown* under a key that ended, unless its leaf was witnessed before.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from client.core.rows import EventRow
from crypto.digest import H
from crypto.types import Digest, KeyId
from protocol.codec import decode
from protocol.directory_snapshot import Snapshot
from protocol.directory_state import State
from protocol.envelope import parse_envelope
from protocol.requests import Submit
from protocol.slip import Inner, Slip
from tests.support.council.eyes import Batch, End, Eyes
from tests.support.council.facts import Entry
from tests.support.council.model import Model
from tests.support.council.terminal import LABEL, CouncilTerminal

if TYPE_CHECKING:
    from tests.support.council.council import Council

QUORUM = 2  # organisations
VOUCHED = 30 * 86_400  # seconds that a rotated member's signature is vouched for
ALL_AT_ONCE = Batch(1 << 60, 0, 0)


class BrokenError(AssertionError):
    """A promise does not hold."""


def require(holds: bool, what: str) -> None:  # noqa: FBT001 -- an assertion
    if not holds:
        raise BrokenError(what)


class Checks:
    """Looks at a council."""

    def __init__(self, council: "Council") -> None:
        self._council = council
        self._states: dict[int, object] = {}  # by size: what everybody believes there
        self._rights: dict[CouncilTerminal, tuple[int, int, Mapping[str, int]]] = {}
        self._done: dict[CouncilTerminal, object] = {}
        self._relay_eyes = Eyes(council.until, [ALL_AT_ONCE])

    # --- a terminal's view

    def terminal(self, of: CouncilTerminal) -> None:
        """Compare what a terminal believes with the model."""
        directory = of.directory
        if directory is None:
            return
        seen = (of.lives, directory, of.machine.beliefs.witnessed)
        if self._done.get(of) == seen:
            return
        self._done[of] = seen
        council, size = self._council, directory.size
        require(size < len(council.models), "a checkpoint over leaves that are not")
        require(
            of.machine.beliefs.key_root(size) == council.roots[size],
            "adopted another history",
        )
        require(council.witnessed(size) >= QUORUM, "adopted without a quorum")
        require(
            of.machine.beliefs.witnessed <= council.clock.wall(),
            "one witness moved the time",
        )
        self._same(size, directory.state)
        self._agrees(of, of.machine.beliefs.view())
        self._widened(of, size)

    def _same(self, size: int, state: State) -> None:
        projected = projection(state)
        known = self._states.setdefault(size, projected)
        require(known == projected, f"two beliefs of the same {size} leaves")

    def _agrees(self, of: CouncilTerminal, view: Snapshot) -> None:
        model, names = self._model(of), self._council.clerk.names
        now = view.witnessed
        readers = {
            names[one.key_id]: int(one.clearance.level)
            for post in model.posts
            for one in view.terminals(post)
        }
        require(readers == of.eyes.readers(model, now), "others may read than signed")
        speakers = {
            names[one.key_id]: (int(one.clearance.level), int(one.may_release))
            for post in model.posts
            for one in view.members(post)
        }
        require(speakers == of.eyes.speakers(model, now), "others may speak")
        for key in model.owner:
            found = self._ended(view, self._council.clerk.key(key).id)
            if found is not None:
                ended = of.eyes.end(model, key, now)
                time = None if ended is None else ended.witnessed
                require(found == (time,), f"{key} ended at {found}, not {ended}")

    def _ended(self, view: Snapshot, key: KeyId) -> tuple[int | None] | None:
        """Return when a key ended, in a tuple; None: it is a paper key."""
        holder = view.terminal(key) or view.member(key)
        if holder is None:
            return None
        return (None if holder.ended is None else holder.ended.witnessed,)

    def _model(self, of: CouncilTerminal) -> Model:
        assert of.directory is not None
        return self._council.models[of.directory.size]

    def _widened(self, of: CouncilTerminal, size: int) -> None:
        model = self._model(of)
        now = of.machine.beliefs.view().witnessed
        rights = {
            **of.eyes.readers(model, now),
            **{key: level for key, (level, _) in of.eyes.speakers(model, now).items()},
        }
        before, _, old = self._rights.get(of, (0, 0, {}))
        self._rights[of] = size, now, rights
        earlier = self._council.models[before] if before else None
        wider = [
            key
            for key, level in rights.items()
            if level > old.get(key, -1)
            and (earlier is None or key not in earlier.owner or key in old)
        ]
        if wider:
            require(self._two_signed(before, size), f"{wider} by fewer than two")

    def _two_signed(self, start: int, end: int) -> bool:
        council = self._council
        return any(
            isinstance(fact, Entry)
            and len(fact.signers & council.models[index].root.operators) >= QUORUM
            for index in range(start, end)
            if (fact := council.clerk.book.by_leaf.get(council.log[index]))
        )

    # --- the relay

    def relay(self) -> None:
        """Compare the relay's own directory, and its sessions, with the model."""
        council = self._council
        model, now = council.models[-1], council.clock.wall()
        directory = council.relay.parts.relay.directory
        self._same(len(council.log), directory.trusted.state)
        for post in model.posts.values():
            for seat in post.seats:
                if not seat.new.number:
                    continue
                for key in seat.keys:
                    gone = self._relay_eyes.end(model, key, now) is not None
                    key_id = council.clerk.key(key).id
                    admits = directory.admits(key_id, now)
                    require(admits is not gone, f"the relay is wrong about {key}")
        for session in council.sessions.values():
            gone = not directory.admits(session.terminal, council.clock.start)
            require(session.ended or not gone, "a session of a key that has ended")
            council.sometimes["a session ended by the log"] += gone

    def taken(self, sender: str, body: Submit) -> None:
        """Look at a deposit that the relay has just taken."""
        model, now = self._council.models[-1], self._council.clock.wall()
        ended = self._relay_eyes.end(model, sender, now)
        require(ended is None, "the relay took from a key that has ended")
        for wrap in parse_envelope(body.envelope).wraps:
            seats = [
                seat
                for post in model.posts.values()
                for seat in post.live()
                if seat.new.mailbox == wrap.mailbox
            ]
            require(len(seats) == 1, "the relay took for a terminal that was revoked")

    # --- what is sealed and shown

    def sealed(self, of: CouncilTerminal, body: Submit, *, now: bool) -> None:
        """Look at an envelope that a terminal deposits.

        Args:
            of: the terminal.
            body: the deposit.
            now: it was sealed just now; else in an earlier life or view.
        """
        row = of.disk.deposit(H(body.envelope))
        require(row is not None, "deposited and not kept")
        if row is None:
            return
        slip = decode(row.slip, Slip)
        council = self._council
        model = council.models[slip.dir.key_size]
        boxes = {
            seat.new.mailbox: seat
            for post in model.posts.values()
            for seat in post.live()
            if seat.new.number
        }
        signer = council.clerk.names[slip.key]
        seats = [boxes.get(w.mailbox) for w in parse_envelope(body.envelope).wraps]
        require(None not in seats, "sealed to a terminal that was revoked")
        keys = [seat.current for seat in seats if seat is not None]
        witnessed = max(of.machine.beliefs.witnessed, 1)
        if now:
            readers = of.eyes.readers(model, witnessed)
            for key in (signer, *keys):
                require(key in readers, f"sealed by or to {key} after its end")
            for key in keys:
                require(readers[key] >= LABEL.level, "sealed to whom may not read")

    def shown(self, of: CouncilTerminal, event: EventRow) -> None:
        """Look at a record that a terminal shows (TIME-8)."""
        row = None if event.name is None else of.record(Digest(event.name))
        require(row is not None, "shown and not kept")
        if row is None:
            return
        council, inner = self._council, decode(row.inner, Inner)
        view = of.machine.beliefs.view()
        names = [council.clerk.names[line.key] for line in inner.sigs]
        ends = [of.eyes.end(self._model(of), name, view.witnessed) for name in names]
        first = min((end for end in ends if end is not None), default=None)
        if first is None or self._vouched(of, names, ends):
            return
        require(self._before(of, row.log_index, first), f"shown after {names} ended")
        council.sometimes["shown as signed before its key ended"] += 1

    def _vouched(
        self, of: CouncilTerminal, names: list[str], ends: list[End | None]
    ) -> bool:
        """Say whether a current terminal sealed what a rotated member signed.

        TIME-11: for thirty days, if the member is current under a later key.
        """
        terminal, *member = ends
        if terminal is not None or not member or member[0] is None:
            return False
        model, now = self._model(of), of.machine.beliefs.view().witnessed
        post = model.post_of(names[1])
        seats = () if post is None else post.seats
        seat = next(seat for seat in seats if names[1] in seat.keys)
        current = of.eyes.end(model, seat.current, now) is None
        lately = now < member[0].witnessed + VOUCHED
        return member[0].reason == "rotated" and current and lately

    def _before(self, of: CouncilTerminal, index: int | None, end: End) -> bool:
        return index is not None and any(
            size > index and witnessed < end.witnessed
            for size, witnessed in of.message_heads
        )


def projection(state: State) -> object:
    """Return what two clients of the same leaves must agree on: all but times."""
    posts = {
        post.post: (
            post.version,
            post.head,
            post.details,
            post.clearance,
            post.recovery.id,
            post.recoveries,
            post.lifted,
            post.ended is None,
            tuple(
                (
                    tuple(
                        (held.key.id, held.until, held.ended and held.ended.index)
                        for held in holder.keys
                    ),
                    holder.clearance,
                    holder.since.index,
                    holder.number,
                    holder.mailbox,
                    holder.may_release,
                    holder.consent,
                    holder.ended and holder.ended.index,
                )
                for holder in post.holders
            ),
        )
        for post in state.posts.values()
    }
    cuts = {name: (cut.by, cut.index) for name, cut in state.restrictions.items()}
    return (
        state.root.digest,
        state.root.extended,
        posts,
        dict(state.owners),
        state.nonces,
        cuts,
        dict(state.notices),
    )
