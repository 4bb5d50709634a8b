"""The real witnesses, asked over the fake network and killed like the others."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import SimpleNamespace

from crypto.notekey import NoteAlgorithm
from protocol.codec import decode
from protocol.errors import ProtocolError
from protocol.mirror_page import MAX_BODY
from protocol.witness import Conflict, WitnessRefusal
from server.mirror import Push
from server.witness.service import Witness, watch
from tests.support.sim.loop import Process
from tests.support.sim.stage import Stage
from tests.support.witnesses import note_key

Answer = tuple[int, bytes]
DELAY = 0.05  # seconds, one way


@dataclass
class SimWitness:
    """One witness; its folder outlives it."""

    name: str
    stage: Stage
    process: Process
    service: Witness | None = None

    def start(self) -> None:
        root = self.stage.ministry.directory.root.document
        folder = self.stage.folder / self.name
        folder.mkdir(parents=True, exist_ok=True)
        mirror = self.name != "w3"
        logs = {
            key.origin: watch(key, folder, mirror=mirror)
            for key in (root.key_log, root.message_log)
        }
        keys = [note_key(self.name, algorithm) for algorithm in NoteAlgorithm]
        self.process = self.stage.loop.process(self.name)
        name = f"{self.name}.example/witness"
        self.service = Witness(name, keys, logs, self.stage.clock)

    def crash(self) -> None:
        self.stage.loop.kill(self.process)
        if self.service is not None:
            self.service.close()  # its open files; what was written stays
        self.service = None

    async def answer(self, path: str, body: bytes | None) -> Answer:
        """Return what it says, as server.witness.web does."""
        service = self.service
        if service is None:
            raise ConnectionRefusedError
        try:
            if body is None:
                return 200, service.latest(path.removeprefix("/checkpoint/"))
            if path == "/add-checkpoint":
                return 200, await service.add_checkpoint(body)
            if path == "/roots":
                return 404, b""  # its keys stay, whatever root documents come
            push = decode(body, Push, limit=MAX_BODY)
            return 200, b"%d\n" % await service.mirror(push)
        except Conflict as refusal:
            return 409, b"%d\n" % refusal.size
        except WitnessRefusal as refusal:
            return refusal.status, b""
        except ProtocolError:
            return 400, b""


class WitnessHttp:
    """What a relay needs of an ``aiohttp.ClientSession`` to ask witnesses."""

    def __init__(
        self, witnesses: dict[str, SimWitness], lost: Callable[[], bool]
    ) -> None:
        self._witnesses = witnesses
        self._lost = lost

    @asynccontextmanager
    async def post(self, url: str, *, data: bytes) -> AsyncIterator[SimpleNamespace]:
        yield await self._ask(url, data)

    @asynccontextmanager
    async def get(self, url: str) -> AsyncIterator[SimpleNamespace]:
        yield await self._ask(url, None)

    async def _ask(self, url: str, body: bytes | None) -> SimpleNamespace:
        name, _, path = url.removeprefix("https://").partition("/")
        witness = self._witnesses[name.split(".")[0]]
        await asyncio.sleep(DELAY)
        if self._lost() or not witness.process.alive:
            raise ConnectionResetError
        # In the witness' own process: if it dies, no answer ever comes.
        work = witness.answer(f"/{path}", body)
        task = witness.stage.loop.spawn(witness.process, work)
        while not task.done() and witness.process.alive:
            await asyncio.wait([task], timeout=1.0)
        if not task.done() or self._lost():
            raise ConnectionResetError
        found: Answer = task.result()
        status, answer = found
        await asyncio.sleep(DELAY)

        async def iter_any() -> AsyncIterator[bytes]:
            yield answer

        content = SimpleNamespace(iter_any=iter_any)
        return SimpleNamespace(status=status, content=content)
