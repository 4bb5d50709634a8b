"""A witness of a council: the real one, its noticeboard, and what it has cosigned."""

from dataclasses import dataclass, field
from types import SimpleNamespace

from client.core.witnesses import Said
from protocol.checkpoint import parse_checkpoint
from protocol.errors import ProtocolError
from protocol.note import parse_note
from protocol.requests import LogName
from protocol.root_chain import founding_root
from protocol.witness import WitnessRefusal
from server.witness.noticeboard import FILE, Noticeboard
from tests.support.council.beginning import Beginning
from tests.support.sim.stage import SimClock, Stage
from tests.support.sim.witness import Answer, SimWitness, WitnessHttp


class SkewedClock(SimClock):
    """A clock that somebody put forward or back."""

    def __init__(self, of: SimClock) -> None:
        self._of = of
        self.skew = 0

    def wall(self) -> int:
        return self._of.wall() + self.skew

    def monotonic(self) -> float:
        return self._of.monotonic()


class BoothHttp(WitnessHttp):
    """The way to the booths, except to those out of reach."""

    def __init__(self, booths: "dict[str, Booth]") -> None:
        super().__init__({**booths}, lambda: False)
        self._booths = booths

    async def _ask(self, url: str, body: bytes | None) -> SimpleNamespace:
        host = url.removeprefix("https://").partition("/")[0]
        if self._booths[host.split(".")[0]].deaf:
            raise ConnectionResetError
        return await super()._ask(url, body)


@dataclass
class Booth(SimWitness):
    """See the module."""

    began: Beginning | None = None
    deaf: bool = False
    # By origin: each size that it cosigned, and the true time of the first time.
    cosigned: dict[str, dict[int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clock = SkewedClock(self.stage.clock)
        self.board: Noticeboard

    def open(self) -> None:
        """Begin, or begin again with what its folder holds."""
        # Its own clock: cosignatures say what time it thinks it is.
        self.stage = Stage(**{**vars(self.stage), "clock": self.clock})
        self.start()
        began, service = self.began, self.service
        assert began is not None
        assert service is not None
        root = founding_root(
            began.leaves[:1],
            pin=began.model.root.name,
            realm=began.ministry.realm,
        )
        folder = self.stage.folder / self.name
        self.board = Noticeboard(folder / FILE, root, service, self.clock)

    def restart(self) -> None:
        self.crash()
        self.open()

    async def answer(self, path: str, body: bytes | None) -> Answer:
        status, found = await super().answer(path, body)
        if path == "/add-checkpoint" and status == 200:
            await self.board.tidy()
            self._note()
        return status, found

    def _note(self) -> None:
        root = self.stage.ministry.directory.root.document
        for key in (root.key_log, root.message_log):
            try:
                note = self.latest(key.origin)
            except WitnessRefusal:
                continue
            size = parse_checkpoint(parse_note(note).text).size
            true = self.clock.wall() - self.clock.skew
            self.cosigned.setdefault(key.origin, {}).setdefault(size, true)

    def latest(self, origin: str) -> bytes:
        assert self.service is not None
        return self.service.latest(origin)

    def says(self) -> Said:
        """Return what a terminal hears that asks it."""
        root = self.stage.ministry.directory.root.document
        keys = {LogName.KEY: root.key_log, LogName.MESSAGE: root.message_log}
        notes = {}
        for log, key in keys.items():
            try:
                notes[log] = self.latest(key.origin)
            except WitnessRefusal:
                continue
        return Said(f"{self.name}.example/witness", notes, self.board.served())

    async def post(self, bulletin: bytes) -> bool:
        """Take a bulletin; False: it was refused."""
        try:
            await self.board.post(bulletin)
        except ProtocolError:
            return False
        return True
