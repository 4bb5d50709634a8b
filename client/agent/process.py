"""The agent: one process owns the vault of an unlocked terminal.

This is the wiring file of what lasts: clock, randomness, line and sockets come
together here and nowhere else.  The agent keeps the connection, moves the outbox,
and answers the commands that come over ``run/agent.sock``.
"""

import asyncio
import contextlib
import errno
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

from client.agent.bell import Bell
from client.agent.polling import Polling
from client.agent.rounds import Rounds
from client.agent.session import Session
from client.agent.succession import Succession, keep_roots
from client.agent.terminal import OpenTerminal
from client.agent.transfers import Job, Transfers
from client.answers.news import news_of, watching
from client.clock import Clock, SystemClock
from client.core.alarms import Alarm
from client.core.witnesses import Said
from client.door.asking import has_sockets
from client.door.sockets import serve, serve_loopback
from client.files import write_atomic
from client.home import Home, HomeError
from client.net.link import Link
from client.net.transport import LinkError
from client.vault.database import DiskError, VaultError
from client.vault.destroying import finish, zeroise
from client.vault.opening import DATABASE, OpenVault, open_vault
from crypto.entropy import system
from crypto.types import Digest
from protocol.backoff import delay
from protocol.handshake import RootRelay
from protocol.line.effects import Side
from protocol.line.machine import Line
from protocol.root import RootDocument
from protocol.trusted_root import TrustedRoot

PID: Final = "agent.pid"
TICK: Final = 5.0  # seconds between looks at what the time asks for
STEADY: Final = 60.0  # seconds of session after which a cut is the first failure
EVENTS: Final = 200  # in one look
LOOKED_AT: Final = 256 * 1024 * 1024  # bytes of a vault that is read whole at first
SILENCE: Final = 4  # attempts without a relay, and the mirrors are asked for another


