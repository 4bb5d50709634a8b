"""A whole ministry in virtual time: real cores, sessions, links, relay and witnesses.

Nothing between the diplomat's message and the relay's disk is a stand-in but the wire
(:mod:`tests.support.slow_wire`) and the road to the witnesses, which is a call::

    async with whole(tmp_path, patch) as here:
        post = here.post("bern", rate=8_000.0, delay=1.0)
        async with post.connected():
            await until(lambda: post.line.connected)
            post.write("tfc", Precedence.FLASH, "Goed nieuws.")
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import aiohttp
import pytest

from client.agent.session import Session
from client.agent.transfers import Job, Transfers
from client.core.attached import Spooled
from client.core.questions import Deposited, Effect
from client.net.link import Link
from client.net.transport import LinkError
from client.vault.spool import seal_file
from crypto.digest import H
from crypto.notekey import NoteAlgorithm
from crypto.types import Digest
from protocol.codec import decode
from protocol.directory_view import Terminal
from protocol.errors import ProtocolError
from protocol.handshake import HANDSHAKE_SECONDS, RootRelay
from protocol.label import Precedence
from protocol.line import effects as line_effects
from protocol.line.effects import Side
from protocol.line.machine import Line
from protocol.mirror_page import MAX_BODY
from protocol.requests import Stored, Submit
from protocol.witness import Conflict, WitnessRefusal
from server.app import Parts
from server.mirror import Push
from server.services.attachments import AttachmentService
from server.services.commit import Told
from server.services.mailbox import MailboxService
from server.services.witnesses import WitnessClient
from server.storage.blob_interfaces import StoredBlob
from server.storage.worker import Worker
from server.web.handshake import begin, prove
from server.web.session import talk
from server.witness.service import Witness, watch
from tests.support import relay as relay_support
from tests.support.desk import Desk, cable
from tests.support.fake_relay import FakeRelay
from tests.support.keys import drawn
from tests.support.ministry import START, Ministry, ministry
from tests.support.slow_wire import RelayEnd, TerminalEnd, Wire
from tests.support.virtual_loop import LoopClock, done_here
from tests.support.witnesses import WITNESS_POLICY, note_key

SOCKET = 2  # messages that an end's own socket holds, where it is the slow place
NETWORK = 1 << 20  # messages that a modem or a carrier takes: whatever is sent
STILL = 20.0  # virtual seconds
STEP = 0.05  # virtual seconds between looks


def now() -> float:
    return asyncio.get_running_loop().time()


class TimedSession(Session):
    """Notes when a deposit was given to the line, and when it is *stored*."""

    def __init__(self, *parts: object) -> None:
        super().__init__(*parts)  # type: ignore[arg-type]
        self.offered: dict[Digest, tuple[float, int]] = {}  # H(envelope): when, lane
        self.stored: dict[Digest, float] = {}
        self._sent: dict[bytes, Digest] = {}

    def _offer(self, effect: Effect) -> None:
        super()._offer(effect)
        if isinstance(effect, Deposited):
            self.offered.setdefault(effect.envelope, (now(), effect.lane))
            self._sent = dict(self._deposits)

    def effect(self, effect: line_effects.Effect) -> None:
        if isinstance(effect, line_effects.ObjectAccepted):
            name = self._sent.get(effect.id)
            if name is not None:
                self.stored.setdefault(name, now())
        super().effect(effect)


@dataclass
class Post:
    """One terminal, its line, and the wire that it has now."""

    whole: "Whole"
    desk: Desk
    rate: float  # bytes per second
    delay: float  # seconds, one way
    buffer: int = SOCKET
    wire: Wire | None = None
    wires: list[Wire] = field(default_factory=list)

    def __post_init__(self) -> None:
        clock = LoopClock(START)
        self.line = Line(Side.TERMINAL)
        self.jobs: asyncio.Queue[Job] = asyncio.Queue()
        core = self.desk.machine
        transfers = Transfers(
            core.attachments, self.line, self.desk.spool, clock, self.jobs.put_nowait
        )
        self.session = TimedSession(core, self.line, clock, self._nudge, transfers)
        name = self.desk.post.post
        self.link: Link = Link(self.line, self.session, clock, drawn(f"link/{name}"))

    def _nudge(self) -> None:
        self.link.nudge()

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """Keep a connection, and a next one after each cut, while the block lasts."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(part()) for part in (self._keep, self._work)]
            yield
            for task in tasks:
                task.cancel()

    async def _work(self) -> None:
        while True:
            job = await self.jobs.get()
            job.done(job.work())

    async def _keep(self) -> None:
        people = self.whole.ministry
        known = RootRelay(people.relay.verify_key, people.suite, people.realm)
        while True:
            self.wire = Wire(self.rate, self.delay, self.buffer, self.link.day_key)
            self.wires.append(self.wire)
            await self.wire.open_()
            async with asyncio.TaskGroup() as group:
                group.create_task(self.whole.serve(self.wire))
                with suppress(LinkError):
                    key = self.desk.post.terminal.key
                    witnessed = self.desk.machine.beliefs.witnessed
                    end = TerminalEnd(self.wire)
                    await self.link.over(end, known, key, witnessed)
                self.wire.cut()
            self.session.cut()

    def _sealed(self, content: bytes) -> Spooled:
        spool = self.desk.spool
        source = spool.folder / "source"
        source.write_bytes(content)
        try:
            return seal_file(
                spool,
                source,
                suite=self.whole.ministry.suite,
                name="kaart.bin",
                media="application/octet-stream",
                entropy=self.desk.entropy,
                progress=lambda _: None,
            )
        finally:
            source.unlink()

    def cut(self) -> None:
        """Lose the connection, with all that is under way on it."""
        assert self.wire is not None
        self.wire.cut()

    @property
    def carried(self) -> tuple[int, int]:
        """Bytes up and down over all connections, everything included."""
        ways = [wire.carried for wire in self.wires]
        return sum(up for up, _ in ways), sum(down for _, down in ways)

    def write(
        self, to: str, precedence: Precedence, text: str, attached: bytes = b""
    ) -> None:
        """Send a cable, with a file if there is something in it."""
        wall = START + int(now())
        wish = cable(to, text, precedence=precedence)
        if attached:
            wish = replace(wish, spooled=(self._sealed(attached),))
        self.desk.machine.compose(wish, wall)
        self.session.carry_out(self.desk.machine.pump(wall))


