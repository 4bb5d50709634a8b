"""What an entry is to change, in names, and the names that every council has."""

from collections.abc import Callable
from dataclasses import dataclass

from msgspec import structs

from crypto.types import Digest
from protocol.directory_entry import Action
from protocol.label import Clearance, Level
from tests.support.council.facts import NewSeat
from tests.support.keys import stretched
from tests.support.ministry import HIGH, START, YEAR

POSTS = ("bern", "oslo", "tfc")
ANNA, BRAM, CHRIS = "operator/anna", "operator/bram", "operator/chris"
HONEST = frozenset({ANNA, BRAM})
UNTIL = START + YEAR  # the end of every key


@dataclass(frozen=True)
class Wish:
    """What an entry is to change."""

    action: Action
    post: str
    paper: str = ""
    seats: tuple[NewSeat, ...] = ()
    post_level: int | None = None
    rotations: tuple[tuple[str, str], ...] = ()
    rights: tuple[tuple[str, int, int | None], ...] = ()
    ends: tuple[Digest, ...] = ()
    revoked: tuple[str, ...] = ()

    @property
    def brings(self) -> bool:
        """Whether there is a key to prove."""
        return bool(self.paper or self.seats or self.rotations)


def cleared(level: int) -> Clearance:
    return structs.replace(HIGH, level=Level(level))


def enrolment(
    fresh: Callable[[str], str], post: str, number: int, action: Action
) -> Wish:
    """Return the wish for a post with one terminal and one member, all keys new."""
    return Wish(
        action=action,
        post=post,
        paper=fresh(post),
        seats=(
            new_terminal(fresh, post, number),
            NewSeat(fresh(post), int(Level.STG_G), release=int(Level.STG_C)),
        ),
        post_level=int(Level.STG_G),
    )


def new_terminal(fresh: Callable[[str], str], post: str, number: int) -> NewSeat:
    key = fresh(post)
    mailbox = stretched(f"mailbox/{key}", 16)
    return NewSeat(key, int(Level.STG_G), number, mailbox)
