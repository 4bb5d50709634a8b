"""The first version of the relay's schema.

Not released yet: until it is, it changes with server/storage/tables.py and no second
version is made.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
OWED = sa.text("acknowledged IS NULL")
DONE = sa.text("acknowledged IS NOT NULL")
UNSPENT = sa.text("spent IS NULL AND one_time = 1")


def upgrade() -> None:
    """Make every table."""
    _envelopes()
    _deliveries()
    _logs()
    _prekeys()
    _meta()
    _blobs()


def _column(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _envelopes() -> None:
    op.create_table(
        "envelopes",
        sa.Column("leaf", NUMBER, primary_key=True, autoincrement=False),
        _column("name", sa.LargeBinary(32)),
        _column("body_hash", sa.LargeBinary(32)),
        _column("suite", sa.SmallInteger()),
        _column("received", sa.BigInteger()),
        sa.Column("message_id", sa.LargeBinary(16)),
        sa.Column("sender", sa.LargeBinary(32)),
        sa.Column("dropped", sa.BigInteger()),
        sa.Column("body", sa.LargeBinary()),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "nacks",
        sa.Column("name", sa.LargeBinary(32), primary_key=True),
        sa.Column("depositor", sa.LargeBinary(32), primary_key=True),
        _column("received", sa.BigInteger()),
        _column("nack", sa.LargeBinary()),
    )
    op.create_index("ix_nacks_depositor", "nacks", ["depositor"])


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("mailbox", sa.LargeBinary(16), primary_key=True),
        sa.Column("cursor", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("leaf", NUMBER, sa.ForeignKey("envelopes.leaf"), nullable=False),
        _column("lane", sa.SmallInteger()),
        _column("kid", sa.LargeBinary(32)),
        _column("wrap", sa.LargeBinary()),
        _column("post", sa.Text()),
        _column("size", sa.BigInteger()),
        sa.Column("acknowledged", sa.BigInteger()),
        sa.Column("told", sa.BigInteger()),
    )
    op.create_index("ix_deliveries_leaf", "deliveries", ["leaf"])
    partial = {
        "deliveries_owed": (["mailbox", "lane", "cursor"], OWED),
        "deliveries_done": (["acknowledged"], DONE),
    }
    for name, (columns, where) in partial.items():
        op.create_index(
            name, "deliveries", columns, sqlite_where=where, postgresql_where=where
        )
    op.create_table(
        "mailboxes",
        sa.Column("mailbox", sa.LargeBinary(16), primary_key=True),
        _column("cursor", sa.BigInteger()),
        _column("erased", sa.BigInteger()),
    )
    op.create_table(
        "outstanding",
        sa.Column("post", sa.Text(), primary_key=True),
        sa.Column("mailbox", sa.LargeBinary(16), primary_key=True),
        _column("messages", sa.BigInteger()),
        _column("bytes", sa.BigInteger()),
    )


def _logs() -> None:
    op.create_table(
        "leaves",
        sa.Column("log", sa.SmallInteger(), primary_key=True),
        sa.Column("place", sa.BigInteger(), primary_key=True, autoincrement=False),
        _column("data", sa.LargeBinary()),
    )
    op.create_table(
        "tiles",
        sa.Column("log", sa.SmallInteger(), primary_key=True),
        sa.Column("level", sa.SmallInteger(), primary_key=True),
        sa.Column("number", sa.BigInteger(), primary_key=True, autoincrement=False),
        _column("hashes", sa.LargeBinary(8192)),
    )
    op.create_table(
        "heads",
        sa.Column("log", sa.SmallInteger(), primary_key=True, autoincrement=False),
        _column("size", sa.BigInteger()),
        _column("root", sa.LargeBinary(32)),
        _column("note_size", sa.BigInteger()),
        _column("note", sa.LargeBinary()),
    )


def _prekeys() -> None:
    op.create_table(
        "manifests",
        sa.Column("name", sa.LargeBinary(32), primary_key=True),
        _column("terminal", sa.LargeBinary(32)),
        _column("number", sa.BigInteger()),
        _column("manifest", sa.LargeBinary()),
        _column("signature", sa.LargeBinary()),
        _column("entry", sa.BigInteger()),
        sa.UniqueConstraint("terminal", "number"),
    )
    op.create_table(
        "prekeys",
        sa.Column(
            "manifest",
            sa.LargeBinary(32),
            sa.ForeignKey("manifests.name"),
            primary_key=True,
        ),
        sa.Column("place", sa.BigInteger(), primary_key=True, autoincrement=False),
        _column("one_time", sa.SmallInteger()),
        _column("valid_from", sa.BigInteger()),
        _column("valid_until", sa.BigInteger()),
        _column("key", sa.LargeBinary()),
        _column("path", sa.LargeBinary()),
        sa.Column("spent", sa.BigInteger()),
    )
    op.create_index(
        "prekeys_unspent",
        "prekeys",
        ["manifest", "place"],
        sqlite_where=UNSPENT,
        postgresql_where=UNSPENT,
    )


def _meta() -> None:
    op.create_table(
        "meta",
        sa.Column("name", sa.Text(), primary_key=True),
        _column("value", sa.LargeBinary()),
    )


def _blobs() -> None:
    op.create_table(
        "blobs",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
        _column("name", sa.LargeBinary(32)),
        _column("depositor", sa.LargeBinary(32)),
        _column("post", sa.Text()),
        _column("total", sa.BigInteger()),
        _column("durable", sa.BigInteger()),
        _column("announced", sa.BigInteger()),
        sa.Column("complete", sa.BigInteger()),
        sa.Column("dropped", sa.BigInteger()),
        sa.UniqueConstraint("depositor", "name"),
    )
    for column in ("name", "post"):
        op.create_index(f"ix_blobs_{column}", "blobs", [column])
    op.create_table(
        "blob_parts",
        sa.Column("number", NUMBER, sa.ForeignKey("blobs.number"), primary_key=True),
        sa.Column("place", sa.BigInteger(), primary_key=True, autoincrement=False),
        _column("data", sa.LargeBinary()),
    )
    op.create_table(
        "blob_owed",
        sa.Column("number", NUMBER, sa.ForeignKey("blobs.number"), primary_key=True),
        sa.Column("mailbox", sa.LargeBinary(16), primary_key=True),
        sa.Column("kept", sa.BigInteger()),
    )
    op.create_index("blob_owed_mailbox", "blob_owed", ["mailbox", "number"])
