"""Random histories of a directory, by operators, posts, thieves and a hostile relay.

Two clients follow the same log.  One of them also hears bulletins.  After each step:
a refused leaf changed nothing, both have the same chains, and every right that is
wider than before was signed by two operators over one document.
"""

from collections.abc import Sequence
from contextlib import suppress

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from crypto.sign import SigningKey
from crypto.types import KeyId
from protocol.directory_entry import (
    Action,
    AddedMembers,
    AddedTerminals,
    Change,
    ChangedRights,
    Lift,
    Revocation,
    Rights,
    Rotation,
    Rotations,
)
from protocol.directory_snapshot import Snapshot
from protocol.directory_state import Adopted
from protocol.errors import ProtocolError
from protocol.key_log_entry import LeafKind, signed_leaf
from protocol.label import Level
from protocol.proposal import prove
from protocol.signed import Signed, carried
from protocol.trusted_directory import TrustedDirectory
from tests.support.ministry import HIGH, OPERATORS, YEAR, Ministry, ministry

POSTS = ("bern", "tfc")
PEOPLE = st.sampled_from([*OPERATORS, "t", "m", "paper", "stranger"])
# Half of the time enough operators, so that histories get somewhere.
SIGNERS = st.one_of(
    st.lists(PEOPLE, max_size=4),
    st.lists(PEOPLE, max_size=2).map(lambda more: ["anna", "chris", *more]),
)
HOW = st.sampled_from(["log", "bulletin"])
KINDS = st.sampled_from(["add terminal", "add member", "rotate", "rights", "revoke"])


def rights(view: Snapshot) -> dict[KeyId, int]:
    """Return each current key with the level that it may read."""
    found: dict[KeyId, int] = {}
    for post in POSTS:
        found |= {t.key_id: t.clearance.level for t in view.terminals(post)}
        found |= {m.key_id: m.clearance.level for m in view.members(post)}
    return found


