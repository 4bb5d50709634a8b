"""The agent: one process owns the vault of an unlocked terminal.

This is the terminal's wiring file: clock, randomness, stores, line and sockets come
together here and nowhere else.  The agent keeps the connection, moves the outbox,
and answers the commands that come over ``run/agent.sock``.
"""

import asyncio
import contextlib
import os
import signal
from typing import Final

from client.clock import Clock, SystemClock
from client.commands import Commands
from client.core.beliefs import Beliefs
from client.core.identity import Identity
from client.core.machine import Machine
from client.core.station import Station
from client.core.sync import Sync, restore
from client.files import write_atomic
from client.home import Home, HomeError
from client.net.link import Link
from client.net.transport import LinkError
from client.operator.rootfile import read_root
from client.session import Session
from client.sockets import serve
from client.vault.database import Database, VaultError
from client.vault.keysheet import KeySheet
from client.vault.locked import WrongPassphraseError, unlock
from client.vault.store import Store
from crypto.entropy import system
from crypto.sign import SigningKey
from crypto.types import Digest, Secret
from protocol.handshake import RootRelay
from protocol.line.effects import Side
from protocol.line.machine import Line
from protocol.trusted_log import TrustedLog
from protocol.trusted_root import TrustedRoot

VAULT_KEY: Final = "vault.key"
DATABASE: Final = "vault.db"
PIN, POST, TERMINAL_SEED, MEMBER_SEED = (
    "root.pin",
    "post",
    "seed.terminal",
    "seed.member",
)
FIRST_PAUSE: Final = 0.5  # seconds before the first reconnection
LAST_PAUSE: Final = 60.0


def open_vault(home: Home, passphrase: str) -> tuple[Store, KeySheet]:
    """Unlock the vault of a home.

    Raises:
        HomeError: no vault, not this passphrase, or damaged.
    """
    path = home.keys / VAULT_KEY
    if not path.exists():
        raise HomeError("home.missing", path=home.path)
    try:
        key = unlock(path.read_bytes(), passphrase)
        store = Store(Database.open(home.data / DATABASE, key))
    except (WrongPassphraseError, VaultError):
        raise HomeError("passphrase.wrong") from None
    return store, KeySheet(home.keys, key, system)


class Agent:
    """One unlocked terminal, running."""

    def __init__(self, home: Home, store: Store, sheet: KeySheet, clock: Clock) -> None:
        self._home = home
        self._clock = clock
        self._root = read_root(home.root_file)
        suite = self._root.document.suite
        self._identity = Identity(
            realm=self._root.realm,
            post=_needed(store, POST).decode(),
            terminal=SigningKey.from_seed(suite, Secret(_needed(store, TERMINAL_SEED))),
            member=SigningKey.from_seed(suite, Secret(_needed(store, MEMBER_SEED))),
        )
        beliefs = _beliefs(self._root)
        pin = Digest(_needed(store, PIN))
        restore(store, beliefs, pin, self._root.realm)
        station = Station(store, sheet, self._identity, beliefs, system)
        sync = Sync(store, beliefs, pin, self._root.realm)
        self._machine = Machine(station, sync)
        self._line = Line(Side.TERMINAL)
        self._session = Session(self._machine, self._line, clock, self._nudge)
        self._link = Link(self._line, self._session, clock, system)
        self._commands = Commands(self._machine, store, clock)
        self._stop = asyncio.Event()

    def _nudge(self) -> None:
        self._link.nudge()

    async def run(self) -> None:
        """Serve until a signal or the ``lock`` command."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            with contextlib.suppress(NotImplementedError):  # Windows has no handlers
                loop.add_signal_handler(number, self._stop.set)
        async with serve(self._home.socket, self._answer):
            write_atomic(self._home.run / "agent.pid", str(os.getpid()).encode())
            async with asyncio.TaskGroup() as group:  # a fault in it ends the agent
                connecting = group.create_task(self._connect())
                await self._stop.wait()
                connecting.cancel()
        (self._home.run / "agent.pid").unlink(missing_ok=True)

    def _answer(self, method: str, arguments: dict[str, object]) -> object:
        if method == "lock":
            self._stop.set()
            return {}
        result, effects = self._commands.run(method, arguments)
        self._session.carry_out(effects)
        return result

    async def _connect(self) -> None:
        """Keep a connection, with a growing pause between attempts."""
        pause = FIRST_PAUSE
        while True:
            started = self._clock.monotonic()
            root = self._current_root()
            relay = root.document.relay
            try:
                await self._link.run(
                    self._address(root),
                    Digest(relay.tls_pin),
                    RootRelay(relay.key.parsed(), root.document.suite, root.realm),
                    self._identity.terminal,
                    self._machine.beliefs.witnessed,
                )
            except LinkError as error:
                if error.alarm:
                    self._commands.alarm("relay-not-ours")
            self._session.cut()
            if self._clock.monotonic() - started > LAST_PAUSE:
                pause = FIRST_PAUSE
            await asyncio.sleep(pause)
            pause = min(2 * pause, LAST_PAUSE)

    def _current_root(self) -> TrustedRoot:
        directory = self._machine.beliefs.directory
        return self._root if directory is None else directory.root

    def _address(self, root: TrustedRoot) -> str:
        chosen = self._home.config().relay
        return f"wss://{chosen}" if chosen else root.document.relay.addresses[0]


def _needed(store: Store, name: str) -> bytes:
    value = store.get(name)
    if value is None:
        raise HomeError("home.config-wrong", path=name)
    return value


def _beliefs(root: TrustedRoot) -> Beliefs:
    """Return what is believed before the first synchronisation: the root alone."""
    document = root.document
    return Beliefs(
        key_log=TrustedLog(document.key_log, document.witnesses),
        message_log=TrustedLog(document.message_log, document.witnesses),
        witnessed=0,
    )


def run_agent(home: Home, passphrase: str) -> None:
    """Unlock a terminal and serve until it is locked.

    Raises:
        HomeError: it does not open, or another agent has it.
    """
    store, sheet = open_vault(home, passphrase)
    agent = Agent(home, store, sheet, SystemClock())
    asyncio.run(agent.run())
