"""What a relay pushes to a mirror: the entries that a checkpoint will cover.

``POST /mirror`` with one :class:`Push`; the answer is the number of entries of that
log which the mirror holds durably, in decimal.  It takes only what continues what it
holds, so a relay that does not know asks with an empty push.

A mirror believes nothing of a push: it cosigns a checkpoint only when the entries it
holds give the checkpoint's root.
"""

from collections.abc import Sequence
from typing import Annotated, Final

from msgspec import Meta

from protocol.codec import Message
from protocol.fields import UInt48
from protocol.key_log_entry import MAX_LEAF
from protocol.limits import KIB
from protocol.root import Origin

MAX_PUSH: Final = 4_096  # entries
MAX_PUSH_BYTES: Final = 2 * 1024 * KIB  # of entries, unless one alone is more
MAX_BODY: Final = MAX_PUSH_BYTES + MAX_LEAF + MAX_PUSH * 8 + KIB  # bytes


class Push(Message):
    """Consecutive entries of one log."""

    origin: Origin
    start: UInt48
    entries: Annotated[
        tuple[Annotated[bytes, Meta(max_length=MAX_LEAF)], ...],
        Meta(max_length=MAX_PUSH),
    ] = ()


def bounded(leaves: Sequence[bytes]) -> tuple[bytes, ...]:
    """Return as many of ``leaves`` as fit one push, at least the first."""
    taken: list[bytes] = []
    total = 0
    for leaf in leaves:
        total += len(leaf)
        if taken and total > MAX_PUSH_BYTES:
            break
        taken.append(leaf)
    return tuple(taken)
