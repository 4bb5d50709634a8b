"""What is believed about posts: the state that adopted entries build.

Everything is frozen: an entry gives a new state or an error, never half a change.
A terminal or member is a :class:`Holder`: a *lineage* of keys, each rotated into
the next.  A restriction of any key of a lineage cuts the whole lineage, so that a
hostile relay gains nothing by logging a rotation before a restriction.

State from the log is the same at every client that adopted the same leaves.  Times
are not: each client knows by its own checkpoints when an entry was witnessed, so
they decide what is shown and sealed, never whether a later entry continues a chain.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from crypto.sign import VerifyKey
from crypto.types import Digest, KeyId, Mailbox
from protocol.directory_entry import Action, Details
from protocol.directory_view import Ended
from protocol.key_log_entry import LeafKind, ManifestNotice
from protocol.label import Clearance, Level
from protocol.restriction import Restriction
from protocol.trusted_root import TrustedRoot


@dataclass(frozen=True, slots=True)
class Moment:
    """Where an entry stands, and between which witnessed times it appeared."""

    index: int  # in the key log
    after: int  # POSIX seconds: it was not there yet
    witnessed: int  # POSIX seconds: it was there

    def ended(self, reason: str) -> Ended:
        """Return the end of a key by this entry.

        A planned rotation takes the later time, so that it loses nothing.  A key
        that was taken away is doubted: the earlier time.  So is every key that
        ended before this client was founded (``after`` is 0), since nothing that
        was sealed to it can be under such a key.
        """
        time = self.witnessed if reason == "rotated" and self.after else self.after
        return Ended(reason, self.index, time)


@dataclass(frozen=True, slots=True)
class HeldKey:
    """One key of a lineage."""

    key: VerifyKey
    until: int
    ended: Ended | None = None


@dataclass(frozen=True, slots=True)
class Holder:
    """A terminal (it has a mailbox) or a member of a post."""

    post: str
    keys: tuple[HeldKey, ...]  # oldest first; the last is the current one
    clearance: Clearance
    since: Moment
    number: int = 0
    mailbox: Mailbox | None = None
    name: str = ""
    may_release: Level | None = None
    consent: frozenset[KeyId] | None = None  # None: none needed; else who agreed
    ended: Ended | None = None

    @property
    def current(self) -> KeyId:
        """The key id that counts now, if the holder has not ended."""
        return self.keys[-1].key.id

    def lineage(self) -> frozenset[KeyId]:
        """Return every key id that this holder had."""
        return frozenset(held.key.id for held in self.keys)


@dataclass(frozen=True, slots=True)
class PostRecord:
    """The chain of one post, and what it adds up to."""

    post: str
    version: int
    head: Digest  # H of its last entry
    details: Details
    clearance: Clearance
    recovery: VerifyKey
    recoveries: frozenset[KeyId]  # of all paper keys it ever had
    holders: tuple[Holder, ...]
    lifted: frozenset[Digest] = frozenset()  # restrictions that are dead here
    ended: Ended | None = None

    def live(self) -> tuple[Holder, ...]:
        """Return the holders that were not revoked, restricted or not."""
        return tuple(holder for holder in self.holders if holder.ended is None)

    def holder(self, key_id: KeyId) -> Holder | None:
        """Return the live holder whose current key this is."""
        return next((h for h in self.live() if h.current == key_id), None)

    def with_holder(self, old: Holder, new: Holder) -> "PostRecord":
        """Return the post with ``new`` in the place of ``old``."""
        return replace(
            self, holders=tuple(new if h is old else h for h in self.holders)
        )


@dataclass(frozen=True, slots=True)
class Cut:
    """A restriction that was adopted, from the log or from a bulletin."""

    restriction: Restriction
    digest: Digest
    by: frozenset[KeyId]  # those who signed and had the right to
    index: int | None  # in the key log; None: known from a bulletin only
    since: int  # POSIX seconds: what was witnessed before this still counts


@dataclass(frozen=True, slots=True)
class Notice:
    """The last manifest that the log names for a terminal."""

    index: int
    notice: ManifestNotice


@dataclass(frozen=True, slots=True)
class State:
    """All of it.  Made by :mod:`protocol.trusted_directory` only."""

    root: TrustedRoot
    posts: Mapping[str, PostRecord] = field(default_factory=dict)
    owners: Mapping[KeyId, str] = field(default_factory=dict)  # every key ever: post
    nonces: frozenset[bytes] = frozenset()
    restrictions: Mapping[Digest, Cut] = field(default_factory=dict)  # logged
    bulletins: Mapping[Digest, Cut] = field(default_factory=dict)  # told by witnesses
    notices: Mapping[KeyId, Notice] = field(default_factory=dict)
    zeroised: frozenset[KeyId] = frozenset()  # terminals that are to destroy themselves

    def owner(self, key_id: KeyId) -> PostRecord | None:
        """Return the post that a key belongs or belonged to."""
        post = self.owners.get(key_id)
        return None if post is None else self.posts[post]

    def known(self, key_id: KeyId) -> VerifyKey | None:
        """Return an operator's key, a holder's current key or a paper key."""
        operator = self.root.operators.get(key_id)
        if operator is not None:
            return operator
        post = self.owner(key_id)
        if post is None:
            return None
        if post.recovery.id == key_id:
            return post.recovery
        holder = post.holder(key_id)
        return None if holder is None else holder.keys[-1].key


@dataclass(frozen=True, slots=True)
class Adopted:
    """One leaf that counts, and whom it concerns."""

    index: int
    kind: LeafKind
    digest: Digest  # H(document); of a manifest's notice, H(manifest)
    signers: frozenset[KeyId] = frozenset()
    post: str | None = None
    action: Action | None = None
    keys: frozenset[KeyId] = frozenset()  # that it adds, changes, names or ends
