"""An honest ministry raises no alarm, in any order of lanes and over many days."""

from client.core.alarms import Alarm
from protocol.label import Precedence
from protocol.policy import DAY
from tests.support.desk import box_of, exchange, pair
from tests.support.fake_relay import FakeRelay
from tests.support.ministry import ministry


def test_an_honest_fortnight_raises_no_alarm() -> None:
    """Two posts that write, read and acknowledge, in any order of lanes."""
    hague = ministry()
    bern, tfc = pair(hague, FakeRelay(hague))
    for day in range(14):
        lane = list(Precedence)[day % 4]
        for one, other in ((bern, "tfc"), (tfc, "bern")):
            one.write(other, f"dag {day}", lane)
            one.run()
        box_of(tfc).reverse()
        exchange(bern, tfc)
        for desk in (bern, tfc):
            for row in desk.inbox():
                desk.machine.read(row, desk.now)
                desk.machine.acknowledge(row, desk.now)
        exchange(bern, tfc)
        for _ in range(4):
            for desk in (bern, tfc):
                desk.tick(DAY // 8)
            exchange(bern, tfc)
        assert bern.alarms() | tfc.alarms() == set(), day
    events = set(bern.happened()) | set(tfc.happened())
    assert events & {alarm.value for alarm in Alarm} == set()
