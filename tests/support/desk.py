"""A terminal's real core over a vault in memory, and the play between terminals."""

from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from weakref import finalize

from client.core.compose import Composed, Wish, action
from client.core.machine import Machine
from client.core.questions import Deposited, Drop, Effect, Question, Upload
from client.core.rows import IN, RecordRow
from client.core.seeds import Seed
from client.vault.database import Database
from client.vault.spool import Spool, verify
from client.vault.store import Store
from crypto.sign import SigningKey
from crypto.types import Digest, PrekeyId
from protocol.bodies import CableBody, Paragraph
from protocol.codec import Message
from protocol.label import Label, Level, Precedence
from protocol.line.frames import ID_SIZE
from protocol.record_type import RecordType
from protocol.requests import Ask, Delivery, Fetch, Kept
from tests.support.fake_relay import FakeRelay
from tests.support.keys import drawn, secret
from tests.support.machines import machine_over
from tests.support.ministry import Ministry, OwnPost


@dataclass
class MemorySeeds:
    """A key sheet that forgets with the process."""

    held: dict[PrekeyId, Seed] = field(default_factory=dict)

    def seed(self, kid: PrekeyId) -> Seed | None:
        return self.held.get(kid)

    def seeds(self) -> list[Seed]:
        return list(self.held.values())

    def add(self, seeds: Iterable[Seed]) -> None:
        self.held.update({PrekeyId(seed.kid): seed for seed in seeds})

    def erase(self, kids: Collection[PrekeyId]) -> None:
        for kid in kids:
            self.held.pop(kid, None)


