"""Two terminals that wrote to each other, whose lines are cut, and their bundles."""

from client.core.rows import RecordRow
from tests.support.desk import Desk, cable, exchange, pair
from tests.support.fake_relay import FakeRelay
from tests.support.ministry import Ministry


def apart(hague: Ministry) -> tuple[Desk, Desk]:
    """Bern and TFC, who wrote to each other, and whose lines are now cut."""
    bern, tfc = pair(hague, FakeRelay(hague))
    bern.write("tfc")
    tfc.write("bern")
    exchange(bern, tfc)
    for desk in (bern, tfc):
        desk.connect()
        exchange(bern, tfc)
        desk.machine.disconnected()
    return bern, tfc


def written(desk: Desk, to: str = "tfc", text: str = "Per koerier.") -> RecordRow:
    composed = desk.machine.compose(cable(to, text), desk.now)
    row = desk.store.record(composed.name)
    assert row is not None
    return row


def packed(desk: Desk, row: RecordRow, *only: str) -> bytes:
    return desk.machine.courier.pack(row, only, desk.now).data