class Agent:
    """One unlocked terminal, running."""

    def __init__(self, home: Home, vault: OpenVault, clock: Clock) -> None:
        self._home = home
        self._clock = clock
        self._terminal = OpenTerminal(home, vault, clock, system)
        self._machine = self._terminal.machine
        self._line = Line(Side.TERMINAL)
        self._jobs: asyncio.Queue[Job] = asyncio.Queue()
        # A crash may have left files that nothing in the vault speaks of.
        self._terminal.spool.keep_only(vault.store.blobs.files())
        transfers = Transfers(
            self._machine.attachments,
            self._line,
            self._terminal.spool,
            clock,
            self._jobs.put_nowait,
        )
        self._session = Session(
            self._machine, self._line, clock, self._nudge, transfers
        )
        self._link = Link(self._line, self._session, clock, system)
        self._polling = Polling(home, self._root, self._hear, system)
        self._succession = Succession(home)
        self._kept = self._terminal.root.digest  # what the home starts from
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()  # somebody waits for the next attempt
        self._failures = 0  # attempts to connect that ended
        self._bell = Bell()
        vault.database.on_commit(self._bell.ring)
        self._store = vault.store
        self._rounds = Rounds(
            self._terminal,
            self._session,
            self._bell,
            lambda: self._failures,
            self._polling.everybody,
        )

    def _root(self) -> RootDocument:
        return self._terminal.current_root().document

    def _hear(self, said: Said) -> None:
        with contextlib.suppress(DiskError):  # it is told again at the next poll
            effects = self._machine.said(said, self._clock.wall())
            self._session.carry_out(effects)

    def _nudge(self) -> None:
        self._link.nudge()

    async def run(self) -> None:
        """Serve until a signal or the ``lock`` command."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            with contextlib.suppress(NotImplementedError):  # Windows has no handlers
                loop.add_signal_handler(number, self._stop.set)
        try:
            await self._serve()
            (self._home.run / PID).unlink(missing_ok=True)
        finally:
            self._terminal.close()

    async def _serve(self) -> None:
        async with self._door():
            write_atomic(self._home.run / PID, str(os.getpid()).encode())
            async with asyncio.TaskGroup() as group:  # a fault in it ends the agent
                parts = (
                    self._connect(),
                    self._work(),
                    self._tick(),
                    self._polling.run(),
                )
                tasks = [group.create_task(part) for part in parts]
                await self._stop.wait()
                for task in tasks:
                    task.cancel()
                self._bell.ring()  # who watches sees that it ends

    def _door(self) -> AbstractAsyncContextManager[None]:
        streams = {"watch": self._watch, "sync": self._sync}
        if has_sockets():
            return serve(self._home.socket, self._answer, streams)
        return serve_loopback(self._home.door, self._answer, system, streams)

    def _answer(self, method: str, arguments: dict[str, object]) -> object:
        if method == "lock":
            self._stop.set()
            return {}
        result, effects = self._terminal.answer(method, arguments)
        self._session.carry_out(effects)
        return result

    async def _watch(self, arguments: dict[str, Any]) -> AsyncIterator[object]:
        """Yield what happens; first, from where on."""
        after = arguments.get("after")
        number = self._store.last_event() if after is None else int(after)
        yield watching(number, self._clock.wall())
        with self._bell.heard() as changed:
            while not self._stop.is_set():
                changed.clear()
                for event in self._store.events(number, EVENTS):
                    number = event.number
                    news = news_of(event, self._store)
                    if news is not None:
                        yield news
                    changed.set()  # there may be more than one look shows
                await changed.wait()

    async def _sync(self, arguments: dict[str, Any]) -> AsyncIterator[object]:
        """Yield what one round changed."""
        self._hurry.set()
        yield await self._rounds.run(float(arguments["wait"]))

    async def once(self, limit: float) -> Any:  # noqa: ANN401 -- JSON
        """Connect for one round, without a socket, and return what it changed."""
        async with asyncio.TaskGroup() as group:
            parts = (self._connect(), self._work())
            tasks = [group.create_task(part) for part in parts]
            found = await self._rounds.run(limit)
            for task in tasks:
                task.cancel()
        return found

    def close(self) -> None:
        """Close the vault; who served has done so."""
        self._terminal.close()

    async def _rest(self, pause: float) -> None:
        """Wait for the next attempt, or until somebody asks for it."""
        self._hurry.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._hurry.wait()

    async def _connect(self) -> None:
        """Keep a connection, with a pause between attempts that is this terminal's."""
        failures = 0
        while True:
            started = self._clock.monotonic()
            root = self._succession.leading(self._terminal.current_root())
            relay = root.document.relay
            moved = False
            try:
                with passing_faults():
                    await self._link.run(
                        self._address(root),
                        Digest(relay.tls_pin),
                        RootRelay(relay.key.parsed(), root.document.suite, root.realm),
                        self._terminal.identity.shaking_hands(failures),
                        self._machine.beliefs.witnessed,
                    )
            except LinkError as error:
                moved = await self._moved(error, failures)
            steady = self._clock.monotonic() - started > STEADY
            if steady or self._session.progressed:
                # A line that breaks all the time still gets a transfer through.
                failures = 0
            self._session.cut()
            failures += 1
            self._failures += 1
            self._bell.ring()
            if not moved:
                await self._rest(delay(failures, system, urgent=self._urgent()))

    async def _moved(self, error: LinkError, failures: int) -> bool:
        """Tell whether a root document that we missed names another relay."""
        if error.alarm or failures % SILENCE == SILENCE - 1:
            size = self._machine.beliefs.key_log.size
            if await self._succession.look(self._terminal.current_root(), size):
                return True
        if error.alarm:
            self._alarm(Alarm.RELAY_NOT_OURS)
        return False

    def _urgent(self) -> bool:
        try:
            return self._machine.urgent()
        except DiskError:
            return False

    def obey(self) -> None:
        """Destroy the vault, which is closed, if two operators ordered it.

        Raises:
            HomeError: they did.
        """
        if self._terminal.zeroised:
            zeroise(self._home)

    async def _tick(self) -> None:
        while True:
            with contextlib.suppress(DiskError):  # the next look finds the same
                self._session.tick()
                self._keep_roots()
            with contextlib.suppress(DiskError, OSError):  # and here, too
                self._terminal.settle_keys()
            if self._terminal.zeroised:
                self._stop.set()
            await asyncio.sleep(TICK)

    def _keep_roots(self) -> None:
        """Let the home start from the root document that was adopted."""
        root = self._terminal.current_root()
        if root.digest != self._kept:
            leaves = (leaf for leaf, _ in self._store.entries())
            with contextlib.suppress(OSError):  # the next start tries again
                keep_roots(self._home, root, leaves)
            self._kept = root.digest

    def _alarm(self, what: Alarm) -> None:
        with contextlib.suppress(DiskError):  # it is seen again at the next attempt
            self._terminal.machine.alarm(what, self._clock.wall())

    async def _work(self) -> None:
        """Do what takes long in a thread, one after the other."""
        while True:
            job = await self._jobs.get()
            found = await asyncio.to_thread(job.work)
            with contextlib.suppress(DiskError):  # it is fetched and opened once more
                job.done(found)

    def _address(self, root: TrustedRoot) -> str:
        chosen = self._home.config().relay
        return f"wss://{chosen}" if chosen else root.document.relay.addresses[0]


