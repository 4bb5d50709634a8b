"""The real relay's services over a disk that outlives them."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import cast

import aiohttp
from sqlalchemy import Engine

from crypto.notekey import NoteAlgorithm
from protocol.errors import ProtocolError
from protocol.requests import LogName
from server.app import Parts, Ports, Rules, founded, wired
from server.config import Quotas, Retention
from server.keyring import RelayRing
from server.services.checkpoints import Signing
from server.storage.check import faults_of
from server.web.handshake import meet
from server.web.session import talk
from tests.support.sim.attacks import Attack, HostileMailbox
from tests.support.sim.disk import Mortal, SimStore, new_engine
from tests.support.sim.loop import Process
from tests.support.sim.network import Connection, RelayEnd
from tests.support.sim.stage import Stage
from tests.support.sim.witness import WitnessHttp
from tests.support.witnesses import note_key

HANDSHAKE = 20.0  # seconds, as server.web.strangers has it
QUOTAS = Quotas(post_per_minute=100_000, pair_per_minute=100_000)
DISK = 0.01  # seconds that a transaction takes at most, each side of it


class SimRelay:
    """A relay that can be killed and started again."""

    def __init__(self, stage: Stage, witnesses: WitnessHttp) -> None:
        self.engine: Engine = new_engine()
        self.lives = 0
        self.parts: Parts | None = None
        self.process = Process("relay")
        self.mortal = Mortal(self.process, lambda _: None)
        self.on_commit: Callable[[], None] = lambda: None
        self.died: Callable[[str], None] = lambda _: None
        self.attack: Attack | None = None  # what a malicious one does
        self._loop = stage.loop
        self._chance = stage.chance
        self._network = stage.network
        self._ministry = stage.ministry
        self._clock = stage.clock
        self._http = cast("aiohttp.ClientSession", witnesses)

    def start(self) -> None:
        self.lives += 1
        self.process = self._loop.process("relay")
        self.mortal = Mortal(self.process, self.died)
        self.mortal.after_commit = self.on_commit
        self._network.relay = self.process
        self._loop.spawn(self.process, self._main(self.process, self.mortal))

    def crash(self) -> None:
        self._loop.kill(self.process)
        self._network.accept = self._network.relay = self.parts = None
        self._network.dead(self.process)

    def faults(self) -> list[str]:
        """Return what `koerier-relay check` would say of the disk."""
        with self.engine.begin() as connection:
            return faults_of(connection)

    async def _pause(self) -> None:
        await asyncio.sleep(self._chance.network.uniform(0, DISK))

    async def _main(self, process: Process, mortal: Mortal) -> None:
        ministry = self._ministry
        store = SimStore(self.engine, mortal, self._pause)
        ports = Ports(self._clock, self._chance.entropy(f"relay/{self.lives}"))
        state = await founded(store, ministry.leaves[0], ports)
        notes = {
            LogName.KEY: [note_key("key", NoteAlgorithm.ED25519)],
            LogName.MESSAGE: [note_key("message", NoteAlgorithm.ED25519)],
        }
        ring = RelayRing([ministry.relay], notes)
        rules = Rules(Signing(ring, {}, 1.0), QUOTAS, Retention())
        parts = wired(store, state, rules, ports)
        if self.attack is not None:
            mailbox = HostileMailbox(parts.relay.mailbox, self.attack)
            parts = replace(parts, relay=replace(parts.relay, mailbox=mailbox))
        async with asyncio.TaskGroup() as group:
            group.create_task(parts.relay.committer.run())
            for leaf in ministry.leaves[parts.relay.logs.size(LogName.KEY) :]:
                await parts.relay.logs.append(leaf)
            group.create_task(parts.checkpoints.publishing(self._http))
            group.create_task(parts.relay.attachments.run())
            self.parts = parts

            def accept(connection: Connection) -> None:
                self._loop.spawn(process, self._session(parts, connection))

            self._network.accept = accept
            await parts.relay.failure

    async def _session(self, parts: Parts, connection: Connection) -> None:
        end = RelayEnd(connection)
        try:
            async with asyncio.timeout(HANDSHAKE):
                proven = await meet(parts.relay, end, connection.day_key)
        except (ProtocolError, TimeoutError, ConnectionError):
            connection.cut()
            return
        await talk(parts.relay, proven, end)
        connection.cut()