class Desk:
    """One terminal; :meth:`restart` loses everything but vault and key sheet."""

    def __init__(self, ministry: Ministry, post: OwnPost, relay: FakeRelay) -> None:
        self.ministry = ministry
        self.post = post
        self.relay = relay
        self.store = Store(Database.open(None, secret(post.post)))
        self.seeds = MemorySeeds()
        self.entropy = drawn(f"desk/{post.post}")
        self.effects: deque[Effect] = deque()
        self.wishes: dict[Digest, None] = {}
        self.following: SigningKey | None = None  # drawn to follow the terminal's key
        self.machine = self._machine()

    def _machine(self) -> Machine:
        return machine_over(
            *(self.ministry, self.post, self.store, self.seeds, self.entropy),
            following=self.following,
        )

    @property
    def now(self) -> int:
        return self.relay.now

    def restart(self) -> None:
        self.effects.clear()
        self.machine = self._machine()

    def connect(self) -> None:
        self.effects.extend(self.machine.connected(self.now))
        self.run()

    def notice(self) -> None:
        life = self.relay.incarnation
        self.effects.extend(self.machine.told_life(life, self.now))
        self.run()
        self.effects.extend(self.machine.noticed(*self.relay.sizes))
        if self.relay.expired:
            self.effects.extend(self.machine.expiring())
        for nack in self.relay.nacks[self.machine.identity.terminal.id]:
            self.effects.extend(self.machine.nacked(nack, self.now))
        self.run()

    def tick(self, seconds: int = 0) -> None:
        """Let time pass, and do what it asks for."""
        self.relay.now += seconds
        self.effects.extend(self.machine.tick(self.now))
        self.run()

    def run(self) -> None:
        """Carry out effects until nothing is left to do."""
        while self.effects:
            self.carry_out(self.effects.popleft())

    def carry_out(self, effect: Effect) -> None:
        match effect:
            case Upload(blob, file):
                self.relay.blobs.content[blob] = self.spool.path(file).read_bytes()
                short = blob[:ID_SIZE]
                self.effects.extend(self.machine.attachments.uploaded(short, self.now))
            case Drop(file):
                self.spool.drop(file)
            case Question(tag, Ask.FETCH | Ask.KEPT, body):
                self.about_blob(body)
                self.effects.extend(self.machine.answered(tag, b"", self.now))
            case Question(tag, ask, body):
                answer = self.relay.answer(ask, body)
                self.effects.extend(self.machine.answered(tag, answer, self.now))
            case Deposited(envelope, body):
                own = self.machine.identity.terminal.id
                index, leaf = self.relay.submit(body, own)  # type: ignore[arg-type]
                self.machine.stored(envelope, index, leaf, self.now)
                self.effects.extend(self.machine.pump(self.now))

    def fetch(self) -> int:
        """Take everything that waits in our mailbox; return how much came."""
        box = self.relay.boxes[self.post.terminal.mailbox]
        came = list(box)
        kept = self.machine.delivered(came, self.now)
        for delivery, durable in zip(came, kept, strict=True):
            if durable:
                box.remove(delivery)
        self.effects.extend(self.machine.pump(self.now))
        self.run()
        return len(came)

    def takes(self, *came: Delivery) -> bool:
        """Tell whether the core took all of these; the relay forgets none."""
        return all(self.machine.delivered(came, self.now))

    # --- attachments

    @cached_property
    def spool(self) -> Spool:
        folder = mkdtemp(prefix="spool-")
        finalize(self, rmtree, folder, ignore_errors=True)
        return Spool(Path(folder))

    def about_blob(self, body: Message) -> None:
        if isinstance(body, Fetch):
            self.wishes[body.blob] = None
        elif isinstance(body, Kept):
            self.relay.blobs.kept(body.blob, self.post.terminal.mailbox)

    def fetch_blobs(self) -> int:
        """Take every blob that the relay has for us and that was wished for."""
        came = 0
        for blob in list(self.wishes):
            content = self.relay.blobs.fetched(blob, self.post.terminal.mailbox)
            if content is None:
                continue
            del self.wishes[blob]
            core, now = self.machine.attachments, self.now
            row = core.offered(blob[:ID_SIZE], len(content), now)
            if row is None:
                continue
            came += 1
            self.spool.path(row.file).write_bytes(content)
            found = verify(self.spool.path(row.file), core.demand(row))
            if found is None:
                self.effects.extend(core.false(row, now))
            else:
                self.effects.extend(core.verified(row, *found, now))
            self.run()
        self.effects.extend(self.machine.pump(self.now))
        self.run()
        return came

    # --- people

    def write(
        self,
        to: str,
        text: str = "Goed nieuws.",
        precedence: Precedence = Precedence.ROUTINE,
    ) -> Composed:
        wish = cable(to, text, precedence=precedence)
        composed = self.machine.compose(wish, self.now)
        self.effects.extend(self.machine.pump(self.now))
        return composed

    def inbox(self) -> list[RecordRow]:
        rows = self.store.records(IN, 1000)
        return [row for row in rows if row.type == RecordType.CABLE]

    def alarms(self) -> set[str]:
        """Return what people are told now."""
        return {row.what for row in self.store.alarms(1000, ended=False)}

    def happened(self) -> list[str]:
        return [event.what for event in self.store.events(0, 10_000)]


def cable(
    to: str,
    text: str = "Goed nieuws.",
    *,
    level: Level = Level.DEP_V,
    precedence: Precedence = Precedence.ROUTINE,
    label: Label | None = None,
) -> Wish:
    return Wish(
        type=RecordType.CABLE,
        body=CableBody(subject="Aan de post", paragraphs=(Paragraph(text=text),)),
        to=action((to,), precedence),
        label=label or Label(level=level, until=1_900_000_000),
    )


def exchange(*desks: Desk) -> None:
    """Let everybody synchronise and fetch until nothing moves any more."""
    still = 0
    while still < 2:  # a round in which nothing came, and one to be sure
        moved = 0
        for desk in desks:
            desk.relay.now += 1
            desk.notice()
            moved += desk.fetch()
            moved += desk.fetch_blobs()
        still = 0 if moved else still + 1


def pair(ministry: Ministry, relay: FakeRelay) -> tuple[Desk, Desk]:
    """Return Bern and TFC, enrolled, synchronised, with prekeys published."""
    bern, tfc = (
        Desk(ministry, ministry.posts[name], relay) for name in ("bern", "tfc")
    )
    for desk in (bern, tfc):
        desk.connect()
    exchange(bern, tfc)
    return bern, tfc


def box_of(desk: Desk) -> list[Delivery]:
    """Return what the relay still holds for the desk's mailbox."""
    return desk.relay.boxes[desk.post.terminal.mailbox]
