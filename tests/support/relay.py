"""A relay and its witnesses in this process: real store, sockets and keys.

::

    async with running(tmp_path, ministry()) as relay:
        async with relay.terminal(relay.ministry.posts["tfc"].terminal) as tfc:
            stored = await tfc.submit(envelope_to(bern))
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from crypto.entropy import system
from crypto.notekey import NoteAlgorithm
from crypto.sign import SigningKey
from crypto.suite import SUITES, SuiteId
from crypto.types import Mailbox, MessageId, PrekeyId
from protocol import client_session
from protocol.client_session import ChallengeReceived, FrameReceived
from protocol.codec import Message, decode, encode
from protocol.envelope import Envelope, Wrap
from protocol.handshake import RootRelay
from protocol.key_log_entry import read_leaf, read_signed
from protocol.line.effects import (
    Effect,
    ObjectAbandoned,
    ObjectAccepted,
    ObjectAcknowledged,
    ObjectComplete,
    ObjectOpened,
    ObjectRefused,
    Side,
    StoreBytes,
)
from protocol.line.frames import Kind
from protocol.line.machine import Line
from protocol.requests import Answer, Ask, Delivery, LogName, Notice, Request, Submit
from protocol.root_chain import founding_root
from server.app import Parts, Ports, Rules, founded, wired
from server.clock import Clock, SystemClock
from server.config import Quotas, Retention
from server.keyring import RelayRing
from server.services.checkpoints import Signing
from server.storage.opening import open_store
from server.web.listener import listen, runner
from server.web.public import public_app
from server.witness.noticeboard import FILE, Noticeboard
from server.witness.service import Witness, watch
from server.witness.web import witness_app
from tests.support.keys import drawn, stretched
from tests.support.ministry import Ministry, OwnTerminal
from tests.support.stores import Located, in_file
from tests.support.witnesses import WITNESS_POLICY, note_key

NOWHERE = "http://127.0.0.1:9"  # the discard port: nobody listens
PAUSE = 0.02  # seconds between checkpoints: tests do not wait
PATIENCE = 60.0  # seconds for anything; only a broken test needs them
QUOTAS = Quotas()  # a test or a bench may set others
RETENTION = Retention()
DATABASE: Located = in_file  # the fixture `either_database` changes it


def envelope_to(
    *mailboxes: Mailbox, name: str = "one", size: int = 100, suite: int = 1
) -> bytes:
    """Return an envelope that nobody can open and every relay must carry."""
    row = SUITES[SuiteId(suite)]
    wraps = tuple(
        Wrap(
            mailbox,
            PrekeyId(stretched(f"{name}/kid", row.prekey_id)),
            stretched(f"{name}/wrap", row.wrap),
        )
        for mailbox in sorted(mailboxes)
    )
    body = stretched(f"{name}/body", size)
    message_id = MessageId(stretched(f"{name}/id", 16))
    return Envelope(1, row.id, message_id, wraps, body).encoded()


def submit_to(
    *mailboxes: Mailbox, name: str = "one", size: int = 100, suite: int = 1
) -> Submit:
    return Submit(
        envelope=envelope_to(*mailboxes, name=name, size=size, suite=suite),
        commitment=stretched(f"{name}/commitment", 32),
    )


class RefusedError(Exception):
    """The relay answered with a code, or closed a stream."""

    def __init__(self, code: int) -> None:
        super().__init__(str(code))
        self.code = code


@dataclass
class TestTerminal:
    """A terminal's end of a session, with no vault and no opinion."""

    __test__ = False

    socket: aiohttp.ClientWebSocketResponse
    line: Line
    deliveries: asyncio.Queue[Delivery] = field(default_factory=asyncio.Queue)
    notices: asyncio.Queue[Notice] = field(default_factory=asyncio.Queue)
    acknowledge: bool = True
    # Who moves blobs (tests.support.blobs) takes the line's other effects and feeds it.
    taking: Callable[[Effect], None] | None = None
    feeding: Callable[[], None] = lambda: None
    _number: int = 0
    _answers: dict[int, asyncio.Future[Answer]] = field(default_factory=dict)
    _stored: dict[bytes, asyncio.Future[ObjectAccepted]] = field(default_factory=dict)
    _taken: dict[bytes, bytes] = field(default_factory=dict)

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    async def flush(self) -> None:
        self.feeding()
        while cells := self.line.cells(self.now()):
            await self.socket.send_bytes(cells[0])
            self.feeding()

    async def read(self) -> None:
        async for message in self.socket:
            if message.type is not aiohttp.WSMsgType.BINARY:
                break
            for effect in self.line.receive(message.data, self.now()):
                self.effect(effect)
            await self.flush()
        waiting: list[asyncio.Future[Any]] = [*self._answers.values()]
        for future in [*waiting, *self._stored.values()]:
            if not future.done():
                future.set_exception(ConnectionResetError())

    def effect(self, effect: Effect) -> None:
        match effect:
            case ObjectComplete(Kind.ANSWER, _, _, content):
                answer = decode(content, Answer, limit=1 << 24)
                self._answers[answer.number].set_result(answer)
            case ObjectComplete(Kind.DELIVERY, object_id, _, content):
                self.deliveries.put_nowait(decode(content, Delivery, limit=1 << 24))
                if self.acknowledge:
                    self.line.stored(object_id)
            case ObjectComplete(Kind.NOTICE, _, _, content):
                self.notices.put_nowait(decode(content, Notice, limit=1 << 24))
            case _ if self.taking is not None and _of_blob(effect):
                self.taking(effect)
            case ObjectAccepted(object_id):
                self._stored[object_id].set_result(effect)
            case ObjectRefused(object_id, reason):
                self._stored[object_id].set_exception(RefusedError(reason))
            case ObjectAcknowledged():
                pass
            case _:
                raise AssertionError(effect)

    async def ask(self, ask: Ask, body: Message, *, lane: int = 2) -> bytes:
        """Return the body of the answer.

        Raises:
            RefusedError: a code.
        """
        self._number += 1
        future = self._answers[self._number] = asyncio.Future()
        request = Request(number=self._number, ask=ask, body=encode(body))
        self.line.offer(Kind.REQUEST, encode(request), lane, self.now())
        await self.flush()
        async with asyncio.timeout(PATIENCE):
            answer = await future
        if answer.code:
            raise RefusedError(answer.code)
        return answer.body

    async def submit(self, submit: Submit, *, lane: int = 2) -> ObjectAccepted:
        """Deposit as a submission object; return its place in the log."""
        future = asyncio.Future[ObjectAccepted]()
        object_id = self.line.offer(Kind.SUBMISSION, encode(submit), lane, self.now())
        self._stored[object_id] = future
        await self.flush()
        async with asyncio.timeout(PATIENCE):
            return await future

    async def delivered(self) -> Delivery:
        async with asyncio.timeout(PATIENCE):
            return await self.deliveries.get()

    async def noticed(self) -> Notice:
        async with asyncio.timeout(PATIENCE):
            return await self.notices.get()


