"""The scribe: a process that writes deposits, so that two cores share the work.

    python -m server.storage.scribe_main DATABASE SOCKET MEMORY PARENT

It knows no rule of the relay.  It gets transactions whose statements and rows are
ready, runs one after another over a connection of its own, and says of each what became
of it when that is durable (:mod:`server.storage.scribe` has both forms).  What it
cannot read, or a disk that fails, ends it, and the relay with it.

It lives as long as its relay and no longer: it ends when the socket does, and the
kernel kills it when the relay dies.  Nothing but this module and SQLite is loaded.
"""

import ctypes
import mmap
import os
import signal
import socket
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import msgspec

from server.storage.dictation import (
    ASKED,
    SLOT,
    SLOTS,
    Outcome,
    Step,
    answered,
)
from server.storage.pragmas import BEGIN, BUSY_TIMEOUT, WRITER

PR_SET_PDEATHSIG: Final = 1  # prctl(2)


class _SwapError(Exception):
    """A compare and swap that found no row: somebody else writes."""


class Scribe:
    """One connection, and what its last transaction left."""

    def __init__(self, database: str) -> None:
        self._connection = sqlite3.connect(
            database, timeout=BUSY_TIMEOUT, isolation_level=None
        )
        for pragma in WRITER:
            self._connection.execute(pragma)
        self._sound = False  # whether the last transaction was written

    def write(self, steps: Sequence[Step], *, anew: bool) -> bytes:
        """Run one transaction; return the answer, when it is durable or undone.

        Args:
            steps: its statements.
            anew: it builds on what is durable, and not on the transaction before it.
        """
        if not anew and not self._sound:
            return answered(Outcome.STALE)
        self._sound = False
        try:
            self._run(steps)
        except _SwapError:
            return answered(Outcome.BROKEN, "the log was changed by another writer")
        except sqlite3.Error as error:
            return answered(*_said(error))
        self._sound = True
        return answered(Outcome.DONE)

    def _run(self, steps: Sequence[Step]) -> None:
        self._connection.execute(BEGIN)
        try:
            for step in steps:
                self._step(step)
            # A crash before the end of COMMIT leaves nothing of the transaction, one
            # after it leaves all of it; the relay is told nothing, and tells nobody.
            self._connection.execute("COMMIT")
        except BaseException:
            self._connection.rollback()
            raise

    def _step(self, step: Step) -> None:
        rows = self._connection.execute(step.text, step.values)
        if step.swap and len(rows.fetchall()) != 1:
            raise _SwapError

    def close(self) -> None:
        """Give up the connection."""
        self._connection.close()


def _said(error: sqlite3.Error) -> tuple[Outcome, str]:
    name = str(getattr(error, "sqlite_errorname", None) or type(error).__name__)
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
        return Outcome.FULL, name
    if isinstance(error, sqlite3.IntegrityError):
        return Outcome.CONFLICT, name
    return Outcome.BROKEN, name


def work(scribe: Scribe, connection: socket.socket, memory: memoryview) -> None:
    """Say that it is there; write what is asked, until the relay hangs up."""
    decoder = msgspec.msgpack.Decoder(list[Step])
    with suppress(ConnectionError):  # the relay is gone, and waits for no answer
        connection.send(answered(Outcome.DONE))
        while asked := connection.recv(ASKED.size):
            slot, size, anew = ASKED.unpack(asked)
            steps = decoder.decode(memory[slot * SLOT : slot * SLOT + size])
            connection.send(scribe.write(steps, anew=anew))


def outlived_by(parent: int) -> None:
    """Die with ``parent``; a signal for both of them is the parent's affair."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it was faster
        raise SystemExit(1)


def main(database: str, socket_fd: int, memory_fd: int, parent: int) -> None:
    """Be the scribe of ``parent``."""
    outlived_by(parent)
    with (
        socket.socket(fileno=socket_fd) as connection,
        mmap.mmap(memory_fd, SLOT * SLOTS, prot=mmap.PROT_READ) as mapped,
        memoryview(mapped) as memory,
    ):
        scribe = Scribe(database)
        work(scribe, connection, memory)
        scribe.close()


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:5]))