async def settled(*posts: Post) -> None:
    """Wait until everybody has synchronised and published, and nothing moves."""
    still = 0.0
    while still < STILL:
        await asyncio.sleep(STEP)
        quiet = all(
            post.line.connected
            and not post.line.waiting
            and post.desk.machine.beliefs.directory is not None
            for post in posts
        )
        still = still + STEP if quiet else 0.0


async def until(condition: Callable[[], bool], limit: float = 3_600.0) -> None:
    """Wait in virtual time."""
    async with asyncio.timeout(limit):
        while not condition():  # noqa: ASYNC110 -- virtual time costs nothing
            await asyncio.sleep(STEP)


@dataclass
class Whole:
    """The ministry and its relay."""

    ministry: Ministry
    parts: Parts
    came: int = 0  # bytes of attachments that came to the relay, again or not
    durable: int = 0  # how far the last of them is stored
    deposits: dict[Digest, float] = field(default_factory=dict)  # H(envelope): when

    def post(self, name: str, rate: float, delay: float, buffer: int = SOCKET) -> Post:
        """Return the terminal of an enrolled post, not yet connected."""
        desk = Desk(self.ministry, self.ministry.posts[name], FakeRelay(self.ministry))
        return Post(self, desk, rate, delay, buffer)

    async def serve(self, wire: Wire) -> None:
        """Be the relay's side of one connection."""
        relay, end = self.parts.relay, RelayEnd(wire)
        with suppress(ProtocolError, TimeoutError, ConnectionError):
            async with asyncio.timeout(2 * HANDSHAKE_SECONDS):
                session, challenge = begin(relay, wire.known)
                await end.send(challenge)
                proven = prove(relay, session, await end.receive() or b"")
                await end.send(proven.ready)
            await talk(relay, proven, end)
        wire.cut()


@asynccontextmanager
async def whole(folder: Path, patch: pytest.MonkeyPatch) -> AsyncIterator[Whole]:
    """Run the relay and three witnesses of the test ministry."""
    people = ministry()
    patch.setattr(Worker, "do", done_here)
    patch.setattr(relay_support, "PAUSE", 1.0)  # between checkpoints, as in earnest
    async with AsyncExitStack() as stack:
        made = dict(_witnesses(people, folder))
        for witness in made.values():
            stack.callback(witness.close)
        patch.setattr(WitnessClient, "_post", _called(made))
        clock = LoopClock(START)
        parts = await stack.enter_async_context(
            relay_support.working(folder, people, clock=clock)
        )
        group = await stack.enter_async_context(asyncio.TaskGroup())
        task = group.create_task(parts.checkpoints.run())
        stack.callback(task.cancel)
        made_ = Whole(people, parts)
        patch.setattr(AttachmentService, "append", _counted(made_))
        patch.setattr(MailboxService, "deposit", _noted(made_))
        yield made_


def _witnesses(people: Ministry, folder: Path) -> Iterable[tuple[str, Witness]]:
    root = people.directory.root.document
    for key in WITNESS_POLICY.witnesses:
        name = key.name.partition(".")[0]
        data = folder / name
        data.mkdir()
        logs = {
            log.origin: watch(log, data, mirror=bool(key.mirror))
            for log in (root.key_log, root.message_log)
        }
        keys = [note_key(name, algorithm) for algorithm in NoteAlgorithm]
        yield key.name, Witness(key.name, keys, logs, LoopClock(START))


def _counted(here: Whole) -> Callable[..., Awaitable[None]]:
    """Return what appends to a blob and counts what came, again or not."""
    append = AttachmentService.append

    async def counted(
        self: AttachmentService, blob: StoredBlob, offset: int, content: bytes
    ) -> None:
        here.came += len(content)
        await append(self, blob, offset, content)
        here.durable = offset + len(content)

    return counted


def _noted(here: Whole) -> Callable[..., None]:
    """Return what deposits an envelope and notes when it was on the relay's disk."""
    deposit = MailboxService.deposit

    def noted(
        self: MailboxService,
        terminal: Terminal,
        lane: int,
        body: Submit,
        told: Told[Stored],
    ) -> None:
        name = H(body.envelope)

        def heard(outcome: Stored | ProtocolError) -> None:
            here.deposits.setdefault(name, now())
            told(outcome)

        deposit(self, terminal, lane, body, heard)

    return noted


def _called(made: dict[str, Witness]) -> Callable[..., Awaitable[tuple[int, bytes]]]:
    """Return what asks a witness by calling it."""

    async def post(
        self: WitnessClient, _: aiohttp.ClientSession, path: str, body: bytes
    ) -> tuple[int, bytes]:
        witness = made[self.key.name]
        try:
            if path == "/mirror":
                held = await witness.mirror(decode(body, Push, limit=MAX_BODY))
                return 200, f"{held}\n".encode()
            return 200, await witness.add_checkpoint(body)
        except Conflict as conflict:
            return 409, f"{conflict.size}\n".encode()
        except WitnessRefusal as refusal:
            return refusal.status, b""

    return post