@contextlib.contextmanager
def passing_faults() -> Iterator[None]:
    """Let a disk that is full or read-only end the connection and nothing else.

    Nothing that came over it was acknowledged, so the relay brings it again.

    Raises:
        VaultError: what will not pass: damage.
    """
    try:
        yield
    except (DiskError, OSError) as error:
        if not _passes(error):
            raise
    except ExceptionGroup as group:
        _, others = group.split(_passes)
        if others is not None:
            raise others from None


def _passes(error: BaseException) -> bool:
    if isinstance(error, OSError):  # of the key sheet, which is no database
        return error.errno in {errno.ENOSPC, errno.EROFS, errno.EDQUOT}
    return isinstance(error, DiskError)


def run_agent(home: Home, passphrase: str, member: str | None = None) -> None:
    """Unlock a terminal and serve until it is locked.

    Raises:
        HomeError: it does not open, another agent has it, or it turned out damaged.
    """
    finish(home)
    clock = SystemClock()
    vault = open_vault(home, passphrase, clock, system, member=member)
    hurt = False
    try:
        with vault.closed_on_error():
            _require_sound(home, vault)
            agent = Agent(home, vault, clock)
        try:
            asyncio.run(agent.run())
        finally:
            agent.obey()
    except* VaultError:  # after a failed read or sync nobody knows what is there
        hurt = True
    if hurt:
        raise HomeError("vault.hurt", file=home.data / DATABASE)


def _require_sound(home: Home, vault: OpenVault) -> None:
    """Look at every page before anybody is told that the terminal is unlocked.

    A large vault would make people wait: theirs to ask for (``terminal check``).

    Raises:
        VaultError: one is damaged.
    """
    small = (home.data / DATABASE).stat().st_size <= LOOKED_AT
    if small and not vault.database.sound():
        raise VaultError


def sync_once(home: Home, passphrase: str, member: str | None, limit: float) -> Any:  # noqa: ANN401 -- JSON
    """Unlock a terminal for one round of synchronising, and return what changed.

    Raises:
        HomeError: it does not open, or another process has it.
    """
    finish(home)
    clock = SystemClock()
    vault = open_vault(home, passphrase, clock, system, member=member)
    agent = Agent(home, vault, clock)
    try:
        return asyncio.run(agent.once(limit))
    finally:
        agent.close()
        agent.obey()
