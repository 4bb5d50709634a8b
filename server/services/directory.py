"""The relay's own view of the directory: who may connect, and which mailboxes exist.

The relay makes the key log, and believes it no more than a client would: each leaf
is checked by :class:`protocol.trusted_directory.TrustedDirectory` before it is
logged, and what may be done follows from that state alone.  No password, token or
list of accounts exists here.

A :class:`Directory` is frozen: a batch tries leaves on a copy, and the copy counts
when the batch is durable.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from crypto.merkle import Frontier
from crypto.sign import Realm
from crypto.types import KeyId, Mailbox
from protocol.codec import decode
from protocol.directory_entry import DirectoryEntry
from protocol.directory_snapshot import Snapshot
from protocol.directory_state import Adopted
from protocol.directory_view import Terminal
from protocol.errors import UnauthenticatedError
from protocol.key_log_entry import LeafKind, read_leaf, read_signed
from protocol.proposal import require_open
from protocol.root import RootDocument, realm_of
from protocol.root_file import chain
from protocol.trusted_directory import (
    TrustedDirectory,
    Witnessed,
    found_directory,
)

MAKE_ROOT: Final = frozenset({LeafKind.ROOT, LeafKind.EXTENSION})


@dataclass(frozen=True)
class Directory:
    """What is believed at one size of the key log."""

    trusted: TrustedDirectory
    roots: tuple[tuple[int, bytes], ...]  # position and leaf of what makes the root

    @classmethod
    def founded(cls, leaves: Sequence[bytes], now: int) -> "Directory":
        """Return the directory of our own key log, from its first leaf on.

        Raises:
            ProtocolError: the first leaf is no root document that holds.
        """
        first = read_signed(read_leaf(leaves[0]).body)
        document = decode(first.document, RootDocument)
        realm = realm_of(document)
        founding = found_directory(
            leaves[:1],
            pin=first.digest,
            realm=realm,
            checkpoint=_reached(leaves[:1], now),
        )[0]
        return cls(founding, ((0, leaves[0]),)).logged(leaves[1:], now)

    def check(self, leaf: bytes, now: int) -> Adopted:
        """Return what ``leaf`` would change.

        Raises:
            ExpiredError: a proposal that nobody may log any more (DIR-5).
            ProtocolError: it would count for nothing, so it is not logged.
        """
        adopted = self.trusted.check(leaf)
        if adopted.kind is LeafKind.DIRECTORY:
            signed = read_signed(read_leaf(leaf).body)
            require_open(decode(signed.document, DirectoryEntry), now)
        return adopted

    def logged(self, leaves: Sequence[bytes], now: int) -> "Directory":
        """Return the directory after ``leaves``."""
        if not leaves:
            return self
        tree, start = self.trusted.tree, self.trusted.size
        for leaf in leaves:
            tree = tree.append(leaf)
        # Our own log, so nobody has witnessed it yet; our clock stands in for that.
        # It decides nothing here but when a new terminal begins to be usable.
        time = max(now, self.trusted.witnessed)
        checkpoint = Witnessed(tree.size, tree.root(), time)
        trusted, outcomes = self.trusted.adopt(leaves, checkpoint)
        roots = tuple(
            (one.index, leaves[one.index - start])
            for one in outcomes
            if isinstance(one, Adopted) and one.kind in MAKE_ROOT
        )
        return Directory(trusted, (*self.roots, *roots))

    @property
    def realm(self) -> Realm:
        """Whose signatures count."""
        return self.trusted.root.realm

    @property
    def root(self) -> RootDocument:
        """The root document in force."""
        return self.trusted.root.document

    def root_at(self, size: int) -> RootDocument:
        """Return the root document in force under the first ``size`` entries."""
        leaves = [leaf for index, leaf in self.roots if index < max(1, size)]
        if len(leaves) == len(self.roots):
            return self.root
        return chain(leaves, realm=self.realm)[-1].document

    def view(self, now: int) -> Snapshot:
        """Return effective rights at ``now``."""
        return self.trusted.view(now)

    def terminal(self, key_id: KeyId, now: int) -> Terminal:
        """Return a terminal that may have a session.

        Raises:
            UnauthenticatedError: unknown, revoked, restricted or expired: one answer.
        """
        found = self.view(now).terminal(key_id)
        if found is None or found.ended is not None:
            raise UnauthenticatedError
        return found

    def require(self, key_id: KeyId, now: int) -> None:
        """Return if :meth:`terminal` would, which is asked once in a second.

        Raises:
            UnauthenticatedError: as there.
        """
        if self._found.get(key_id) != now:
            self.terminal(key_id, now)
            self._found[key_id] = now

    @cached_property
    def _found(self) -> dict[KeyId, int]:
        """When a terminal was last found current, by this very directory."""
        return {}

    def admits(self, key_id: KeyId, now: int) -> bool:
        """Say whether :meth:`terminal` would return one: for ending sessions."""
        found = self.view(now).terminal(key_id)
        return found is not None and found.ended is None

    @cached_property
    def mailboxes(self) -> Mapping[Mailbox, KeyId | None]:
        """Every mailbox that takes envelopes, and whose it is; the archive's: None.

        A revoked terminal's takes none.  A restricted one's does, for the day that
        the restriction is lifted: senders refuse by themselves until then.
        """
        archives: dict[Mailbox, KeyId | None] = {
            archive.mailbox: None for archive in self.root.archive
        }
        terminals = {
            holder.mailbox: holder.current
            for record in self.trusted.state.posts.values()
            if record.ended is None
            for holder in record.live()
            if holder.mailbox is not None
        }
        return {**archives, **terminals}


def _reached(leaves: Sequence[bytes], now: int) -> Witnessed:
    tree = Frontier()
    for leaf in leaves:
        tree = tree.append(leaf)
    return Witnessed(tree.size, tree.root(), now)
