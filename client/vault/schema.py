"""The vault's tables.  A change is a new step at the end, never an edit.

A vault's version is the number of steps it has taken; an older one takes the rest
when it is opened, each in a transaction of its own.

``way`` is 0 for what came in and 1 for what was written here.  Documents are kept
as the bytes that were signed; nothing is stored in a second form that could differ.
"""

from typing import Final

TABLES: Final = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;

-- the key log, as adopted: position, entry, witnessed time of adoption
CREATE TABLE entry (
    position INTEGER PRIMARY KEY, document BLOB NOT NULL, witnessed INTEGER NOT NULL
);

-- every record written or received; the archive
CREATE TABLE record (
    number INTEGER PRIMARY KEY,        -- in the order written or received
    name BLOB NOT NULL UNIQUE,         -- H(record)
    id BLOB NOT NULL,
    way INTEGER NOT NULL,
    type INTEGER NOT NULL,
    post TEXT NOT NULL,                -- who wrote it
    at INTEGER NOT NULL,               -- written or received, POSIX seconds
    document BLOB NOT NULL,            -- the record's bytes
    inner BLOB NOT NULL,               -- record, slip and signatures as opened; or b""
    release BLOB NOT NULL,             -- the releaser's signature, or b""
    leaf BLOB NOT NULL,                -- of the envelope it came in, or b""
    log_index INTEGER,
    proof BLOB,                        -- tlog-proof once verified
    refused TEXT                       -- reason, when kept unread
);
CREATE INDEX record_way ON record (way, number);

-- one row per record and receiving terminal; seq and prev are given once
CREATE TABLE target (
    name BLOB NOT NULL REFERENCES record (name),
    terminal BLOB NOT NULL,
    post TEXT NOT NULL,
    stream BLOB, seq INTEGER, prev BLOB,   -- place; NULL before the first seal
    -- protocol.delivery.Delivery, field by field
    state INTEGER NOT NULL,
    deadline INTEGER NOT NULL,
    archive INTEGER NOT NULL,
    envelope BLOB,                     -- H(envelope) of the current seal
    kids BLOB NOT NULL,                -- prekeys of all seals, joined
    proven INTEGER NOT NULL,
    whole INTEGER NOT NULL,
    overdue INTEGER NOT NULL,
    released INTEGER NOT NULL,
    PRIMARY KEY (name, terminal)
) WITHOUT ROWID;
CREATE INDEX target_state ON target (state);

-- sealed and not yet forgotten: a retry sends these very bytes
CREATE TABLE deposit (
    envelope BLOB PRIMARY KEY,         -- H(envelope)
    name BLOB NOT NULL REFERENCES record (name),
    sealed BLOB,                       -- the envelope; NULL once delivered everywhere
    slip BLOB NOT NULL,
    commitment BLOB NOT NULL,
    leaf BLOB NOT NULL,
    lane INTEGER NOT NULL,
    log_index INTEGER,
    accepted INTEGER NOT NULL DEFAULT 0,
    proof BLOB
) WITHOUT ROWID;
CREATE INDEX deposit_name ON deposit (name);