class Directories(RuleBasedStateMachine):
    """The world: one ministry, the client that hears bulletins, and its relay."""

    @initialize()
    def found(self) -> None:
        self.hague: Ministry = ministry()
        self.listener: TrustedDirectory = self.hague.directory
        self.restrictions: list[Signed] = []
        self.names = 0

    def signer(self, name: str, post: str) -> SigningKey:
        """Return who signs: an operator, or somebody of the post as it began."""
        own = self.hague.posts[post]
        people = {
            "t": own.terminal.key,
            "m": own.member,
            "paper": own.recovery,
            **self.hague.operators,
        }
        return people.get(name) or self.hague.key(name)

    def follow(self, leaf: bytes) -> Adopted | None:
        """Let both clients adopt a leaf, and compare them."""
        before = self.hague.directory.state
        old = rights(self.hague.view())
        checkpoint = self.hague.witnessed(leaf)
        self.listener, _ = self.listener.adopt([leaf], checkpoint)
        (outcome,) = self.hague.follow(leaf)
        if not isinstance(outcome, Adopted):
            assert self.hague.directory.state is before
            return None
        new = rights(self.hague.view())
        wider = {key for key, level in new.items() if level > old.get(key, -1)}
        if wider:
            operators = {key.id for key in self.hague.operators.values()}
            assert len(outcome.signers & operators) >= 2
            assert outcome.kind is LeafKind.DIRECTORY
        return outcome

    @rule(
        kind=KINDS,
        post=st.sampled_from(POSTS),
        names=SIGNERS,
        which=st.integers(0, 5),
        level=st.sampled_from(Level),
    )
    def log_an_entry(
        self, kind: str, post: str, names: list[str], which: int, level: Level
    ) -> None:
        action, change = self.change(kind, post, which, level)
        by = [self.signer(name, post) for name in names]
        self.follow(self.hague.entry(post, action, change, by))

    def change(
        self, kind: str, post: str, which: int, level: Level
    ) -> tuple[Action, Change]:
        self.names += 1
        name = f"{post}/new{self.names}"
        keys = self.keys(post)
        key = keys[which % len(keys)]
        if kind == "add terminal":
            place = self.hague.place(post, Action.ADD_TERMINAL)
            terminal = self.hague.new_terminal(place, name, 1 + self.names % 255)
            return Action.ADD_TERMINAL, AddedTerminals(terminals=(terminal,))
        if kind == "add member":
            place = self.hague.place(post, Action.ADD_MEMBER)
            member = self.hague.new_member(place, name)
            return Action.ADD_MEMBER, AddedMembers(members=(member,))
        if kind == "rights":
            low = type(HIGH)(level=level)
            right = Rights(key=key, clearance=low, may_release=level)
            return Action.SET_RIGHTS, ChangedRights(rights=(right,))
        if kind == "revoke":
            return Action.REVOKE, Revocation(keys=(key,))
        return Action.ROTATE, Rotations(rotations=(self.rotation(post, name, key),))

    def rotation(self, post: str, name: str, old: KeyId) -> Rotation:
        place = self.hague.place(post, Action.ROTATE)
        new = self.hague.key(name)
        proof = prove(new, place, nonce=self.hague.fresh(32), realm=self.hague.realm)
        return Rotation(
            old=old, key=carried(new), until=self.hague.now + YEAR, proof=proof
        )

    def keys(self, post: str) -> Sequence[KeyId]:
        """Return keys to aim at: those that began, and those of now."""
        own = self.hague.posts[post]
        live = [h.current for h in self.hague.directory.state.posts[post].live()]
        return [own.terminal.key.id, own.member.id, own.recovery.id, *live]

    @rule(
        post=st.sampled_from(POSTS),
        name=PEOPLE,
        which=st.integers(0, 5),
        highest=st.sampled_from([None, *Level]),
        how=HOW,
    )
    def restrict(
        self, post: str, name: str, which: int, highest: Level | None, how: str
    ) -> None:
        keys = self.keys(post)
        signed = self.hague.restricted(
            keys[which % len(keys)], by=[self.signer(name, post)], highest=highest
        )
        self.restrictions.append(signed)
        before = rights(self.listener.view())
        self.tell(signed, how)
        after = rights(self.listener.view())
        assert all(level <= before.get(key, -1) for key, level in after.items())

    def tell(self, signed: Signed, how: str) -> None:
        """Log a restriction, or let one client hear it from a witness."""
        if how == "log":
            self.follow(signed_leaf(LeafKind.RESTRICTION, signed))
            return
        with suppress(ProtocolError):
            self.listener = self.listener.bulletin(signed)

    @precondition(lambda self: self.restrictions)
    @rule(which=st.integers(0, 99), how=HOW)
    def replay_a_restriction(self, which: int, how: str) -> None:
        self.tell(self.restrictions[which % len(self.restrictions)], how)

    @precondition(lambda self: self.restrictions)
    @rule(which=st.integers(0, 99), post=st.sampled_from(POSTS), names=SIGNERS)
    def lift(self, which: int, post: str, names: list[str]) -> None:
        signed = self.restrictions[which % len(self.restrictions)]
        change = Lift(ends=(signed.digest,))
        by = [self.signer(name, post) for name in names]
        self.follow(self.hague.entry(post, Action.LIFT, change, by))

    @rule(which=st.integers(0, 999))
    def replay_a_leaf(self, which: int) -> None:
        leaf = self.hague.leaves[which % len(self.hague.leaves)]
        before = rights(self.hague.view())
        posts = self.hague.directory.state.posts
        self.follow(leaf)
        assert self.hague.directory.state.posts == posts
        # A restriction that was refused as one too many may find a place by now.
        after = rights(self.hague.view())
        assert all(level <= before.get(key, -1) for key, level in after.items())

    @rule(junk=st.binary(max_size=40))
    def log_junk(self, junk: bytes) -> None:
        assert self.follow(junk) is None

    @invariant()
    def both_clients_have_the_same_chains(self) -> None:
        if hasattr(self, "hague"):
            assert self.listener.state.posts == self.hague.directory.state.posts
            assert self.listener.state.restrictions == (
                self.hague.directory.state.restrictions
            )

    @invariant()
    def a_bulletin_only_ever_takes_away(self) -> None:
        if hasattr(self, "hague"):
            heard = rights(self.listener.view())
            told = rights(self.hague.view())
            assert all(level <= told.get(key, -1) for key, level in heard.items())


TestDirectories = Directories.TestCase
TestDirectories.settings = settings(max_examples=25, stateful_step_count=25)
