"""What every connection of ours to SQLite believes of the disk, in this order.

1. ``synchronous=EXTRA`` **before** ``journal_mode=WAL``: set after the switch, or
   weaker, acknowledged rows were lost in simulated power cuts
   (docs/decisions/0013-group-commit-and-storage.md).
2. One connection writes at a time, and only who writes checkpoints: connections that
   checkpoint beside a writer have corrupted databases in SQLite releases that are still
   in use.  The relay's own writer and its scribe (:mod:`server.storage.scribe`) take
   turns; readers are ``query_only`` and never checkpoint.

Every writing transaction starts with ``BEGIN IMMEDIATE``: it takes the lock at
once, so that it cannot fail half-way on a lock it still has to get.
"""

from typing import Final

BUSY_TIMEOUT: Final = 10  # seconds a second process (``check``) is waited for

BEGIN: Final = "BEGIN IMMEDIATE"  # of a transaction that writes

# Of the relay's own writer, where it may wait and where nothing may.  The pages that a
# commit in the loop leaves are taken over by the next one that may wait.
PATIENT: Final = (
    f"PRAGMA busy_timeout = {1000 * BUSY_TIMEOUT}",
    "PRAGMA wal_autocheckpoint = 4000",  # pages: what changes often is written once
)
HASTY: Final = (
    "PRAGMA busy_timeout = 0",
    "PRAGMA wal_autocheckpoint = 0",
)

WRITER: Final = (
    "PRAGMA synchronous = EXTRA",
    "PRAGMA journal_mode = WAL",
    "PRAGMA foreign_keys = ON",
    *PATIENT,
    "PRAGMA cache_size = -16384",  # KiB: more than a batch writes
    "PRAGMA secure_delete = ON",  # what is erased is overwritten with zeros
)
READER: Final = (
    "PRAGMA wal_autocheckpoint = 0",
    "PRAGMA query_only = ON",
)
