"""An exchange in memory, and the evidence that each side can give of it."""

from dataclasses import dataclass

from client.core.evidence import Gathered, Paths, gather, made, reigning, wanted
from client.core.rows import RecordRow
from crypto.merkle import consistency_path, inclusion_path
from crypto.types import Digest
from protocol.evidence.check import verify_bundle
from protocol.evidence.findings import Findings
from protocol.requests import LogName
from tests.support.desk import Desk, exchange, pair
from tests.support.fake_relay import FakeRelay
from tests.support.ministry import Ministry


@dataclass
class Case:
    """A record from Bern to TFC, with its receipts."""

    hague: Ministry
    bern: Desk
    tfc: Desk
    name: Digest

    @property
    def relay(self) -> FakeRelay:
        return self.bern.relay

    @property
    def pin(self) -> Digest:
        return self.hague.directory.root.digest

    def row(self, desk: Desk) -> RecordRow:
        row = desk.store.record(self.name)
        assert row is not None
        return row

    def paths(self, gathered: Gathered) -> Paths:
        node, asked = self.relay.logs[LogName.MESSAGE].node, wanted(gathered)
        return Paths(
            {span: consistency_path(*span, node) for span in asked.consistency},
            {span: inclusion_path(*span, node) for span in asked.inclusion},
        )

    def bundle(self, desk: Desk, *, fresh: bool = False) -> bytes:
        gathered = gather(desk.store, self.row(desk), fresh=fresh)
        reigns = reigning(desk.store, self.hague.realm)
        return made(desk.store, gathered, self.paths(gathered), reigns)

    def findings(self, data: bytes) -> Findings:
        return verify_bundle(data, self.pin, self.hague.realm)


def settle(*desks: Desk) -> None:
    """Let everybody exchange, and every leaf be proven."""
    for _ in range(3):
        exchange(*desks)


def case(hague: Ministry) -> Case:
    """Return an exchange: sent, delivered, read, acknowledged; all of it logged."""
    bern, tfc = pair(hague, FakeRelay(hague))
    composed = bern.write("tfc", "De zaak.")
    settle(bern, tfc)
    (row,) = tfc.inbox()
    tfc.machine.read(row, tfc.now)
    tfc.machine.acknowledge(row, tfc.now)
    settle(bern, tfc)
    return Case(hague, bern, tfc, composed.name)
