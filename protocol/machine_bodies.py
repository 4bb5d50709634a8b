"""What terminals say to each other without a person: bodies without content.

They carry no label, since they quote nothing: names of records, counts and times.
Each takes a place in its stream; the ones that answer are never answered, so that
no two machines talk for ever (docs/spec/delivery-and-streams.md).
"""

import enum
from typing import Annotated

from msgspec import Meta

from protocol.bodies import Yes
from protocol.codec import Message
from protocol.fields import DigestField, Sequence, StreamIdField, Time, UInt48
from protocol.limits import MAX_NOTE
from protocol.slip import Heads

Note = Annotated[bytes, Meta(min_length=1, max_length=MAX_NOTE)]


class ReceiptBody(Message):
    """Nothing: the statements stand in the record's ``rcpts``."""


class HeartbeatBody(Message):
    """What stands between one pair of terminals, in both directions."""

    sent: UInt48  # highest seq given in the stream to the addressee
    sent_stream: StreamIdField
    received: UInt48  # floor of the stream from the addressee
    received_stream: StreamIdField | None = None  # absent: never got one
    received_hash: DigestField | None = None  # H(record) at the floor
    heads: Heads
    alive_until: Time | None = None  # dead-man check: expect the next one by
    signal: Yes | None = None  # reserved for the duress signal


class ResendBody(Message):
    """Asks for the records of a hole, both ends included."""

    stream: StreamIdField
    first: Sequence
    last: Sequence


class Alarm(enum.IntEnum):
    """What a terminal noticed about another one."""

    FORK = 1  # one place in a stream, two records
    NEW_STREAM = 2  # the terminal was restored
    TWO_STREAMS = 3  # two streams advance in turn: a clone
    SPLIT_VIEW = 4  # its logs are not ours
    OVERDUE = 5  # nobody acted in time
    FOREIGN_ENTRY = 6  # a key log entry about us that we did not sign


class AlarmBody(Message):
    """An alarm, never a verdict; both records of a fork by name."""

    alarm: Alarm
    stream: StreamIdField | None = None
    seq: Sequence | None = None
    records: Annotated[tuple[DigestField, ...], Meta(max_length=16)] = ()
    heads: Heads | None = None


class ViewQuestionBody(Message):
    """Asks for the cosigned checkpoints behind a record's ``dir`` (B19)."""

    record: DigestField
    heads: Heads


class ViewAnswerBody(Message):
    """The checkpoints; with them the log answers for the split, else we do."""

    question: DigestField
    key_note: Note
    message_note: Note
