"""What was signed, in names: the test's own book of each document that it made.

The code under test sees bytes and keys; the model sees these.  A name is a key's: of
an operator (``operator/anna``), of a terminal, member or paper (``bern/7``).
"""

from dataclasses import dataclass, field

from crypto.types import Digest
from protocol.directory_entry import Action

Names = frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Carrier:
    """Whose signatures a document carries."""

    name: Digest  # H(document)
    signers: Names  # whose lines hold, for this usage and realm
    broken: Names = frozenset()  # whose lines do not


@dataclass(frozen=True)
class NewSeat:
    """A terminal (it has a number) or a member that an entry adds."""

    key: str
    level: int
    number: int = 0
    mailbox: bytes = b""
    release: int | None = None


@dataclass(frozen=True, kw_only=True)
class Entry(Carrier):
    """A directory entry."""

    root: Digest
    action: Action
    post: str
    version: int
    prev: Digest
    expires: int
    proven: bool = True  # each new key signed for this very place
    nonces: tuple[bytes, ...] = ()
    paper: str = ""
    seats: tuple[NewSeat, ...] = ()
    post_level: int | None = None
    rotations: tuple[tuple[str, str], ...] = ()  # old, new
    rights: tuple[tuple[str, int, int | None], ...] = ()  # key, level, release
    ends: frozenset[Digest] = frozenset()
    revoked: tuple[str, ...] = ()

    @property
    def brought(self) -> tuple[str, ...]:
        """Each new key."""
        paper = (self.paper,) if self.paper else ()
        seats = tuple(seat.key for seat in self.seats)
        return (*paper, *seats, *(new for _, new in self.rotations))


@dataclass(frozen=True, kw_only=True)
class Restriction(Carrier):
    """A restriction, as a leaf or as a bulletin."""

    target: str
    highest: int | None


@dataclass(frozen=True, kw_only=True)
class Root(Carrier):
    """A root document."""

    version: int
    prev: Digest
    operators: Names
    expires: int


@dataclass(frozen=True, kw_only=True)
class Extension(Carrier):
    """Thirty more days."""

    extends: Digest


@dataclass(frozen=True, kw_only=True)
class Zeroise(Carrier):
    """An order: it changes no right."""


Fact = Entry | Restriction | Root | Extension | Zeroise


@dataclass
class Book:
    """Every document that was made, by its leaf; and by H(document)."""

    by_leaf: dict[bytes, Fact] = field(default_factory=dict)

    def write(self, leaf: bytes, fact: Fact) -> bytes:
        """Note a document, and return its leaf."""
        self.by_leaf[leaf] = fact
        return leaf
