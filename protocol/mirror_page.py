"""What a mirror hands out: consecutive entries of one log, page by page.

Nothing of it is believed for where it comes from: entries prove themselves, or lead to
a root that a quorum of witnesses cosigned.  Source: docs/spec/log.md section 5.
"""

from typing import Annotated, Final

from msgspec import Meta

from protocol.codec import Message
from protocol.fields import UInt48
from protocol.key_log_entry import MAX_LEAF
from protocol.limits import KIB, MAX_NOTE
from protocol.root import Origin

MAX_PUSH: Final = 4_096  # entries
MAX_PUSH_BYTES: Final = 2 * 1024 * KIB  # of entries, unless one alone is more
# bytes of a page, and of what a relay pushes to a mirror
MAX_BODY: Final = MAX_PUSH_BYTES + MAX_LEAF + MAX_PUSH * 8 + MAX_NOTE + 4 * KIB

Leaves = Annotated[
    tuple[Annotated[bytes, Meta(max_length=MAX_LEAF)], ...],
    Meta(max_length=MAX_PUSH),
]


class Page(Message):
    """Consecutive entries of one log, as a mirror holds them."""

    origin: Origin
    start: UInt48
    entries: Leaves = ()