CREATE TABLE stream_out (
    terminal BLOB PRIMARY KEY, stream BLOB NOT NULL,
    seq INTEGER NOT NULL, prev BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE stream_in (
    terminal BLOB NOT NULL, stream BLOB NOT NULL, state BLOB NOT NULL,
    PRIMARY KEY (terminal, stream)
) WITHOUT ROWID;

-- receipts got for what was written here, and receipts still to be sent
CREATE TABLE receipt (
    name BLOB NOT NULL, post TEXT NOT NULL, kind INTEGER NOT NULL,
    signer BLOB NOT NULL, at INTEGER NOT NULL, reason TEXT NOT NULL,
    carrier BLOB NOT NULL,
    PRIMARY KEY (name, post, kind, signer)
) WITHOUT ROWID;
CREATE TABLE receipt_due (
    number INTEGER PRIMARY KEY, post TEXT NOT NULL, statement BLOB NOT NULL
);

-- prekeys used and to be erased from the key sheet: survives a crash in between
CREATE TABLE prekey_used (kid BLOB PRIMARY KEY) WITHOUT ROWID;

-- what happened, in the words of reason codes; shown by `watch` and the timeline
CREATE TABLE event (
    number INTEGER PRIMARY KEY, at INTEGER NOT NULL, what TEXT NOT NULL,
    name BLOB, post TEXT
);
"""

# Nacks, alarms, peers, and what holes and heartbeats look up.
FOLLOWING: Final = """
ALTER TABLE target ADD COLUMN asked INTEGER NOT NULL DEFAULT 0;  -- resends asked for
ALTER TABLE deposit ADD COLUMN size INTEGER NOT NULL DEFAULT 0;  -- bytes once sealed
CREATE INDEX target_place ON target (terminal, stream, seq);
CREATE INDEX target_open ON target (released, state);
CREATE INDEX record_id ON record (id);
CREATE INDEX deposit_body ON deposit (substr(leaf, 34));         -- H(body ciphertext)

-- nacks that the relay has not taken yet: the envelope they answer may be forgotten
CREATE TABLE nack_due (
    body BLOB PRIMARY KEY, document BLOB NOT NULL, signature BLOB NOT NULL,
    mailbox BLOB NOT NULL
) WITHOUT ROWID;

-- what people are to be told: one row per cause that has not ended
CREATE TABLE alarm (
    number INTEGER PRIMARY KEY, what TEXT NOT NULL, name BLOB, post TEXT NOT NULL,
    since INTEGER NOT NULL, last INTEGER NOT NULL, times INTEGER NOT NULL,
    ended INTEGER                      -- when its cause went away; NULL: it stands
);
CREATE INDEX alarm_what ON alarm (what, post);

-- one row per terminal that we exchange with
CREATE TABLE peer (
    terminal BLOB PRIMARY KEY,
    exchanged INTEGER NOT NULL,        -- when anything last came from it
    beaten INTEGER NOT NULL,           -- when we last sent it a heartbeat
    day INTEGER NOT NULL, minute INTEGER NOT NULL,  -- drawn for that day
    watch BLOB NOT NULL                -- its streams, protocol.clone_watch
) WITHOUT ROWID;

-- the message log's checkpoints as adopted: what was witnessed before a key ended
CREATE TABLE checkpoint (
    size INTEGER PRIMARY KEY, root BLOB NOT NULL, witnessed INTEGER NOT NULL
);
"""

# Several members: their keys, and whose word a waiting receipt is.
MEMBERS: Final = """
CREATE TABLE member (
    name TEXT PRIMARY KEY,
    public BLOB NOT NULL,              -- of the signing key
    seed BLOB NOT NULL                 -- boxed under the member's own key
) WITHOUT ROWID;
-- key id of the member who said it and will sign it; x'': the terminal
ALTER TABLE receipt_due ADD COLUMN signer BLOB NOT NULL DEFAULT x'';
"""

ATTACHMENTS: Final = """
-- attachments: ciphertext lies in the spool, keys in the record
CREATE TABLE blob (
    number INTEGER PRIMARY KEY,        -- in the order they came
    name BLOB NOT NULL REFERENCES record (name),
    blob BLOB NOT NULL,                -- SHA-256 of the ciphertext
    way INTEGER NOT NULL,
    file TEXT NOT NULL UNIQUE,         -- in the spool
    total INTEGER NOT NULL,            -- bytes of the ciphertext
    lane INTEGER NOT NULL,
    state INTEGER NOT NULL,            -- client.core.rows.BlobState
    suite INTEGER NOT NULL,            -- that it opened under; 0: not verified here
    UNIQUE (name, blob)
);
CREATE INDEX blob_open ON blob (way, lane, number) WHERE state <> 3;
"""

# Who is to acknowledge what by when; the row goes when it is done.
OBLIGATIONS: Final = """
CREATE TABLE obligation (
    name BLOB NOT NULL, post TEXT NOT NULL,  -- who must act: an addressee, or we
    due INTEGER NOT NULL, told INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (name, post)
) WITHOUT ROWID;
CREATE INDEX obligation_due ON obligation (told, due);
CREATE INDEX target_late ON target (overdue, deadline);
"""

# How urgent the record is that a waiting receipt answers.
URGENCY: Final = """
ALTER TABLE receipt_due ADD COLUMN precedence INTEGER NOT NULL DEFAULT 0;
"""

# What people wrote, newest first, however many receipts came between.
MESSAGES: Final = """
CREATE INDEX record_message ON record (way, number)
    WHERE refused IS NULL
    AND type IN (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
"""

# The terminal's signature over each slip, which else only the addressees have.
EVIDENCE: Final = """
ALTER TABLE deposit ADD COLUMN signature BLOB NOT NULL DEFAULT x'';
"""

STEPS: Final = (
    *(TABLES, FOLLOWING, MEMBERS, ATTACHMENTS, OBLIGATIONS, URGENCY, MESSAGES),
    EVIDENCE,
)
