"""The relay of a council: the real services over a disk, and every lie it may tell.

It makes the key log and its own notes, so it can log what counts for nothing, say that
it logged what it dropped, keep news back, show old notes or another history.  What it
cannot do is sign for others.
"""

import enum
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import aiohttp

from crypto.merkle import leaf_hash
from crypto.notekey import NoteAlgorithm
from crypto.types import KeyId, Mailbox
from protocol.codec import Message, encode
from protocol.directory_view import Terminal
from protocol.errors import ProtocolError, UnauthenticatedError
from protocol.requests import Ask, LogName, Request
from server.app import Parts, Ports, Rules, founded, wired
from server.config import Quotas, Retention
from server.keyring import RelayRing
from server.services.checkpoints import Signing
from server.services.staging import Staging
from server.storage.interfaces import Tables
from server.web.dispatch import Caller, answer
from tests.support.keys import drawn
from tests.support.sim.disk import Mortal, SimStore, new_engine
from tests.support.sim.loop import Process, SimLoop
from tests.support.sim.stage import Stage
from tests.support.sim.witness import WitnessHttp
from tests.support.witnesses import note_key

R = TypeVar("R")
QUOTAS = Quotas(
    post_per_minute=1_000_000, pair_per_minute=1_000_000, one_time_per_hour=1_000_000
)
LONG = 3_600.0  # virtual seconds that one question may take


class RelayDiedError(Exception):
    """It died under the question; it may have done what was asked."""


class Append(enum.Enum):
    """What it does with a document that a terminal brings."""

    HONEST = 0
    DROP = 1  # says that it is logged
    FORCE = 2  # logs it, whatever it is worth


@dataclass(eq=False)
class FakeSession:
    """A session of a terminal: all that matters here is whether it was ended."""

    terminal: KeyId
    mailbox: Mailbox
    ended: bool = False

    def wake(self) -> None:
        """Nobody waits for hints here."""

    def grown(self) -> None:
        """Nobody waits for hints here."""

    def nacked(self) -> None:
        """Nobody waits for hints here."""

    def end(self, *, going: bool = False) -> None:  # noqa: ARG002 -- the interface's
        self.ended = True


class CouncilRelay:
    """One relay through all its lives."""

    def __init__(self, stage: Stage, first: bytes, witnesses: WitnessHttp) -> None:
        self.engine = new_engine()
        self.lives = 0
        self.parts: Parts
        self.process = Process("relay")
        self.mortal = Mortal(self.process, lambda _: None)
        self.http = cast("aiohttp.ClientSession", witnesses)
        self.reborn: Callable[[], None] = lambda: None
        self._stage = stage
        self._first = first
        self._ready: Parts | None = None

    @property
    def _loop(self) -> SimLoop:
        return self._stage.loop

    # --- lives

    def start(self) -> None:
        self.lives += 1
        self.process = self._loop.process("relay")
        self.mortal = Mortal(self.process, lambda _: self._loop.kill(self.process))
        self._ready = None
        self._loop.spawn(self.process, self._main(self.mortal))
        if not self._loop.run(lambda: self._ready is not None, LONG):
            raise AssertionError("the relay does not start")
        if self.lives > 1:
            self.reborn()

    async def _main(self, mortal: Mortal) -> None:
        store = SimStore(self.engine, mortal, _no_pause)
        entropy = drawn(f"relay/{self.lives}")
        state = await founded(store, self._first, Ports(self._stage.clock, entropy))
        notes = {
            LogName.KEY: [note_key("key", NoteAlgorithm.ED25519)],
            LogName.MESSAGE: [note_key("message", NoteAlgorithm.ED25519)],
        }
        ring = RelayRing([self._stage.ministry.relay], notes)
        rules = Rules(Signing(ring, {}, 1.0), QUOTAS, Retention())
        ports = Ports(self._stage.clock, entropy)
        self.parts = parts = wired(store, state, rules, ports)
        self._loop.spawn(self.process, parts.relay.committer.run())
        self._ready = parts

    def restart(self) -> None:
        """Let it die, if it lives, and live again."""
        self._loop.kill(self.process)
        self.start()

    # --- asking it

    def call(self, work: Callable[[Parts], Coroutine[Any, Any, R]]) -> R:
        """Return what ``work`` finds at the relay.

        Raises:
            ProtocolError: its refusal.
            RelayDiedError: it died; it lives again by now.
        """

        async def guarded() -> tuple[R | None, ProtocolError | None]:
            try:
                return await work(self.parts), None
            except ProtocolError as error:
                return None, error

        task = self._loop.spawn(self.process, guarded())
        self._loop.run(lambda: task.done() or not self.process.alive, LONG)
        if not self.process.alive:
            self.start()
            raise RelayDiedError
        found, refusal = task.result()
        if refusal is not None:
            raise refusal
        return cast("R", found)

    def ask(
        self, caller: Terminal, ask: Ask, body: Message, lane: int = 2
    ) -> bytes | None:
        """Return the answer to a terminal's question; None: it was refused."""
        request = Request(number=1, ask=ask, body=encode(body))

        async def work(parts: Parts) -> bytes | None:
            who = Caller(parts.relay, caller, lane, lambda _: None)
            found = await answer(who, request)
            return None if found.code else found.body

        return self.call(work)

    def append(self, leaf: bytes) -> None:
        """Bring an honest relay a leaf.

        Raises:
            ProtocolError: its refusal.
        """
        self.call(lambda parts: parts.relay.logs.append(leaf))

    def force(self, *leaves: bytes) -> None:
        """Log leaves without a look at them."""

        async def job(_: Tables, staging: Staging) -> None:
            for leaf in leaves:
                staging.append(LogName.KEY, leaf, leaf_hash(leaf))
            staging.directory = staging.directory.logged(leaves, staging.now)

        self.call(lambda parts: parts.relay.committer.perform(job))

    def inject(self, leaf: bytes) -> int:
        """Log the leaf of an envelope that the services would refuse; its index."""

        async def job(_: Tables, staging: Staging) -> int:
            index = staging.next_index(LogName.MESSAGE)
            staging.append(LogName.MESSAGE, leaf, leaf_hash(leaf))
            return index

        return self.call(lambda parts: parts.relay.committer.perform(job))

    def publish(self) -> None:
        """Let witnesses cosign both logs, if a quorum of them can be reached."""
        self.call(lambda parts: _void(parts.checkpoints.round(self.http)))

    def size(self, log: LogName) -> int:
        return self.parts.relay.logs.size(log)

    def leaves(self, log: LogName, start: int) -> list[bytes]:
        most = self.size(log) - start
        if not most:
            return []
        found = self.call(lambda parts: parts.relay.logs.leaves(log, start, most))
        return list(found)

    # --- sessions

    def meet(self, key: KeyId, *, honest: bool = True) -> Terminal:
        """Return the terminal that knocks.

        Raises:
            UnauthenticatedError: it may have no session.
        """
        directory, now = self.parts.relay.directory, self._stage.clock.wall()
        if honest:
            return directory.terminal(key, now)
        found = directory.view(now).terminal(key)
        if found is None:
            raise UnauthenticatedError
        return found

    def join(self, caller: Terminal) -> FakeSession:
        session = FakeSession(caller.key_id, caller.mailbox)
        self.parts.relay.presence.join(session)
        return session


async def _no_pause() -> None:
    """Take no time: what is under way at once is tested in whole worlds."""


async def _void(work: Awaitable[None]) -> None:
    await work
