"""The relay's tables, for SQLite and PostgreSQL alike.

==========  ===========================================================
envelopes   a sealed body, its sender and the leaf that speaks of it
deliveries  one wrap per mailbox: what a terminal fetches, by cursor
mailboxes   how far the cursors of a mailbox had come, and how many are erased
outstanding how much of each post each mailbox is owed: what quotas count
nacks       "seal it again", for the terminals that deposited
leaves      data of every leaf of both logs, in order
tiles       hashes of both trees, 256 to a row (C2SP tlog-tiles)
heads       size and root of both trees, and the last published note
manifests   published prekey manifests
prekeys     their public keys with path; one-time keys are marked spent
meta        what the store says of itself (:mod:`server.storage.meta`)
==========  ===========================================================

An envelope's number is the index of its leaf in the message log: the leaf and the
envelope are one fact.  (No column is called ``index``: a row is a tuple, which has
one.)  ``server.storage.check`` proves that they agree.

What was delivered is erased after a while (:mod:`server.services.retention`): its
delivery rows go, and of the envelope only the hashes stay that its leaf and a sender
who asks again need.  A null says "erased".
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)

metadata: Final = MetaData()

# In SQLite only INTEGER is the row's own number; BIGINT would be a second index.
Number = BigInteger().with_variant(Integer, "sqlite")

envelopes: Final = Table(
    "envelopes",
    metadata,
    Column("leaf", Number, primary_key=True, autoincrement=False),
    Column("name", LargeBinary(32), nullable=False, unique=True),  # H(envelope)
    Column("body_hash", LargeBinary(32), nullable=False),
    Column("suite", SmallInteger, nullable=False),
    Column("received", BigInteger, nullable=False),  # POSIX seconds, relay's clock
    Column("message_id", LargeBinary(16)),  # null with the body
    Column("sender", LargeBinary(32)),  # the terminal's key id; null with the body
    Column("dropped", BigInteger),  # POSIX seconds; null: nobody was left without it
    Column("body", LargeBinary),  # null: erased
)

deliveries: Final = Table(
    "deliveries",
    metadata,
    Column("mailbox", LargeBinary(16), primary_key=True),
    Column("cursor", BigInteger, primary_key=True, autoincrement=False),
    Column("leaf", Number, ForeignKey(envelopes.c.leaf), nullable=False, index=True),
    Column("lane", SmallInteger, nullable=False),
    Column("kid", LargeBinary(32), nullable=False),
    Column("wrap", LargeBinary, nullable=False),
    Column("post", Text, nullable=False),  # that deposited it: whose quota it is
    Column("size", BigInteger, nullable=False),  # bytes that count for the quota
    Column("acknowledged", BigInteger),  # POSIX seconds; null: still owed
    Column("told", BigInteger),  # POSIX seconds: the depositor knows that it goes
)
# What is owed stays small however much was delivered: these hold only that.
Index(
    "deliveries_owed",
    deliveries.c.mailbox,
    deliveries.c.lane,
    deliveries.c.cursor,
    sqlite_where=deliveries.c.acknowledged.is_(None),
    postgresql_where=deliveries.c.acknowledged.is_(None),
)
Index(
    "deliveries_done",
    deliveries.c.acknowledged,
    sqlite_where=deliveries.c.acknowledged.is_not(None),
    postgresql_where=deliveries.c.acknowledged.is_not(None),
)

mailboxes: Final = Table(
    "mailboxes",
    metadata,
    Column("mailbox", LargeBinary(16), primary_key=True),
    Column("cursor", BigInteger, nullable=False),  # the highest that was erased
    Column("erased", BigInteger, nullable=False),  # how many were
)

outstanding: Final = Table(
    "outstanding",
    metadata,
    Column("post", Text, primary_key=True),  # that deposited
    Column("mailbox", LargeBinary(16), primary_key=True),  # whom for
    Column("messages", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
)

nacks: Final = Table(
    "nacks",
    metadata,
    Column("name", LargeBinary(32), primary_key=True),  # H(nack)
    Column("depositor", LargeBinary(32), primary_key=True, index=True),
    Column("received", BigInteger, nullable=False),
    Column("nack", LargeBinary, nullable=False),
)

leaves: Final = Table(
    "leaves",
    metadata,
    Column("log", SmallInteger, primary_key=True),  # protocol.requests.LogName
    Column("place", BigInteger, primary_key=True, autoincrement=False),
    Column("data", LargeBinary, nullable=False),
)

tiles: Final = Table(
    "tiles",
    metadata,
    Column("log", SmallInteger, primary_key=True),
    Column("level", SmallInteger, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("hashes", LargeBinary(8192), nullable=False),
)

heads: Final = Table(
    "heads",
    metadata,
    Column("log", SmallInteger, primary_key=True, autoincrement=False),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary(32), nullable=False),
    Column("note_size", BigInteger, nullable=False),
    Column("note", LargeBinary, nullable=False),  # empty: none published yet
)

manifests: Final = Table(
    "manifests",
    metadata,
    Column("name", LargeBinary(32), primary_key=True),  # H(manifest)
    Column("terminal", LargeBinary(32), nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("manifest", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("entry", BigInteger, nullable=False),  # index in the key log
    UniqueConstraint("terminal", "number"),
)

prekeys: Final = Table(
    "prekeys",
    metadata,
    Column("manifest", LargeBinary(32), primary_key=True),
    Column("place", BigInteger, primary_key=True, autoincrement=False),
    Column("one_time", SmallInteger, nullable=False),
    Column("valid_from", BigInteger, nullable=False),
    Column("valid_until", BigInteger, nullable=False),
    Column("key", LargeBinary, nullable=False),
    Column("path", LargeBinary, nullable=False),  # hashes of 32 bytes, leaf upwards
    Column("spent", BigInteger),  # POSIX seconds; null: may be handed out
    ForeignKeyConstraint(["manifest"], [manifests.c.name]),
)
Index(
    "prekeys_unspent",
    prekeys.c.manifest,
    prekeys.c.place,
    sqlite_where=(prekeys.c.spent.is_(None)) & (prekeys.c.one_time == 1),
    postgresql_where=(prekeys.c.spent.is_(None)) & (prekeys.c.one_time == 1),
)

meta: Final = Table(
    "meta",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)
