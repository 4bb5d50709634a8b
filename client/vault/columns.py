"""Rows of the vault's tables as the core's values, and back."""

from typing import Final

from client.core.rows import Deposit, Target
from client.vault.database import Row
from crypto.types import PrekeyId
from protocol.codec import decode, encode
from protocol.delivery import Delivery, State
from protocol.slip import Place

RECORD: Final = (
    "name, id, way, type, post, at, document, inner, release,"
    " leaf, log_index, proof, refused"
)
TARGET: Final = (
    "name, terminal, post, stream, seq, prev,"
    " state, deadline, archive, envelope, kids, proven, whole, overdue, released,"
    " asked"
)
TARGET_MARKS: Final = "?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?"
DEPOSIT: Final = (
    "envelope, name, sealed, slip, commitment, leaf, lane, log_index, accepted, proof,"
    " size, signature"
)

DEPOSIT_MARKS: Final = "?,?,?,?,?,?,?,?,?,?,?,?"


def of_target(target: Target) -> Row:
    """Return a target as the values of its columns."""
    delivery = target.delivery
    return (
        *(target.name, target.terminal, target.post),
        *(target.place or (None, None, None)),
        *(delivery.state, delivery.deadline, delivery.archive, delivery.envelope),
        *(encode(delivery.kids), delivery.proven, delivery.whole),
        *(delivery.overdue, delivery.released, target.asked),
    )


def target_of(row: Row) -> Target:
    """Return the target of a row."""
    name, terminal, post, stream, seq, prev, state, deadline, archive, *rest = row
    envelope, kids, proven, whole, overdue, released, asked = rest
    delivery = Delivery(
        deadline=deadline,
        archive=bool(archive),
        state=State(state),
        envelope=envelope,
        kids=decode(kids, tuple[PrekeyId, ...]),
        proven=bool(proven),
        whole=bool(whole),
        overdue=bool(overdue),
        released=bool(released),
    )
    place = None if stream is None else Place(stream, seq, prev)
    return Target(name, terminal, post, place, delivery, asked)


def of_deposit(deposit: Deposit) -> Row:
    """Return a deposit as the values of its columns."""
    return (
        *(deposit.envelope, deposit.name, deposit.sealed, deposit.slip),
        *(deposit.commitment, deposit.leaf, deposit.lane, deposit.log_index),
        *(deposit.accepted, deposit.proof, deposit.size),
        deposit.signature,
    )
