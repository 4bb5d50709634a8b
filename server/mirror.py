"""What a relay pushes to a mirror, and gets back from it when its disk is lost.

``POST /mirror`` with one :class:`Push`; the answer is the number of entries of that
log which the mirror holds durably, in decimal.  It takes only what continues what it
holds, so a relay that does not know asks with an empty push.

A mirror believes nothing of a push, and stores nothing that the log did not sign: a
push carries the checkpoint that it leads to and the proof that the tree with these
entries is on its way.  So no stranger fills a mirror's disk or brings it off the way.

``GET /entries/{origin}/{start}`` answers with one
:class:`protocol.mirror_page.Page`.
"""

from collections.abc import Sequence
from typing import Annotated, Final

from msgspec import Meta

from protocol.codec import Message
from protocol.fields import DigestField, UInt48
from protocol.limits import MAX_NOTE
from protocol.mirror_page import MAX_PUSH_BYTES, Leaves
from protocol.root import Origin

MAX_PATH: Final = 64  # hashes of a consistency proof


class Push(Message):
    """Consecutive entries of one log, and why they are the log's.

    ``note`` is a checkpoint that the log signed, of a size not below the entries' end;
    ``consistency`` is the proof from their end to it.  Without entries both are empty:
    a question.
    """

    origin: Origin
    start: UInt48
    entries: Leaves = ()
    note: Annotated[bytes, Meta(max_length=MAX_NOTE)] = b""
    consistency: Annotated[tuple[DigestField, ...], Meta(max_length=MAX_PATH)] = ()


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
