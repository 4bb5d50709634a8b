"""Engines: how the relay opens its database, and what it believes of the disk.

SQLite, in this order, on every connection:

1. ``synchronous=EXTRA`` **before** ``journal_mode=WAL``: set after the switch, or
   weaker, acknowledged rows were lost in simulated power cuts
   (docs/decisions/0013-group-commit-and-storage.md).
2. One connection writes, and only it checkpoints: several checkpointing
   connections have corrupted databases in SQLite releases that are still in use.
   Readers are ``query_only`` and never checkpoint.

Every writing transaction starts with ``BEGIN IMMEDIATE``: it takes the lock at
once, so that it cannot fail half-way on a lock it still has to get.
"""

import os
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, QueuePool, create_engine, event
from sqlalchemy.engine import URL

from server.storage.executor import driver_of

READERS: Final = 4  # connections: reads are short, and a thread each
BUSY_TIMEOUT: Final = 10  # seconds a second process (``check``) is waited for

BEGIN: Final = "BEGIN IMMEDIATE"  # of a transaction that writes

_WRITER = (
    "PRAGMA synchronous = EXTRA",
    "PRAGMA journal_mode = WAL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA wal_autocheckpoint = 4000",  # pages: what changes often is written once
    "PRAGMA cache_size = -16384",  # KiB: more than a batch writes
    "PRAGMA secure_delete = ON",  # what is erased is overwritten with zeros
)
_READER = (
    "PRAGMA wal_autocheckpoint = 0",
    "PRAGMA query_only = ON",
)


def sqlite_writer(path: Path) -> Engine:
    """Return the engine of the one connection that writes ``path``.

    The file is made for its owner only, before SQLite opens it: SQLite gives its
    ``-wal`` and ``-shm`` files the mode of the database.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    path.chmod(0o600)
    return _sqlite(path, _WRITER, connections=1, begin=BEGIN)


def sqlite_reader(path: Path) -> Engine:
    """Return the engine of the connections that can only read ``path``."""
    return _sqlite(path, _READER, connections=READERS, begin="BEGIN DEFERRED")


def _sqlite(
    path: Path, pragmas: tuple[str, ...], *, connections: int, begin: str
) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        poolclass=QueuePool,
        pool_size=connections,
        max_overflow=0,
        # A connection goes from thread to thread, never to two at a time.
        connect_args={"timeout": BUSY_TIMEOUT, "check_same_thread": False},
        hide_parameters=True,  # an error text never holds what was stored
    )

    @event.listens_for(engine, "connect")
    def connect(connection: Any, _record: object) -> None:  # noqa: ANN401 -- DBAPI's
        connection.isolation_level = None  # BEGIN is ours, below
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(pragma)
        cursor.close()

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        driver = driver_of(connection)
        if not driver.in_transaction:  # else it began at the driver, and is this one
            driver.execute(begin)

    return engine
