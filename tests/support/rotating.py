"""Rotations in a test ministry: a post's entry, signed by two operators."""

from collections.abc import Sequence

from crypto.sign import SigningKey
from protocol.directory_entry import Action, Rotation, Rotations
from protocol.proposal import prove
from protocol.requests import LogName
from protocol.signed import carried
from tests.support.desk import Desk, exchange
from tests.support.ministry import YEAR, Ministry


def rotate(hague: Ministry, post: str, *pairs: tuple[SigningKey, SigningKey]) -> bytes:
    """Return the leaf that rotates each old key into the new one beside it."""
    place = hague.place(post, Action.ROTATE)
    change = Rotations(
        rotations=tuple(
            Rotation(
                old=old.id,
                key=carried(new),
                until=hague.now + YEAR,
                proof=prove(new, place, nonce=hague.fresh(32), realm=hague.realm),
            )
            for old, new in pairs
        )
    )
    olds = [old for old, _ in pairs]
    return hague.entry(post, Action.ROTATE, change, [*hague.pair, *olds])


def append(desk: Desk, leaf: bytes) -> None:
    """Have the relay log a leaf that counts; nobody has seen it yet."""
    desk.ministry.log(leaf)
    desk.relay.logs[LogName.KEY].append(leaf)
    desk.relay.now += 60


def terminal_rotated(desk: Desk) -> SigningKey:
    """Log that a desk's terminal goes over to the key that it drew; return the key."""
    identity = desk.machine.identity
    new = identity.next_terminal = desk.ministry.key(f"{identity.post}/next")
    append(desk, rotate(desk.ministry, identity.post, (identity.terminal, new)))
    return new


def member_rotated(desk: Desk) -> SigningKey:
    """The same for the member who sits there."""
    identity = desk.machine.identity
    assert identity.member is not None
    new = identity.next_member = desk.ministry.key(f"{identity.post}/next member")
    append(desk, rotate(desk.ministry, identity.post, (identity.member, new)))
    return new


def settled(desks: Sequence[Desk]) -> None:
    """Let days pass until whatever waits for new prekeys or a beat has got through."""
    for _ in range(3):
        exchange(*desks)
        for desk in desks:
            desk.tick(60)
