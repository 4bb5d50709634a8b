"""Restrictions and zeroise orders: the fast direction, which is the safe one.

A restriction cuts a key to a highest level, or to nothing.  One operator may make
it, or the key itself; the post's paper key may cut any key of its post to nothing.
It stands in no chain, so that a hostile relay cannot void it by logging something
else first: the same bytes go to the key log and, as a *bulletin*, to every witness,
and count at any position and in any order.  It never lapses.  It ends by a lift or
a re-enrolment of the post that lists ``H(restriction)``, and is dead from then on.

A restriction of the paper key's own id is a restriction of the whole post.

Source: docs/spec/root-and-directory.md section 6.
"""

from protocol.codec import Message
from protocol.fields import V1, Bytes32, KeyIdField, Line, Time
from protocol.label import Level


class Restriction(Message):
    """The signed document of usage ``suspend``."""

    v: V1
    key: KeyIdField  # of a terminal or member; of the paper key: the whole post
    highest: Level | None = None  # absent: nothing any more, a suspension
    time: Time  # makes a later restriction another document
    reason: Line


class ZeroiseOrder(Message):
    """Destroy your vault: usage ``zeroise``, by two operators."""

    v: V1
    key: KeyIdField  # of the terminal that is to obey, and of no other
    nonce: Bytes32
    time: Time
    reason: Line
