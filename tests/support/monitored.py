"""A relay's public side and its witnesses, in memory: for an auditor to look at."""

from dataclasses import dataclass, field

from client.audit.source import CHECKPOINT, SourceError
from protocol.errors import MalformedError
from protocol.requests import LogName
from protocol.tiles import parse_path, tile_data
from tests.support.fake_relay import FakeRelay
from tests.support.witnesses import ORGANISATIONS, witness_key


@dataclass
class Shown:
    """A :class:`client.audit.source.Source` over a relay in memory."""

    relay: FakeRelay
    away: bool = False
    notes: dict[LogName, bytes] = field(default_factory=dict)  # shown instead
    asked: list[str] = field(default_factory=list)

    async def get(self, log: LogName, path: str) -> bytes:
        if self.away:
            raise SourceError("audit.relay-away")
        self.asked.append(path)
        held = self.relay.logs[log]
        if path == CHECKPOINT:
            if log in self.notes:
                return self.notes[log]
            if not held.frontier.size:
                return b""
            return held.checkpoint(self.relay.now, self.relay.witnesses)
        try:
            tile = parse_path(path)
            return tile_data(tile, held.node)
        except (MalformedError, KeyError):
            return b""


def saying(
    relay: FakeRelay, now: int, names: tuple[str, ...] = tuple(ORGANISATIONS)
) -> dict[str, dict[LogName, bytes]]:
    """Return what witnesses show of this relay's logs: their last words at ``now``."""
    return {
        witness_key(name).name: {
            log: held.checkpoint(now, (name,))
            for log, held in relay.logs.items()
            if held.frontier.size
        }
        for name in names
    }
