"""An open terminal: a vault, the core over it, and the commands it answers.

The agent keeps one open for hours and carries it over the network; a command without
an agent opens one for a moment (:mod:`client.agent.alone`).  Both answer the same
methods.
"""

import contextlib
from typing import Any, Final

from client.answers.commands import Commands
from client.answers.upkeep import Upkeep
from client.clock import Clock
from client.core.beliefs import Beliefs
from client.core.identity import Identity
from client.core.machine import Machine
from client.core.questions import Effect
from client.core.station import Station
from client.core.sync import Sync, restore
from client.exits import AgentRefusal, Exit
from client.home import Home, HomeError
from client.operator.rootfile import read_root
from client.vault.database import DiskError, VaultError
from client.vault.locked import Unlocked
from client.vault.making import PIN, POST
from client.vault.next_keys import NextKeys
from client.vault.opening import DATABASE, OpenVault
from client.vault.spool import Spool
from client.vault.store import Store
from crypto.entropy import Entropy
from crypto.sign import SigningKey, key_id
from crypto.types import Digest
from protocol.trusted_root import TrustedRoot

SPOOL: Final = "spool"  # folder of sealed attachments, beside the vault


class OpenTerminal:
    """Everything of one unlocked terminal but its sockets."""

    def __init__(
        self, home: Home, vault: OpenVault, clock: Clock, entropy: Entropy
    ) -> None:
        self.home = home
        self.vault = vault
        self.clock = clock
        self.root = read_root(home.root_file)
        suite, store = self.root.document.suite, vault.store
        self.identity = Identity(
            realm=self.root.realm,
            post=_needed(store, POST).decode(),
            terminal=SigningKey.from_seed(suite, vault.terminal),
            member=SigningKey.from_seed(suite, vault.seat.seed),
        )
        self._next = NextKeys(home, vault.key, vault.database, entropy)
        seat = Unlocked(vault.key, vault.seat.name, vault.seat.own)
        if (seed := self._next.terminal()) is not None:
            self.identity.next_terminal = SigningKey.from_seed(suite, seed)
        if (seed := self._next.member(seat)) is not None:
            self.identity.next_member = SigningKey.from_seed(suite, seed)
        beliefs = Beliefs.of_root(self.root)
        pin = Digest(_needed(store, PIN))
        restore(store, beliefs, pin, self.root.realm)
        station = Station(store, vault.sheet, self.identity, beliefs, entropy)
        sync = Sync(store, beliefs, pin, self.root.realm)
        self.machine = Machine(station, sync)
        self.spool = Spool(home.data / SPOOL)
        self.commands = Commands(self.machine, store, clock, self.spool)
        self._upkeep = Upkeep(home, vault, self.machine, clock, self._next)
        self.settle_keys()

    def answer(
        self, method: str, arguments: dict[str, Any]
    ) -> tuple[Any, list[Effect]]:
        """Return the answer to a command, and what the core wants done because of it.

        Raises:
            AgentRefusal: with the words' code and the exit status.
        """
        try:
            if self._upkeep.knows(method):
                return self._upkeep.run(method, arguments), []
            return self.commands.run(method, arguments)
        except DiskError:
            raise _refused("vault.disk", Exit.FAILED, self.home) from None
        except VaultError:
            raise _refused("vault.hurt", Exit.INTEGRITY, self.home) from None

    def settle_keys(self) -> None:
        """Let the keys that the directory has taken up replace the old ones here."""
        beliefs = self.machine.beliefs
        if beliefs.directory is None:
            return
        if self.identity.next_terminal is None:
            self._next.settle_terminal()
        suite, view = self.root.document.suite, beliefs.view()
        self._next.settle_members(
            lambda public: view.member(key_id(suite, public)) is not None
        )

    def current_root(self) -> TrustedRoot:
        """Return the root document that the directory follows, or the founding one."""
        directory = self.machine.beliefs.directory
        return self.root if directory is None else directory.root

    @property
    def zeroised(self) -> bool:
        """Whether two operators ordered this terminal to destroy its vault."""
        return self.machine.beliefs.zeroised(self.identity.terminal.id)

    def close(self) -> None:
        """Sign what the member still has to sign, then close the vault."""
        try:
            with contextlib.suppress(VaultError):  # it waits, and is signed next time
                self.machine.settle(self.clock.wall())
        finally:
            self.vault.close()


def _refused(code: str, status: Exit, home: Home) -> AgentRefusal:
    return AgentRefusal(code, status, {"file": str(home.data / DATABASE)})


def _needed(store: Store, name: str) -> bytes:
    value = store.get(name)
    if value is None:
        raise HomeError("home.config-wrong", path=name)
    return value
