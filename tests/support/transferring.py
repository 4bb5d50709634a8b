"""A terminal's real transfers over a real line, and a relay's end in memory.

The relay's half keeps what the store would keep: parts in order, durable when it says
so.  Cells cross one by one, so that a test can cut between any two of them and count
every byte that was sent.
"""

from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from client.agent.transfers import Job, Transfers
from client.core.attachments import Demand
from client.core.questions import Drop, Effect, Upload
from client.core.rows import IN, BlobRow
from client.vault.spool import Spool
from crypto.digest import H
from crypto.stream import VerifiedAttachment
from crypto.suite import SuiteId
from crypto.types import Digest
from protocol.line.effects import Effect as LineEffect
from protocol.line.effects import (
    ObjectOpened,
    StoreBytes,
)
from protocol.line.frames import CloseReason, Kind
from protocol.line.lanes import BULK
from tests.support.line import Ends


@dataclass
class Told:
    """The core's side: which blobs are ours, and what the shell said of them."""

    rows: dict[bytes, BlobRow] = field(default_factory=dict)  # short id -> wished for
    demands: dict[str, Demand] = field(default_factory=dict)
    uploaded_: list[bytes] = field(default_factory=list)
    not_taken_: list[bytes] = field(default_factory=list)
    believed: list[str] = field(default_factory=list)
    doubted: list[str] = field(default_factory=list)
    full: list[str] = field(default_factory=list)

    def offered(self, short: bytes, total: int, _: int) -> BlobRow | None:
        row = self.rows.get(short)
        return row if row is not None and row.total == total else None

    def demand(self, row: BlobRow) -> Demand:
        return self.demands[row.file]

    def uploaded(self, short: bytes, _: int) -> list[Effect]:
        self.uploaded_.append(short)
        return []

    def not_taken(self, short: bytes, _: int) -> list[Effect]:
        self.not_taken_.append(short)
        return []

    def verified(
        self, row: BlobRow, _: SuiteId, proof: VerifiedAttachment, now: int
    ) -> list[Effect]:
        assert proof.names == self.demands[row.file].names, now
        self.believed.append(row.file)
        return []

    def false(self, row: BlobRow, _: int) -> list[Effect]:
        self.doubted.append(row.file)
        return [Drop(row.file)]

    def no_room(self, row: BlobRow, _: int) -> None:
        self.full.append(row.file)


@dataclass
class RelayEnd:
    """What the relay keeps of blobs, and what it hands out."""

    ends: Ends
    kept: dict[bytes, bytearray] = field(default_factory=dict)
    totals: dict[bytes, int] = field(default_factory=dict)
    out: dict[bytes, bytes] = field(default_factory=dict)
    received: int = 0
    sent: int = 0
    pending: list[tuple[bytes, bytes]] = field(default_factory=list)
    refusing: bool = False

    def take(self, effect: LineEffect) -> None:
        line = self.ends.relay
        match effect:
            case ObjectOpened(Kind.ATTACHMENT_UP, short, _, total):
                if self.refusing:
                    line.refuse(short, CloseReason.NOT_WANTED)
                    return
                self.totals[short] = total
                line.accept(short, len(self.kept.setdefault(short, bytearray())))
            case StoreBytes(short, _, content):
                self.received += len(content)
                self.pending.append((short, content))
            case _:
                pass

    def commit(self) -> None:
        """Make durable what arrived, and say so."""
        pending, self.pending = self.pending, []
        for short, content in pending:
            self.kept[short] += content
            self.ends.relay.stored(short, len(self.kept[short]))

    def feed(self) -> None:
        for want in self.ends.relay.wants():
            content = self.out[want.id][want.offset :][: want.size]
            self.sent += len(content)
            self.ends.relay.feed(want.id, want.offset, content, self.ends.now)


class Scene:
    """Both ends and the terminal's spool; ``restart`` loses all but the spool."""

    def __init__(self, folder: Path) -> None:
        self.ends = Ends()
        self.spool = Spool(folder)
        self.told = Told()
        self.relay = RelayEnd(self.ends)
        self.jobs: deque[Job] = deque()
        self.uploads: list[Upload] = []
        self.fed = 0
        self.transfers = self._transfers()

    def _transfers(self) -> Transfers:
        made = Transfers(
            self.told,  # type: ignore[arg-type]
            self.ends.terminal,
            self.spool,
            self,
            self.jobs.append,
        )
        made.carry_out = self.carry_out  # type: ignore[assignment]
        return made

    def carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Drop):
                self.transfers.drop(effect.file)

    def wall(self) -> int:
        return 1_900_000_000

    def monotonic(self) -> float:
        return self.ends.now

    # --- sessions

    def connect(self) -> None:
        self.ends.connect()
        for upload in self.uploads:
            if upload.blob[:16] not in self.told.uploaded_:
                self.transfers.begin(upload)
        for short, content in self.relay.out.items():
            if self.told.rows[short].file not in self.told.believed:
                self.ends.relay.offer_streamed(
                    Kind.ATTACHMENT_DOWN, short, len(content), BULK, self.ends.now
                )

    def cut(self, *, restart: bool = False) -> None:
        """Lose the session; with ``restart`` the terminal's process, too."""
        self.ends.cut()
        self.transfers.cut()
        self.relay.pending.clear()
        for short in self.relay.out:
            self.ends.relay.withdraw(short)
        if restart:
            fresh = Ends()
            self.ends.terminal = fresh.terminal
            self.jobs.clear()
            self.transfers = self._transfers()

    def step(self) -> bool:
        """Move one cell each way; tell whether anything moved."""
        self.transfers.feed()
        self.relay.feed()
        self.ends.send(limit=1)
        moved = False
        if self.ends.up:
            moved = True
            for effect in self.ends.arrive_up():
                self.relay.take(effect)
        if self.ends.down:
            moved = True
            for effect in self.ends.arrive_down():
                self.transfers.effect(effect)
        self.ends.now += 0.01
        return moved

    def work(self) -> None:
        """Do what the shell wanted done aside."""
        while self.jobs:
            job = self.jobs.popleft()
            job.done(job.work())

    def run(self, steps: int = 100_000) -> None:
        """Move cells until nothing moves any more."""
        still = 0
        for _ in range(steps):
            still = 0 if self.step() else still + 1
            self.relay.commit()
            self.work()
            if still > 50:  # half a second of silence
                return
        raise AssertionError("it never ends")

    # --- blobs

    def to_send(self, content: bytes) -> bytes:
        file = H(content).hex()
        self.spool.write(file, 0, content)
        self.uploads.append(Upload(H(content), file, len(content)))
        return H(content)[:16]

    def to_fetch(self, content: bytes, demand: Demand, name: Digest) -> BlobRow:
        row = BlobRow(name, H(content), IN, H(content).hex(), len(content), 3)
        self.told.rows[row.blob[:16]] = row
        self.told.demands[row.file] = demand
        self.relay.out[row.blob[:16]] = content
        return row
