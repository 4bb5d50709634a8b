"""Attachments between two real cores: what is sent, believed and told."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from client.core.compose import Composed
from client.core.rows import BlobState
from client.spool import seal_file
from crypto.suite import SuiteId
from protocol.receipt import Kind
from tests.support.desk import Desk, cable, exchange, pair
from tests.support.fake_relay import FakeRelay
from tests.support.keys import stretched
from tests.support.ministry import Ministry, ministry

FILES = (stretched("one", 70_000), stretched("two", 10))


@pytest.fixture
def hague() -> Ministry:
    return ministry()


@pytest.fixture
def relay(hague: Ministry) -> FakeRelay:
    return FakeRelay(hague)


@pytest.fixture
def desks(hague: Ministry, relay: FakeRelay) -> tuple[Desk, Desk]:
    return pair(hague, relay)


def send(desk: Desk, to: str = "tfc", files: Sequence[bytes] = FILES) -> Composed:
    """Compose a cable with ``files``, sealed into the desk's spool."""
    source = desk.spool.folder.parent / f"{desk.spool.folder.name}.plain"
    spooled = []
    for number, content in enumerate(files):
        source.write_bytes(content)
        spooled.append(
            seal_file(
                desk.spool,
                source,
                suite=SuiteId.S1,
                name=f"{number}.bin",
                media="application/octet-stream",
                entropy=desk.entropy,
                progress=lambda _: None,
            )
        )
    source.unlink(missing_ok=True)
    wish = replace(cable(to), spooled=tuple(spooled))
    composed = desk.machine.compose(wish, desk.now)
    desk.effects.extend(desk.machine.pump(desk.now))
    return composed


def whole(desk: Desk, sent: Composed) -> list[bool]:
    return [target.delivery.whole for target in desk.store.targets(sent.name)]


def states(desk: Desk, sent: Composed) -> list[BlobState]:
    return [row.state for row in desk.store.blobs.of(sent.name)]


def test_blobs_arrive_are_told_and_let_go(desks: tuple[Desk, Desk]) -> None:
    bern, tfc = desks
    sent = send(bern)
    exchange(bern, tfc)
    assert states(bern, sent) == states(tfc, sent) == [BlobState.DONE] * 2
    assert whole(bern, sent) == [True]
    assert list(bern.spool.folder.iterdir()) == []  # everybody has it
    assert not any(bern.relay.blobs.announced.values())  # the relay owes nothing
    assert {"attachments-stored", "whole"} <= set(bern.happened())
    assert "attachments-complete" in tfc.happened()
    delivered = [r for r in bern.store.receipts(sent.name) if r.kind == Kind.DELIVERED]
    assert len(delivered) == 1  # said twice, and one fact
