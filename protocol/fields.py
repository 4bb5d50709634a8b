"""Field types of the messages: byte strings by length, numbers by range, text.

One alias per shape, used by every :class:`protocol.codec.Message`; msgspec checks
them on reading, so that a document of the wrong shape never becomes an object.
"""

from typing import Annotated, Literal

from msgspec import Meta

from crypto.types import (
    Digest,
    KeyId,
    Mailbox,
    MessageId,
    PrekeyId,
    PublicKey,
    Salt,
    Signature,
    StreamId,
)
from protocol.limits import MAX_TEXT

V1 = Literal[1]

Bytes16 = Annotated[bytes, Meta(min_length=16, max_length=16)]
Bytes32 = Annotated[bytes, Meta(min_length=32, max_length=32)]
DigestField = Annotated[Digest, Meta(min_length=32, max_length=32)]
KeyIdField = Annotated[KeyId, Meta(min_length=32, max_length=32)]
SaltField = Annotated[Salt, Meta(min_length=32, max_length=32)]
MessageIdField = Annotated[MessageId, Meta(min_length=16, max_length=16)]
MailboxField = Annotated[Mailbox, Meta(min_length=16, max_length=16)]
StreamIdField = Annotated[StreamId, Meta(min_length=16, max_length=16)]
PrekeyIdField = Annotated[PrekeyId, Meta(min_length=16, max_length=32)]
CommitmentField = Annotated[bytes, Meta(min_length=32, max_length=48)]
PublicKeyField = Annotated[PublicKey, Meta(min_length=32, max_length=4096)]
SignatureField = Annotated[Signature, Meta(min_length=64, max_length=8192)]

UInt8 = Annotated[int, Meta(ge=0, le=255)]
UInt32 = Annotated[int, Meta(ge=0, lt=1 << 32)]
UInt48 = Annotated[int, Meta(ge=0, lt=1 << 48)]
END_OF_TIME = 253_402_300_800  # the year 10000: every time below it has a date
Time = Annotated[int, Meta(ge=0, lt=END_OF_TIME)]  # POSIX seconds, UTC
Sequence = Annotated[int, Meta(ge=1, lt=1 << 48)]  # of a stream: the first is 1

Name = Annotated[str, Meta(min_length=1, max_length=200)]  # post, person, file
Line = Annotated[str, Meta(max_length=1000)]  # subject, reason: one line
Text = Annotated[str, Meta(max_length=MAX_TEXT)]  # prose
PostId = Annotated[str, Meta(pattern=r"\A[a-z0-9][a-z0-9-]{0,62}\Z")]
