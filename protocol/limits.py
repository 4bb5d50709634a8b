"""Every bound in one place: a number, a unit and a reason.

Bounds are checked before work is done on what a peer sent.  A bound that policy
may change has its default here and its name in the root document's policy.
"""

from typing import Final

KIB: Final = 1024

MAX_DEPTH: Final = 12  # nested arrays and maps: documents need 7, room for growth
MAX_ITEMS: Final = 10_000  # CBOR items in one document: bounds decode time
MAX_RECORD: Final = 4 * 1024 * KIB  # bytes: prose is small, files are attachments
MAX_ENVELOPE: Final = 8 * 1024 * KIB  # bytes: record plus 1,000 wraps
MAX_DOCUMENT: Final = 256 * KIB  # bytes: one signed document of the key log
MAX_ADDRESSEES: Final = 1_000  # posts or terminals in one message
# Bytes of the key log that a client keeps in memory while no checkpoint covers them:
# the largest ministry (1,000 posts, a manifest a day each) fills it in seven years.
MAX_UNCOVERED: Final = 256 * KIB * KIB
ENTRY_COST: Final = 64  # bytes more for each of them: what an object takes in memory
MAX_SIGNATURES: Final = 16  # on one document: checked before any is verified
MAX_ATTACHMENTS: Final = 64  # per record
MAX_RECEIPTS: Final = 64  # receipt statements per record
MAX_MANIFEST_STEP: Final = 1 << 20  # between the numbers of two notices: see PRE-18
MAX_STREAM_HOLES: Final = 1_024  # records above the floor of one stream
MAX_NOTE: Final = 64 * KIB  # bytes of a signed note
MAX_RESEALS: Final = 3  # answers to a nack, each to a key not used before
MAX_TEXT: Final = 128 * KIB  # bytes of UTF-8 in one text field
