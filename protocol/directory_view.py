"""What a reader of the directory may ask: the seam between trust and its users.

Sealing, admitting and the relay's authorisation read the directory through
:class:`DirectoryView`; :mod:`protocol.trusted_directory` is the one that fills it.
Rights that stand here are *effective*: the entry's, cut by every restriction that
has not ended (docs/spec/root-and-directory.md).
"""

from dataclasses import dataclass
from typing import Protocol

from crypto.sign import Realm, VerifyKey
from crypto.suite import SuiteId
from crypto.types import Digest, KeyId, Mailbox
from protocol.label import Clearance
from protocol.policy import Policy


@dataclass(frozen=True, slots=True)
class Ended:
    """Why and since when a key is no longer current."""

    reason: str  # "rotated", "restricted", "revoked" or "expired"
    index: int | None  # of the ending entry in the key log; None: bulletin only
    witnessed: int  # POSIX seconds: what was logged before this still counts


@dataclass(frozen=True, slots=True)
class Terminal:
    """A post's terminal: the key that opens and speaks for it."""

    key_id: KeyId
    key: VerifyKey
    post: str
    mailbox: Mailbox
    number: int  # within the post; part of every serial
    clearance: Clearance  # effective: entry, ceiling and restrictions
    usable_from: int  # POSIX seconds, witnessed time
    valid_until: int
    ended: Ended | None  # None: current
    lineage: tuple[
        KeyId, ...
    ] = ()  # every key of it, oldest first, this one among them

    @property
    def first(self) -> KeyId:
        """Its first key: what it is called where a rotation must change nothing."""
        return self.lineage[0] if self.lineage else self.key_id


@dataclass(frozen=True, slots=True)
class Member:
    """A person of a post who reads, releases, acknowledges."""

    key_id: KeyId
    key: VerifyKey
    person: KeyId  # the first key of the lineage: one for all keys rotated from it
    post: str
    clearance: Clearance
    may_release: int  # highest level (Level number) this member releases; -1 none
    valid_until: int
    ended: Ended | None
    lineage: tuple[KeyId, ...] = ()  # every key of the person, oldest first


@dataclass(frozen=True, slots=True)
class Post:
    """A unit of address: terminals and members stand under it."""

    post: str
    name_nl: str
    name_en: str
    clearance: Clearance
    active: bool


class DirectoryView(Protocol):
    """Read side of the trusted directory at one verified size of the key log."""

    @property
    def realm(self) -> Realm:
        """Of the root that this client was founded with."""

    @property
    def suite(self) -> SuiteId:
        """The suite to seal with."""

    @property
    def policy(self) -> Policy:
        """The signed policy of the current root document."""

    @property
    def key_log(self) -> tuple[int, Digest]:
        """Size and root hash of the key log that this view was built from."""

    def post(self, post: str) -> Post | None:
        """Return the post, or None if the directory never had it."""

    def terminals(self, post: str) -> tuple[Terminal, ...]:
        """Return the terminals of ``post`` that are current, by number."""

    def terminal(self, key_id: KeyId) -> Terminal | None:
        """Return a terminal, current or ended, by its key id."""

    def member(self, key_id: KeyId) -> Member | None:
        """Return a member, current or ended, by its key id."""
