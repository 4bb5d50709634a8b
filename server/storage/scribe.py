"""The relay's half of its scribe, the process that writes deposits.

The interpreter runs one thread at a time, and a relay that is busy needs it for its
sessions.  So the loop makes a batch's rows and hands them over; the scribe packs them
into pages, writes and waits for the disk on another core
(:mod:`server.storage.scribe_main`).  All that decides stays here: cursors, counts and
heads are the relay's, and the scribe's statements fail where they do not agree.

Two transactions may be under way; the second builds on the first and fails with it.
Whoever writes in the relay itself waits until none is.  Neither lives without the
other: the relay stops when the scribe is gone, and the scribe with the relay.
"""

import asyncio
import mmap
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final, NoReturn

import msgspec
from sqlalchemy import CursorResult, Dialect, Executable, Table

from server.storage.dictation import ASKED, MAX_ANSWER, SLOT, SLOTS, Outcome, Step
from server.storage.executor import Parameters
from server.storage.interfaces import StoreBrokenError
from server.storage.statements import CHUNKS, Rows, Statement, insert_of_rows

PROGRAM: Final = "server.storage.scribe_main"
ROOT: Final = Path(__file__).parents[2]
PATIENCE: Final = 10.0  # seconds that it has to end


class ReadsError(Exception):
    """A transaction that reads, or is too large: the relay runs it itself."""


class Dictated:
    """An executor of a transaction that only writes: it keeps the statements."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self.steps: list[Step] = []

    async def execute(
        self, _statement: Executable, _parameters: Parameters = None, /
    ) -> CursorResult[Any]:
        """Refuse: the answer would be needed here and now."""
        raise ReadsError

    async def scalar(self, _statement: Executable, /) -> NoReturn:
        """Refuse."""
        raise ReadsError

    async def rows(self, _statement: Statement, /, *_values: object) -> Rows:
        """Refuse."""
        raise ReadsError

    async def swap(self, statement: Statement, /, *values: object) -> None:
        """Keep a compare and swap."""
        text, given = statement.on(self._dialect, values)
        self.steps.append(Step(text, given, swap=True))

    async def insert(self, table: Table, rows: Rows, otherwise: str = "", /) -> None:
        """Keep an INSERT of whole rows, many in one statement."""
        start = 0
        for size in CHUNKS:
            while len(rows) - start >= size:
                given = chain.from_iterable(rows[start : start + size])
                text = insert_of_rows(table, self._dialect, size) + otherwise
                self.steps.append(Step(text, tuple(given)))
                start += size


def _nobody() -> None:
    """Nobody waits."""


class Scribe:
    """The process, and what it was asked and has not answered."""

    def __init__(self, database: Path, keep: Sequence[int] = ()) -> None:
        """Start it.

        Args:
            database: whose tables are up to date.
            keep: descriptors that it holds open as long as it lives.

        Raises:
            OSError: it cannot be started.
        """
        loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[None] = loop.create_future()
        self.wake: Callable[[], None] = _nobody  # there are answers, or it is gone
        self._answers: list[tuple[Outcome, str]] = []
        self._under_way = 0
        self._asked = 0  # so far
        self._encoder = msgspec.msgpack.Encoder()
        memory = os.memfd_create("koerier-scribe", os.MFD_CLOEXEC)
        os.ftruncate(memory, SLOT * SLOTS)
        self._memory = mmap.mmap(memory, SLOT * SLOTS)
        self._socket, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.setblocking(False)  # noqa: FBT003 -- its name says it
        numbers = map(str, (other.fileno(), memory, os.getpid()))
        try:
            self._process = subprocess.Popen(  # noqa: S603 -- our own program
                [sys.executable, "-m", PROGRAM, str(database.resolve()), *numbers],
                pass_fds=(other.fileno(), memory, *keep),
                stdin=subprocess.DEVNULL,
                cwd=ROOT,
            )
        finally:
            other.close()
            os.close(memory)
        loop.add_reader(self._socket, self._hear)

    async def there(self) -> None:
        """Wait until it works.

        Raises:
            StoreBrokenError: it could not begin.
        """
        begun = asyncio.Event()
        self.wake = begun.set
        self._under_way += 1  # what it says unasked
        await begun.wait()
        self.answers()

    @property
    def room(self) -> bool:
        """Whether it takes another transaction."""
        return self._under_way < SLOTS

    @property
    def busy(self) -> bool:
        """Whether it has not answered all."""
        return self._under_way > 0

    def ask(self, steps: Sequence[Step]) -> None:
        """Let it run a transaction, after what is under way; there is room.

        Raises:
            ReadsError: it is too large.
            StoreBrokenError: it is gone.
        """
        content = self._encoder.encode(steps)
        if len(content) > SLOT:
            raise ReadsError
        slot = self._asked % SLOTS
        self._memory[slot * SLOT : slot * SLOT + len(content)] = content
        try:
            self._socket.send(ASKED.pack(slot, len(content), not self._under_way))
        except OSError:
            self._gone()
        self._asked += 1
        self._under_way += 1

    def answers(self) -> list[tuple[Outcome, str]]:
        """Return what it answered since the last time, in order.

        Raises:
            StoreBrokenError: it is gone.
        """
        heard, self._answers = self._answers, []
        self._under_way -= len(heard)
        if not heard and self.lost.done():
            self._gone()
        return heard

    def _gone(self) -> NoReturn:
        raise StoreBrokenError("the scribe is gone")

    def _hear(self) -> None:
        try:
            while answer := self._socket.recv(MAX_ANSWER):
                self._answers.append((Outcome(answer[0]), answer[1:].decode("ascii")))
        except BlockingIOError:
            pass
        except OSError:
            self._lose()
        else:
            self._lose()
        self.wake()

    def _lose(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        if not self.lost.done():
            self.lost.set_result(None)

    def leave(self) -> None:
        """Hang up: it ends when it has done what it was asked."""
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def ended(self) -> None:
        """Return when it has ended; one that does not is killed."""
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._memory.close()