def _of_blob(effect: Effect) -> bool:
    kinds = ObjectOpened | StoreBytes | ObjectAbandoned | ObjectRefused
    return isinstance(effect, kinds | ObjectAcknowledged)


def unpinned() -> ssl.SSLContext:
    """Return TLS that believes anybody: for tests that look at the pin themselves."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@asynccontextmanager
async def connected(
    url: str,
    ministry: Ministry,
    identity: SigningKey,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[TestTerminal]:
    """Open a session at ``url`` (``http://host:port``)."""
    relay = RootRelay(ministry.relay.verify_key, ministry.suite, ministry.realm)
    session = client_session.start(identity, relay, drawn("secret"), 0.0)
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{url}/session", ssl=tls or True, compress=0) as socket,
    ):
        data = await socket.receive_bytes(timeout=PATIENCE)
        session, effects = client_session.step(session, ChallengeReceived(data, 0))
        (send,) = effects
        assert isinstance(send, client_session.Send)
        await socket.send_bytes(send.data)
        message = await socket.receive(timeout=PATIENCE)
        if message.type is not aiohttp.WSMsgType.BINARY:
            raise RefusedError(socket.close_code or 0)
        session, effects = client_session.step(session, FrameReceived(message.data))
        (open_,) = effects
        assert isinstance(open_, client_session.Established)
        line = Line(Side.TERMINAL)
        terminal = TestTerminal(socket, line)
        line.connect(open_.sealer, open_.opener, terminal.now())
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(terminal.read())
            try:
                yield terminal
            finally:
                await socket.close()
                await reading


@dataclass
class RunningRelay:
    """A relay at work, and what it was made of."""

    ministry: Ministry
    parts: Parts
    url: str
    database: Path
    witnesses: Sequence[Witness]

    @asynccontextmanager
    async def terminal(self, own: OwnTerminal) -> AsyncIterator[TestTerminal]:
        async with connected(self.url, self.ministry, own.key) as terminal:
            yield terminal

    async def published(self, log: LogName, size: int) -> None:
        """Wait until a note of at least ``size`` is published."""
        async with asyncio.timeout(PATIENCE):
            while self.parts.relay.logs.published(log) < size:  # noqa: ASYNC110 -- no event says so
                await asyncio.sleep(PAUSE)


