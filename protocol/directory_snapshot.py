"""Effective rights at one witnessed time: the directory as its users read it.

A :class:`Snapshot` is a :class:`protocol.directory_view.DirectoryView`.  It cuts
each right by every restriction that stands, ends keys whose time or whose suite has
passed, and keeps terminals out that nobody of their post agreed to until 24 hours
after they were witnessed.
"""

from collections.abc import Iterable
from typing import final

from crypto.sign import Realm
from crypto.suite import SuiteId
from crypto.types import Digest, KeyId
from protocol.directory_state import HeldKey, Holder, Notice, PostRecord, State
from protocol.directory_view import Ended, Member, Post, Terminal
from protocol.policy import Policy
from protocol.restrictions import (
    effective,
    post_clearance,
    post_suspension,
    suspension,
)
from protocol.root import RootDocument, suite_until


@final
class Snapshot:
    """The read side of one :class:`~protocol.trusted_directory.TrustedDirectory`."""

    def __init__(
        self, state: State, key_log: tuple[int, Digest], witnessed: int
    ) -> None:
        self._state = state
        self._key_log = key_log
        self._witnessed = witnessed
        # Nothing that they are made of changes: each is made once.
        self._terminals: dict[KeyId, Terminal | None] = {}
        self._members: dict[KeyId, Member | None] = {}

    @property
    def realm(self) -> Realm:
        """Of the root that this client was founded with."""
        return self._state.root.realm

    @property
    def suite(self) -> SuiteId:
        """The suite to seal with (B16)."""
        return self._state.root.document.suite

    @property
    def policy(self) -> Policy:
        """The signed policy of the current root document."""
        return self._state.root.document.policy

    @property
    def root(self) -> RootDocument:
        """The root document in force."""
        return self._state.root.document

    @property
    def key_log(self) -> tuple[int, Digest]:
        """Size and root hash of the key log that this view was built from."""
        return self._key_log

    @property
    def witnessed(self) -> int:
        """The witnessed time that this view is of."""
        return self._witnessed

    def require_current(self) -> None:
        """Return if sealing is possible at all: the root has not expired.

        Raises:
            ExpiredError: read-only until a new root or an emergency extension.
        """
        self._state.root.require_current(self._witnessed)

    def posts(self) -> tuple[Post, ...]:
        """Return every post that the directory ever had, by post id."""
        return tuple(
            self._post(record) for _, record in sorted(self._state.posts.items())
        )

    def post(self, post: str) -> Post | None:
        """Return the post, or None if the directory never had it."""
        record = self._state.posts.get(post)
        return None if record is None else self._post(record)

    def collective(self, address: str) -> tuple[str, ...]:
        """Return the active posts that a collective address stands for."""
        return tuple(
            name
            for name, record in sorted(self._state.posts.items())
            if address in record.details.collectives and record.ended is None
        )

    def terminals(self, post: str) -> tuple[Terminal, ...]:
        """Return the terminals of ``post`` that may be sealed to, by number."""
        record = self._state.posts.get(post)
        if record is None:
            return ()
        found = (
            self._terminal(record, holder, holder.keys[-1]) for holder in record.live()
        )
        usable = (
            terminal
            for terminal in found
            if terminal is not None
            and terminal.ended is None
            and terminal.usable_from <= self._witnessed
        )
        return tuple(sorted(usable, key=lambda terminal: terminal.number))

    def members(self, post: str) -> tuple[Member, ...]:
        """Return the members of ``post`` that are current, in order of enrolment."""
        record = self._state.posts.get(post)
        holders = () if record is None else record.live()
        found = (self.member(holder.current) for holder in holders)
        return tuple(m for m in found if m is not None and m.ended is None)

    def terminal(self, key_id: KeyId) -> Terminal | None:
        """Return a terminal, current or ended, by its key id."""
        if key_id not in self._terminals:
            found = self._find(key_id)
            if found is None:  # whoever asks for strangers fills nothing
                return None
            self._terminals[key_id] = self._terminal(*found)
        return self._terminals[key_id]

    def successor(self, key_id: KeyId) -> Terminal | None:
        """Return the terminal under the key it has now, by any key that it ever had."""
        terminal = self.terminal(key_id)
        return None if terminal is None else self.terminal(terminal.lineage[-1])

    def member(self, key_id: KeyId) -> Member | None:
        """Return a member, current or ended, by its key id."""
        if key_id not in self._members:
            found = self._find(key_id)
            if found is None:
                return None
            self._members[key_id] = self._member(*found)
        return self._members[key_id]

    def name(self, key_id: KeyId) -> str:
        """Return a member's name, current or ended; "" for whoever has none."""
        found = self._find(key_id)
        return "" if found is None else found[1].name

    def notice(self, terminal: KeyId) -> Notice | None:
        """Return the last manifest that the log names for a terminal."""
        return self._state.notices.get(terminal)

    def _post(self, record: PostRecord) -> Post:
        suspended = post_suspension(self._state, record)
        return Post(
            post=record.post,
            name_nl=record.details.name_nl,
            name_en=record.details.name_en,
            clearance=post_clearance(self._state, record),
            active=record.ended is None and suspended is None,
        )

    def _find(self, key_id: KeyId) -> tuple[PostRecord, Holder, HeldKey] | None:
        record = self._state.owner(key_id)
        if record is None:
            return None
        for holder in record.holders:
            for held in holder.keys:
                if held.key.id == key_id:
                    return record, holder, held
        return None  # a paper key

    def _terminal(
        self, record: PostRecord, holder: Holder, held: HeldKey
    ) -> Terminal | None:
        if holder.mailbox is None:
            return None
        return Terminal(
            key_id=held.key.id,
            key=held.key,
            post=record.post,
            mailbox=holder.mailbox,
            number=holder.number,
            clearance=effective(self._state, record, holder),
            usable_from=self._usable_from(record, holder),
            valid_until=held.until,
            ended=self._ended(record, holder, held),
            lineage=tuple(key.key.id for key in holder.keys),
        )

    def _member(
        self, record: PostRecord, holder: Holder, held: HeldKey
    ) -> Member | None:
        if holder.mailbox is not None:
            return None
        clearance = effective(self._state, record, holder)
        release = holder.may_release
        return Member(
            key_id=held.key.id,
            key=held.key,
            person=holder.keys[0].key.id,
            post=record.post,
            clearance=clearance,
            may_release=-1 if release is None else min(release, clearance.level),
            valid_until=held.until,
            ended=self._ended(record, holder, held),
            lineage=tuple(key.key.id for key in holder.keys),
        )

    def _ended(self, record: PostRecord, holder: Holder, held: HeldKey) -> Ended | None:
        """Return the earliest of everything that ends a key by now."""
        ends = [held.ended, holder.ended, suspension(self._state, record, holder)]
        retired = suite_until(self.root, held.key.suite)
        until = held.until if retired is None else min(held.until, retired)
        if self._witnessed >= until:
            ends.append(Ended("expired", None, until))
        return _earliest(end for end in ends if end is not None)

    def _usable_from(self, record: PostRecord, holder: Holder) -> int:
        """Return when a terminal that its post did not agree to may be used."""
        if holder.consent is None or self._agreed(record, holder.consent):
            return holder.since.witnessed
        return holder.since.witnessed + self.policy.consent

    def _agreed(self, record: PostRecord, consent: frozenset[KeyId]) -> bool:
        """Tell whether somebody agreed who is not under a suspension by now."""
        for key_id in consent:
            found = self._find(key_id)
            if found is None or suspension(self._state, record, found[1]) is None:
                return True
        return False


def _earliest(ends: Iterable[Ended]) -> Ended | None:
    return min(ends, key=lambda end: end.witnessed, default=None)
