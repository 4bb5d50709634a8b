"""Alarms: what people are told, as codes; each stands until its cause goes away.

An alarm is never a verdict.  It says what this terminal saw, and the words' catalogue
says what to do and whom to call (``alarm`` and ``alarm-do`` in client/locale).  The
same cause is one alarm however often it shows itself: a relay that lies a million
times fills no vault.
"""

import enum
from typing import Final

from client.core.ports import Vault
from crypto.types import Digest

OVER: Final = "-over"  # an event: the cause of the alarm before it went away


class Alarm(enum.StrEnum):
    """Stored in the vault.  A word is never reused for something else."""

    # --- the relay, the logs
    RELAY_NOT_OURS = "relay-not-ours"  # another key or pin than the root document's
    RELAY_ODD = "relay-odd"  # an answer that does not verify
    SPLIT_VIEW = "split-view"  # two logs where one should be
    LOG_WITHHELD = "log-withheld"  # witnesses show more of it than the relay
    LEAF_LOST = "leaf-lost"  # not where it was promised: deposited again
    LEAF_ODD = "leaf-odd"  # logged as something else than was deposited
    PREKEY_ODD = "prekey-odd"  # a prekey that is not its terminal's
    DIRECTORY_STALE = "directory-stale"  # no checkpoint that is fresh enough
    CLOCK_WRONG = "clock-wrong"  # behind what the witnesses say
    WITNESS_ODD = "witness-odd"  # an answer that is not a witness's
    # --- the root document
    ROOT_90_DAYS = "root-ends-90"  # it ends in so many days
    ROOT_30_DAYS = "root-ends-30"
    ROOT_7_DAYS = "root-ends-7"
    ROOT_ENDED = "root-ended"  # nothing is sealed any more
    # --- another terminal, or somebody between
    UNREADABLE = "unreadable"  # does not open, or is nobody's
    PREKEY_UNKNOWN = "prekey-unknown"  # sealed to a prekey that never was ours
    FORK = "fork"  # one place in a stream, two records
    STREAM_ODD = "stream-odd"  # a peer has in our stream what we did not put there
    HOLE = "hole"  # places of a stream that stay empty
    RESTORED = "restored"  # a terminal goes on in a new stream
    TWO_STREAMS = "two-streams"  # two streams of one terminal advance in turn
    RESTRICTED = "restricted"  # told by a witness: nothing more is sealed to it
    HELD = "held"  # under a key that has ended
    RECEIPT_ODD = "receipt-odd"  # about what we did not send, or sent to others
    NACK_ODD = "nack-odd"  # a nack that its terminal did not make
    # --- this terminal
    OWN_KEY_CHANGED = "own-key-changed"  # without a signature of ours
    OWN_RESTRICTED = "own-restricted"
    OWN_ZEROISED = "own-zeroised"  # a terminal of ours is to destroy its vault
    KEY_90_DAYS = "key-ends-90"  # of this terminal, or of a member of its post
    KEY_30_DAYS = "key-ends-30"
    KEY_7_DAYS = "key-ends-7"
    PREKEYS_LOST = "prekeys-lost"  # the key sheet is gone
    # --- messages
    UNDELIVERED = "undelivered"  # no receipt by the deadline
    UNFETCHED = "unfetched"  # nobody came for it, and the relay lets it go
    RESEALS_SPENT = "reseals-spent"  # its prekeys keep disappearing
    OVERDUE = "overdue"  # not acknowledged by the deadline
    REFUSED = "refused"  # arrived, and refused by the addressee


# Somebody lies or two speak with one voice: commands end with the status for it.
INTEGRITY: Final = frozenset(
    {
        Alarm.RELAY_NOT_OURS,
        Alarm.RELAY_ODD,
        Alarm.SPLIT_VIEW,
        Alarm.LOG_WITHHELD,
        Alarm.LEAF_ODD,
        Alarm.PREKEY_ODD,
        Alarm.UNREADABLE,
        Alarm.PREKEY_UNKNOWN,
        Alarm.FORK,
        Alarm.STREAM_ODD,
        Alarm.TWO_STREAMS,
        Alarm.RECEIPT_ODD,
        Alarm.NACK_ODD,
        Alarm.OWN_KEY_CHANGED,
    }
)


class Alarms:
    """Raises and ends alarms, inside the caller's transaction."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def tell(
        self, what: Alarm, now: int, name: Digest | None = None, post: str = ""
    ) -> bool:
        """Raise an alarm; one that stands already is only counted.  True: it is new.

        Args:
            what: the cause.
            now: the wall clock, POSIX seconds.
            name: the record that it is about.
            post: whom it is about.
        """
        fresh = self._vault.raise_alarm(now, what.value, name, post)
        if fresh:
            self._vault.add_event(now, what.value, name, post)
        return fresh

    def over(
        self, what: Alarm, now: int, name: Digest | None = None, post: str = ""
    ) -> None:
        """Note that the cause of an alarm went away; nothing if it never stood."""
        if self._vault.end_alarm(now, what.value, name, post):
            self._vault.add_event(now, what.value + OVER, name, post)