def own(relay: RunningRelay, post: str) -> OwnTerminal:
    return relay.ministry.posts[post].terminal


async def ended(terminal: TestTerminal) -> int | None:
    """Wait until the relay has closed; return its code."""
    async with asyncio.timeout(PATIENCE):
        while not terminal.socket.closed:  # noqa: ASYNC110 -- no event says so
            await asyncio.sleep(0.01)
    return terminal.socket.close_code


def witness_of(ministry: Ministry, name: str, folder: Path) -> Witness:
    root = ministry.directory.root.document
    folder.mkdir(parents=True, exist_ok=True)
    mirror = name != "w3"
    logs = {
        key.origin: watch(key, folder, mirror=mirror)
        for key in (root.key_log, root.message_log)
    }
    keys = [note_key(name, algorithm) for algorithm in NoteAlgorithm]
    return Witness(f"{name}.example/witness", keys, logs, SystemClock())


def board_of(ministry: Ministry, witness: Witness, folder: Path) -> Noticeboard:
    root = founding_root(
        ministry.leaves[:1],
        pin=read_signed(read_leaf(ministry.leaves[0]).body).digest,
        realm=ministry.realm,
    )
    return Noticeboard(folder / FILE, root, witness, SystemClock())


@asynccontextmanager
async def served(app: web.Application) -> AsyncIterator[str]:
    started = runner(app)
    await started.setup()
    try:
        yield "http://" + await listen(started, "127.0.0.1:0")
    finally:
        await started.cleanup()


@asynccontextmanager
async def working(
    folder: Path,
    ministry: Ministry,
    *,
    clock: Clock | None = None,
    addresses: Mapping[str, str] | None = None,
    leaves: Sequence[bytes] | None = None,
) -> AsyncIterator[Parts]:
    """Run a relay's services, without listeners and without checkpoints.

    The ministry's whole key log is taken over, or those ``leaves`` of it.
    """
    leaves = ministry.leaves if leaves is None else leaves
    async with AsyncExitStack() as stack:
        store = await open_store(DATABASE(folder), folder)
        stack.push_async_callback(store.close)
        clock = clock or SystemClock()
        # Entropy of the system: another incarnation for each new store.
        ports = Ports(clock, system)
        state = await founded(store, ministry.leaves[0], ports)
        notes = {
            LogName.KEY: [note_key("key", NoteAlgorithm.ED25519)],
            LogName.MESSAGE: [note_key("message", NoteAlgorithm.ED25519)],
        }
        ring = RelayRing([ministry.relay], notes)
        rules = Rules(Signing(ring, addresses or {}, PAUSE), QUOTAS, RETENTION)
        parts = wired(store, state, rules, ports)
        group = await stack.enter_async_context(asyncio.TaskGroup())
        task = group.create_task(parts.relay.committer.run())
        for leaf in leaves[parts.relay.logs.size(LogName.KEY) :]:
            await parts.relay.logs.append(leaf)
        try:
            yield parts
        finally:
            task.cancel()


@asynccontextmanager
async def running(
    folder: Path,
    ministry: Ministry,
    *,
    witnesses: Sequence[str] = ("w1", "w2", "w3"),
    clock: Clock | None = None,
) -> AsyncIterator[RunningRelay]:
    """Run a relay for ``ministry`` with listeners and witnesses."""
    async with AsyncExitStack() as stack:
        addresses = {one.name: NOWHERE for one in WITNESS_POLICY.witnesses}
        made = []
        for name in witnesses:
            witness = witness_of(ministry, name, folder / name)
            stack.callback(witness.close)
            app = witness_app(
                witness, board_of(ministry, witness, folder / name), asyncio.Future()
            )
            url = await stack.enter_async_context(served(app))
            addresses[f"{name}.example/witness"] = url
            made.append(witness)
        parts = await stack.enter_async_context(
            working(folder, ministry, clock=clock, addresses=addresses)
        )
        group = await stack.enter_async_context(asyncio.TaskGroup())
        task = group.create_task(parts.checkpoints.run())
        url = await stack.enter_async_context(served(public_app(parts.relay)))
        try:
            yield RunningRelay(ministry, parts, url, folder / "relay.sqlite", made)
        finally:
            task.cancel()
