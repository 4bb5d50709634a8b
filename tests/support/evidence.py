"""An exchange in memory, and the evidence that each side can give of it."""

from dataclasses import dataclass

from msgspec import structs

from client.core.evidence import Gathered, Paths, gather, made, reigning, wanted
from client.core.rows import RecordRow
from crypto.merkle import consistency_path, inclusion_path
from crypto.types import Digest
from protocol.codec import encode
from protocol.evidence.check import verify_bundle
from protocol.evidence.findings import Findings
from protocol.key_log_entry import LeafKind, signed_leaf
from protocol.requests import LogName
from protocol.witness_policy import WitnessPolicy
from tests.support.desk import Desk, exchange, pair
from tests.support.fake_relay import FakeRelay
from tests.support.ministry import Ministry, sign_root
from tests.support.witnesses import witness_key


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


def refresh(*desks: Desk) -> None:
    """Let everybody see the same key log witnessed later: the last time as it is."""
    desks[0].relay.now += 600
    for desk in desks:
        desk.restart()
        desk.connect()


def successor(hague: Ministry) -> bytes:
    """Return root document 2: w1 alone, where two of three were needed."""
    root = hague.directory.root
    document = structs.replace(
        root.document,
        version=2,
        prev=root.digest,
        witnesses=WitnessPolicy(witnesses=(witness_key("w1"),), quorum=1),
    )
    signed = sign_root(encode(document), hague.holders[:2], hague.realm)
    return signed_leaf(LeafKind.ROOT, signed)


def follow_root(*desks: Desk) -> None:
    """Log root document 2, an hour after all saw the log without it."""
    relay, hague = desks[0].relay, desks[0].ministry
    leaf = successor(hague)
    refresh(*desks)
    relay.witnesses = ("w1",)
    relay.now += 3600
    relay.logs[LogName.KEY].append(leaf)
    hague.follow(leaf)
    settle(*desks)
