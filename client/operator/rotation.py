"""What a post asks for when its keys are to follow one another.

The post makes the entry itself, since each old key has to sign it; operators add their
signatures to the same bytes (:class:`client.operator.documents.RotationRequest`).
Nothing else changes by it: number, mailbox, name and rights stay with the lineage.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from client.core.machine import Machine
from client.operator.documents import RotationRequest
from client.operator.enrolment import NONCE_BYTES
from crypto.entropy import Entropy
from crypto.sign import SigningKey, Usage
from protocol.directory_entry import Action, Rotation, Rotations
from protocol.errors import ChainError, FreshnessError
from protocol.policy import DAY
from protocol.proposal import next_place, propose, prove
from protocol.signed import carried, sign_document

TERMINAL_LIFE: Final = 731 * DAY  # seconds: two years
MEMBER_LIFE: Final = 366 * DAY  # one
OPEN: Final = 14 * DAY  # seconds for which operators may approve it


@dataclass(frozen=True, slots=True)
class Successor:
    """One key and the one that is to follow it."""

    old: SigningKey
    new: SigningKey
    life: int  # seconds from now


def ask_rotation(
    machine: Machine, successors: Sequence[Successor], now: int, entropy: Entropy
) -> RotationRequest:
    """Return the request, for the place of the post's next entry.

    Args:
        machine: of the terminal.
        successors: one at least, all of this post.
        now: the wall clock.
        entropy: draws the nonces of the proofs.

    Raises:
        FreshnessError: nothing was synchronised yet.
        ChainError: an old key is none of the post's, or not any more.
    """
    directory, identity = machine.beliefs.directory, machine.identity
    if directory is None:
        raise FreshnessError("nothing was synchronised yet")
    record = directory.state.posts.get(identity.post)
    if record is None or any(record.holder(one.old.id) is None for one in successors):
        raise ChainError("a key that is not current in this post")
    time = machine.beliefs.time(now)
    place = next_place(directory.state, identity.post, Action.ROTATE)
    rotations = tuple(
        Rotation(
            old=one.old.id,
            key=carried(one.new),
            until=time + one.life,
            proof=prove(
                one.new, place, nonce=entropy(NONCE_BYTES), realm=identity.realm
            ),
        )
        for one in successors
    )
    change = Rotations(rotations=rotations)
    entry = propose(
        place, change, expires=time + OPEN, reason="rotation, asked by the post"
    )
    olds = [one.old for one in successors]
    signed = sign_document(entry, olds, usage=Usage.DIR, realm=identity.realm)
    return RotationRequest(v=1, proposal=signed)
